"""A check and what it found; how columns are compared and their rows named. Pure, but for Arrow."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

import pyarrow as pa
import pyarrow.compute as pc

from venmo_api.archive.columns import ID, UUID_BYTES
from venmo_api.core.money import dollars

NAMED_MOST = 3


@dataclass(frozen=True, slots=True)
class Counted:
    """How many of what; or, ``is_money``, how many cents."""

    number: int
    one: str
    many: str = ""
    is_money: bool = False

    def __str__(self) -> str:
        if self.is_money:
            return f"{dollars(self.number)} {self.one}".rstrip()
        return f"{self.number:,} {self.one if self.number == 1 else self.many or self.one + 's'}"


@dataclass(frozen=True, slots=True)
class Check:
    """One claim: ``over`` says over what, ``failures`` how often it does not hold, ``named`` where, at first."""

    name: str
    over: tuple[Counted, ...]
    failures: int
    named: tuple[str, ...]
    ending: str = ""

    @property
    def passed(self) -> bool:
        return self.failures == 0

    @property
    def counted(self) -> str:
        return ", ".join(map(str, self.over))

    @property
    def detail(self) -> str:
        first = "; ".join(self.named) + (f" {self.ending}" if self.named and self.ending else "")
        more = self.failures - len(self.named)
        return first + (f"; and {more:,} more" if more > 0 else "")

    def __add__(self, other: "Check") -> "Check":
        """The same claim over both."""
        over = tuple(
            replace(mine, number=mine.number + theirs.number)
            for mine, theirs in zip(self.over, other.over, strict=True)
        )
        named = (self.named + other.named)[:NAMED_MOST]
        return replace(self, over=over, failures=self.failures + other.failures, named=named)


def check(name: str, over: Counted | Iterable[Counted], offenders: Sequence[str], *, ending: str = "") -> Check:
    over = (over,) if isinstance(over, Counted) else tuple(over)
    return Check(name, over, len(offenders), tuple(offenders[:NAMED_MOST]), ending)


def count(number: int, one: str, many: str = "") -> Counted:
    return Counted(number, one, many)


def cents(number: int, what: str = "") -> Counted:
    return Counted(number, what, is_money=True)


def named(noun: str, ids: pa.ChunkedArray) -> list[str]:
    return [f"{noun} {UUID(bytes=each)}" for each in ids.to_pylist()]


def repeated(ids: pa.ChunkedArray) -> pa.Array:
    counts = pc.value_counts(ids)
    return counts.field("values").filter(pc.greater(counts.field("counts"), 1))


def missing(ids: pa.ChunkedArray, known: pa.ChunkedArray) -> pa.ChunkedArray:
    return ids.filter(absent(ids, known))


def absent(ids: pa.ChunkedArray, known: pa.ChunkedArray) -> pa.ChunkedArray:
    """Which of ``ids`` are not ``known``."""
    return pc.invert(pc.is_in(ids, known.combine_chunks()))


def either(*masks: pa.ChunkedArray) -> pa.ChunkedArray:
    """Rows that are wrong in any way."""
    first, *others = masks
    for mask in others:
        first = pc.or_(first, mask)
    return first


def true(flags: pa.ChunkedArray) -> pa.ChunkedArray:
    """Which of these ones and noughts are one."""
    return pc.equal(flags, 1)


def is_set(ids: pa.ChunkedArray) -> pa.ChunkedArray:
    """Which of these ids are not nil."""
    return pc.not_equal(ids, pa.scalar(bytes(UUID_BYTES), ID))


def looked_up(wanted: pa.ChunkedArray, ids: pa.ChunkedArray, values: pa.ChunkedArray) -> pa.ChunkedArray:
    """The value of each wanted id, null for one that is not there."""
    return values.take(pc.index_in(wanted, ids.combine_chunks()))


def difference(due: pa.Table, actual: pa.Table) -> pa.Array:
    """The ids (first column) of rows that are on one side only, or not as often on the other."""
    names = due.column_names
    sides = [
        table.append_column("side", pa.repeat(pa.scalar(sign, pa.int64()), table.num_rows))
        for table, sign in ((due, 1), (actual.rename_columns(names), -1))
    ]
    counts = pa.concat_tables(sides).group_by(names).aggregate([("side", "sum")])
    return pc.unique(counts[names[0]].filter(pc.not_equal(counts["side_sum"], 0)))
