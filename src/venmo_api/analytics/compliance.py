"""What a business day must be reported for, whoever it was: large sums of one person, large transfers."""

import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from anyio.to_thread import run_sync

from venmo_api.adapters.bundle import Adapters
from venmo_api.analytics import evidence
from venmo_api.analytics.inputs import DENIED
from venmo_api.archive import catalog, snapshot
from venmo_api.archive.rules import RISK, File
from venmo_api.core import ids
from venmo_api.core.clock import rfc3339
from venmo_api.core.figures import Figures

COLUMNS = ("tx_id", "decided_at", "kind", "sender_id", "recipient_id", "amount", "verdict")
NIL = bytes(16)


@dataclass(frozen=True, slots=True)
class Aggregate:
    """One person's business day: all they ``sent`` or cashed out, all they ``received``, in cents."""

    user: str
    sent: int
    received: int
    payments: int


@dataclass(frozen=True, slots=True)
class Carried:
    """One transfer that must carry who sends and who receives it."""

    transfer: str
    at: str
    sender: str
    recipient: str | None
    amount: int


@dataclass(frozen=True, slots=True)
class BusinessDay:
    """``complete``: the archive holds all of it; of a day that is not over, or not archived, it holds a part."""

    day: str
    start_at: str
    end_at: str
    complete: bool
    payments: int
    currency: tuple[Aggregate, ...]
    travel_rule: tuple[Carried, ...]

    def document(self) -> dict[str, Any]:
        return asdict(self)


async def report(app: Adapters, day: date, progress: Any) -> BusinessDay:
    """Of the payments and cash-outs of ``day`` that were not declined, as the archive holds them. Aggregates include
    what is held and may yet be given back. Raises ArchiveMismatch, ObjectMissing, ObjectDamaged."""
    start, end = bounds(day, app.figures)
    standing = await catalog.standing(app, await app.database.read(snapshot.manifests))
    files = catalog.of_days(standing, RISK, start.date(), end.date())
    newest = max((file.max_day for file in standing if file.key.startswith(f"{RISK}/")), default="")
    parts = []
    with tempfile.TemporaryDirectory(prefix="venmo-compliance-") as folder:
        for number, file in enumerate(files, start=1):
            copy = Path(folder) / file.sha256
            await app.objects.download(file.key, copy)
            parts.append(await run_sync(_read, file, copy, start, end))
            copy.unlink()
            progress(f"file {number} of {len(files)}")
    rows = pa.concat_tables(parts) if parts else None
    return BusinessDay(
        day=str(day),
        start_at=rfc3339(start),
        end_at=rfc3339(end),
        complete=newest > str(end.date()),
        payments=rows.num_rows if rows else 0,
        currency=tuple(aggregates(rows, above=app.figures.currency_report_above)) if rows else (),
        travel_rule=tuple(_carried(rows, app.figures.travel_rule_from)) if rows else (),
    )


def bounds(day: date, figures: Figures) -> tuple[datetime, datetime]:
    """When a business day begins and ends."""
    start = datetime.combine(day, time(figures.business_day_starts_hour), UTC)
    return start, start + timedelta(days=1)


def aggregates(rows: pa.Table, *, above: int) -> list[Aggregate]:
    """Who sent, or received, more than ``above`` in all; the largest first."""
    sent = _sums(rows, "sender_id")
    received = _sums(rows.filter(pc.not_equal(rows["recipient_id"], NIL)), "recipient_id")
    people = {who: (sent.get(who, (0, 0)), received.get(who, (0, 0))) for who in sent.keys() | received.keys()}
    found = [
        Aggregate(ids.encode(ids.USER, UUID(bytes=who)), out[0], came[0], out[1] + came[1])
        for who, (out, came) in people.items()
        if max(out[0], came[0]) > above
    ]
    return sorted(found, key=lambda one: (-max(one.sent, one.received), one.user))


def _sums(rows: pa.Table, who: str) -> dict[bytes, tuple[int, int]]:
    found = rows.group_by(who).aggregate([("amount", "sum"), ("amount", "count")])
    columns = (found[name].to_pylist() for name in (who, "amount_sum", "amount_count"))
    return {name: (total, count) for name, total, count in zip(*columns, strict=True)}


def _carried(rows: pa.Table, least: int) -> Sequence[Carried]:
    large = rows.filter(pc.greater_equal(rows["amount"], least)).sort_by("decided_at")
    return [
        Carried(
            transfer=ids.encode(ids.TRANSFER if row["kind"] == "payment" else ids.CASH_OUT, UUID(bytes=row["tx_id"])),
            at=rfc3339(row["decided_at"]),
            sender=ids.encode(ids.USER, UUID(bytes=row["sender_id"])),
            recipient=ids.encode(ids.USER, UUID(bytes=row["recipient_id"])) if row["recipient_id"] != NIL else None,
            amount=row["amount"],
        )
        for row in large.to_pylist()
    ]


def _read(file: File, copy: Path, start: datetime, end: datetime) -> pa.Table:
    evidence.ensure_whole(file, copy)
    wanted = (pc.field("decided_at") >= start) & (pc.field("decided_at") < end) & (pc.field("verdict") != DENIED)
    return pq.read_table(copy, columns=list(COLUMNS), filters=wanted).cast(_plain())


def _plain() -> pa.Schema:
    """Without dictionaries, which differ from file to file."""
    moment, name = pa.timestamp("us", tz="UTC"), pa.binary(16)
    types = (name, moment, pa.string(), name, name, pa.int64(), pa.string())
    return pa.schema(list(zip(COLUMNS, types, strict=True)))
