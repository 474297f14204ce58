"""What detections found of what was planted: recall and precision of each, on a town. A self-check, and no more."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from venmo_api.analytics.plants import TYPOLOGIES, Plant

RECALL_ASKED = {"new_account_cash_out": 0.90}
RECALL_USUAL = 0.99


@dataclass(frozen=True, slots=True)
class Score:
    """Of one typology: how many were ``planted`` and how many of them ``found``; how many ``findings`` there are, and
    how many are ``true``: they name somebody of a plant, of this typology or another, at its time."""

    typology: str
    planted: int
    found: int
    findings: int
    true: int

    @property
    def recall(self) -> float:
        return self.found / self.planted if self.planted else 1.0

    @property
    def precision(self) -> float:
        return self.true / self.findings if self.findings else 1.0

    @property
    def enough(self) -> bool:
        return self.recall >= RECALL_ASKED.get(self.typology, RECALL_USUAL)


def read(folder: Path) -> list[Plant]:
    """What was planted in the town that ``town.write`` left here."""
    return [Plant(*row.values()) for row in pq.read_table(folder / "truth/plants.parquet").to_pylist()]


def judge(findings: pa.Table, planted: Iterable[Plant]) -> list[Score]:
    """``findings`` as ``engines.run`` tells them."""
    by_member: dict[int, list[Plant]] = {}
    counts = dict.fromkeys(TYPOLOGIES, 0)
    for plant in planted:
        counts[plant.typology] += 1
        for member in plant.members:
            by_member.setdefault(member, []).append(plant)
    found: dict[str, set[int]] = {typology: set() for typology in TYPOLOGIES}
    told, true = dict.fromkeys(TYPOLOGIES, 0), dict.fromkeys(TYPOLOGIES, 0)
    for row in findings.select(["detector", "subject", "from_us", "to_us"]).to_pylist():
        hit = list(_met(by_member.get(row["subject"], []), row["from_us"], row["to_us"]))
        told[row["detector"]] += 1
        true[row["detector"]] += bool(hit)
        found[row["detector"]].update(plant.number for plant in hit if plant.typology == row["detector"])
    return [Score(name, counts[name], len(found[name]), told[name], true[name]) for name in TYPOLOGIES]


def report(scores: Iterable[Score]) -> str:
    """One line a typology; ``-`` where there is nothing to judge by."""
    lines = [f"{'typology':24} {'planted':>8} {'found':>8} {'recall':>7} {'findings':>9} {'true':>8} {'precision':>9}"]
    lines += [
        f"{one.typology:24} {one.planted:8,} {one.found:8,} {_share(one.recall, of=one.planted):>7} {one.findings:9,} "
        f"{one.true:8,} {_share(one.precision, of=one.findings):>9}{'' if one.enough else '  too few'}"
        for one in scores
    ]
    return "\n".join(lines)


def _share(share: float, *, of: int) -> str:
    return f"{share:.3f}" if of else "-"


def _met(plants: list[Plant], from_us: int, to_us: int) -> Iterator[Plant]:
    return (plant for plant in plants if plant.first_us <= to_us and from_us <= plant.last_us)
