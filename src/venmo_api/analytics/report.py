"""The report page: one HTML file with its plots within it, over the alerts and cases there are, or over a town."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.postgres import Transaction
from venmo_api.analytics import engines, inputs, plots, queries, truth
from venmo_api.analytics.cases import Dossier, dossier
from venmo_api.analytics.engines import Progress, Told
from venmo_api.analytics.inputs import number
from venmo_api.analytics.model_report import calibration_plot, image, page, table
from venmo_api.analytics.plots import CASH, PHONE, Found, Ring, words
from venmo_api.analytics.rules import Case
from venmo_api.analytics.scores import Bin
from venmo_api.analytics.truth import Score
from venmo_api.analytics.typologies import DEVICE, NAMED, TYPOLOGIES
from venmo_api.core import ids
from venmo_api.core.paging import MAX_LIMIT, PageRequest

RINGS_MOST = 6
DETECTORS = tuple(each.name for each in TYPOLOGIES)
DRAWN = ("fan_in_mule", "cycle", "shared_device", "fan_out", "new_account_cash_out", "structuring")
"""Of a town one of each of these."""


@dataclass(frozen=True, slots=True)
class Picture:
    """What there is to show. ``scores`` are of a town, ``cases`` of a service."""

    title: str
    said: str
    found: Sequence[Found]
    rings: Sequence[Ring]
    scores: Sequence[Score] = ()
    cases: Sequence[Case] = ()
    states: Sequence[tuple[str, int]] = ()
    calibration: Sequence[Bin] = field(default_factory=tuple)


def of_town(folder: Path, progress: Progress) -> Picture:
    """Run the detections over a town and hold what they find against what was planted."""
    town = inputs.read(folder)
    with engines.duckdb(town) as engine:
        told = engines.run(engine, inputs.ALWAYS, progress)
    planted = truth.read(folder)
    progress("drawing")
    return Picture(
        title="What the detections find in a town",
        said=(
            f"{town.payments.count_rows():,} payments of {town.accounts.count_rows():,} accounts, all made up; "
            f"{len(planted):,} crimes are planted among them. This is a self-check: who planted and who looks are one "
            "and the same, so it says that the detections work and nothing of how much real crime they find."
        ),
        found=[
            Found(row["detector"], _day(row["from_us"]), row["amount"])
            for row in told.findings.select(["detector", "from_us", "amount"]).to_pylist()
        ],
        rings=list(_town_rings(told, town.payments)),
        scores=truth.judge(told.findings, planted),
    )


async def of_service(app: Adapters, progress: Progress) -> Picture:
    """The alerts there are, and the cases they became."""
    progress("reading alerts and cases")
    found, cases, states, drawn, calibration = await app.database.read(_read)
    now = app.clock.now()
    return Picture(
        title="Alerts and cases",
        said=f"As of {now:%Y-%m-%d %H:%M} UTC. {len(found):,} alerts; people are told by pseudonymous ids only.",
        found=found,
        rings=[_case_ring(one) for one in drawn],
        cases=cases,
        states=states,
        calibration=calibration,
    )


def written(picture: Picture) -> str:
    """The page."""
    parts: list[str] = []
    if picture.scores:
        parts += [
            "<h2>What was found of what was planted</h2>",
            "<p class=note>Recall: of the plants, how many were found. Precision: of the findings, how many name "
            "somebody of a plant at its time.</p>",
            image(plots.scores(picture.scores), "Recall and precision of each detection"),
            table(SCORES, [_score(one) for one in picture.scores]),
        ]
    if picture.states:
        parts += ["<h2>Cases</h2>", table(("Cases", ""), [(name, f"{count:,}") for name, count in picture.states])]
    if picture.cases:
        parts += ["<p class=note>Those nobody has ended, the largest first.</p>"]
        parts += [table(CASES, [_case(one) for one in picture.cases])]
    if picture.found:
        parts += [
            "<h2>Found by day</h2>",
            "<p class=note>How many a day, with the sum of each row beside its name; each row has its own scale, whose "
            "end is told.</p>",
            image(plots.by_day(picture.found, DETECTORS), "Findings of each detection by day"),
            "<h2>How much it is about</h2>",
            "<p class=note>A dot each; the red line is the middle one.</p>",
            image(plots.amounts(picture.found, DETECTORS), "Amounts of each detection"),
        ]
    else:
        parts.append("<p>There are no alerts.</p>")
    if picture.rings:
        parts += [
            "<h2>Who paid whom</h2>",
            "<p class=note>Red: whom it is about. An arrow is money, a wider one more of it.</p>",
            image(plots.rings(picture.rings), "Payments between the accounts of some findings"),
        ]
    if picture.calibration:
        parts += [
            "<h2>The newest model</h2>",
            "<p class=note>What it said, against how many were fraud; on the line both are the same.</p>",
            image(calibration_plot(picture.calibration), "Calibration of the newest model"),
        ]
    return page(picture.title, picture.said, *parts)


SCORES = ("Typology", "Planted", "Found", "Recall", "Findings", "True", "Precision")
CASES = ("Case", "Found by", "Alerts", "Payments", "USD", "Opened", "Report due")


def _score(one: Score) -> tuple[str, ...]:
    counts = f"{one.planted:,}", f"{one.found:,}", f"{one.recall:.3f}", f"{one.findings:,}", f"{one.true:,}"
    return words(one.typology), *counts, f"{one.precision:.3f}"


def _case(one: Case) -> tuple[str, ...]:
    found_by = ", ".join(words(name) for name in one.typologies)
    due = _unbroken(one.due_at) if one.due_at else ""
    counts = f"{one.alerts:,}", f"{one.payments:,}", f"{one.amount / 100:,.2f}"
    return ids.encode(ids.CASE, one.id), found_by, *counts, _unbroken(one.opened_at), due


def _unbroken(at: datetime) -> str:
    """The day, with hyphens that no line ends at."""
    return f"{at:%Y-%m-%d}".replace("-", "\N{NON-BREAKING HYPHEN}")


async def _read(tx: Transaction) -> Any:
    found = [Found(row.detector, row.day, row.amount) for row in await queries.alert_points(tx)]
    cases = await queries.cases(tx, PageRequest(limit=MAX_LIMIT), closed=False, reader=None)
    largest = sorted(cases, key=lambda case: -case.amount)
    drawn = [await dossier(tx, case.id) for case in largest[:RINGS_MOST]]
    states = [(words(row.disposition or row.state), row.cases) for row in await queries.cases_by_state(tx)]
    calibration = [Bin(**each) for each in await queries.newest_calibration(tx)]
    return found, largest[:20], states, drawn, calibration


def _case_ring(found: Dossier) -> Ring:
    once = {payment.tx_id: payment for _, payment in found.payments}.values()
    paid = [(number(one.sender_id), number(one.recipient_id) if one.recipient_id else CASH, one.amount) for one in once]
    title = f"…{found.case.id.hex[-8:]}: {', '.join(words(name) for name in found.case.typologies)}"
    detector = found.case.typologies[0] if len(found.case.typologies) == 1 else "several"
    return _ring(title, detector, paid, {one.number for one in found.subjects})


def _town_rings(told: Told, payments: Any) -> Iterator[Ring]:
    for detector in DRAWN:
        found = told.findings.filter(pc.equal(told.findings["detector"], detector)).sort_by([("score", "descending")])
        if not found.num_rows:
            continue
        row = found.slice(0, 1).to_pylist()[0]
        legs = told.evidence
        for name in ("detector", "subject", "window_start_us"):
            legs = legs.filter(pc.equal(legs[name], row[name]))
        wanted = pc.field("tx_id").isin(legs["tx_id"].combine_chunks())
        rows = payments.to_table(columns=["sender", "recipient", "amount"], filter=wanted)
        yield _ring(words(detector), detector, _paid(rows), {row["subject"]})


def _paid(rows: pa.Table) -> list[tuple[int, int, int]]:
    return list(zip(*(rows[name].to_pylist() for name in ("sender", "recipient", "amount")), strict=True))


def _ring(title: str, detector: str, paid: list[tuple[int, int, int]], subjects: Collection[int]) -> Ring:
    """Of a device it is about those who used it, of a cycle about all."""
    senders = frozenset(sender for sender, _, _ in paid)
    if detector == "cycle":
        return Ring(title, paid, senders)
    if detector in NAMED and NAMED[detector].subject == DEVICE:
        return Ring(title, paid + [(PHONE, sender, 0) for sender in sorted(senders)], senders)
    return Ring(title, paid, frozenset(subjects))


def _day(us: int) -> date:
    return datetime.fromtimestamp(us // 1_000_000, UTC).date()
