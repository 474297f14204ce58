"""Partitions of history by time: where they are cut, frozen and dropped, and how their rows are read."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Concatenate, Final, ParamSpec, TypeVar

import pyarrow as pa
from sqlalchemy import text

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.postgres import Contended, Transaction
from venmo_api.archive import queries
from venmo_api.archive.rules import PartitionTooLarge

LEDGER: Final = "ledger"
EVENTS: Final = "events"
AUDIT: Final = "audit"
ACCESS: Final = "access"
RISK: Final = "risk"
BY_THE_WALL: Final = frozenset({AUDIT, ACCESS})
"""Groups whose moments are those of the wall clock; the others' are business time."""
DAYS_AHEAD: Final = 14
"""Cut before anything happens in them: only what is empty is cut for nothing."""
WAIT_FIRST_SECONDS: Final = 0.05
WAIT_MOST_SECONDS: Final = 2.0
TRIES_MOST: Final = 60

GROUPS = text("SELECT DISTINCT group_name FROM archive_tables ORDER BY group_name")
CLOSED = text("""
    SELECT group_name, nullif(lower, '-infinity') AS lower, upper FROM archive_partitions
    WHERE group_name = :group AND state <> 'moved' AND upper <= :before ORDER BY upper
""")
BOUNDARIES = text("SELECT lower FROM archive_partitions WHERE group_name = :group AND lower > :after")
LEAF = text("SELECT archive_leaf(:table, :lower)")
CUT = text("SELECT archive_cut(:group, :at)")
HOWEVER_LARGE = (text("SET LOCAL archive.cut_most = '9223372036854775807'"), text("SET LOCAL statement_timeout = 0"))
FREEZE = text("SELECT archive_freeze(:group, :upper)")
DROP = text("SELECT archive_drop(:group, :lower, :upper, :sequence)")

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Partition:
    """The rows of a group from ``lower`` (None: the beginning) to before ``upper``."""

    group: str
    lower: datetime | None
    upper: datetime


async def groups(tx: Transaction) -> list[str]:
    return list((await tx.execute(GROUPS)).scalars())


async def closed(tx: Transaction, group: str, before: datetime) -> list[Partition]:
    """Those that end at ``before`` or earlier and have not been moved, the oldest first; frozen or not."""
    rows = await tx.execute(CLOSED, {"group": group, "before": before})
    return [Partition(row.group_name, row.lower, row.upper) for row in rows]


async def cut(app: Adapters, group: str, at: datetime, *, however_large: bool = False) -> bool:
    """Make ``at`` a boundary of ``group``; False when it is one, or lies in what is frozen.

    Rows that are at or after ``at`` already are moved while payments wait. Raises PartitionTooLarge where that would
    take long and was not asked for, Unavailable.
    """
    return await patiently(app, _cut, group, at, however_large)


async def freeze(app: Adapters, partition: Partition) -> None:
    """Let nobody write into ``partition`` any more: what is in it then is all there will ever be. Those before it must
    be frozen. Raises Unavailable."""
    await patiently(app, _freeze, partition)


async def drop(tx: Transaction, partition: Partition, sequence: int) -> None:
    """Let the rows of a frozen partition go, in the transaction that records the manifest which has them. ``tx`` is the
    archivist's. Raises Contended (try the transaction again) when readers hold it for 100 ms."""
    parameters = {"group": partition.group, "lower": partition.lower, "upper": partition.upper, "sequence": sequence}
    await tx.execute(DROP, parameters)


async def leaf(tx: Transaction, partition: Partition, table: str) -> str:
    """The name of the part of ``table`` that holds the rows of ``partition``."""
    return str((await tx.execute(LEAF, {"table": table, "lower": partition.lower})).scalar_one())


async def scan(
    tx: Transaction, partition: Partition, table: str, schema: pa.Schema, *, where: str = "true", select: str = "*"
) -> AsyncIterator[pa.Table]:
    """The rows of ``table`` in ``partition``, in bounded statements. ``select`` and ``where`` are constants."""
    source = await leaf(tx, partition, table)
    async for page in queries.scan(tx, source, schema, where=where, select=select):
        yield page


async def patiently(
    app: Adapters, work: Callable[Concatenate[Transaction, P], Awaitable[T]], /, *args: P.args, **kwargs: P.kwargs
) -> T:
    """Run ``work`` in a transaction, again and again while it cannot have its locks: it waits for them a moment only,
    so that payments never queue behind it. Raises Unavailable after about two minutes."""
    wait = WAIT_FIRST_SECONDS
    for _ in range(TRIES_MOST - 1):
        try:
            return await app.database.transact(work, *args, **kwargs)
        except Contended:
            await asyncio.sleep(wait)
            wait = min(wait * 2, WAIT_MOST_SECONDS)
    return await app.database.transact(work, *args, **kwargs)


async def cut_ahead(app: Adapters) -> int:
    """Make the midnights (UTC) of the coming days boundaries, while there is nothing after them; how many were. Raises
    PartitionTooLarge, when it has cut what can be cut."""
    made, large = 0, None
    for group in await app.database.read(groups):
        clock = app.wall_clock if group in BY_THE_WALL else app.clock
        today = clock.now().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        known = await app.database.read(_boundaries, group, today)
        days = (today + timedelta(days=ahead) for ahead in range(1, DAYS_AHEAD + 1))
        try:
            for day in days:
                made += day not in known and await cut(app, group, day)
        except PartitionTooLarge as error:
            large = error
    if large:
        raise large
    return made


async def _cut(tx: Transaction, group: str, at: datetime, however_large: bool) -> bool:
    await queries.become_archivist(tx)
    for statement in HOWEVER_LARGE if however_large else ():
        await tx.execute(statement)
    done: bool | None = (await tx.execute(CUT, {"group": group, "at": at})).scalar_one()
    if done is None:
        raise PartitionTooLarge(group)
    return done


async def _freeze(tx: Transaction, partition: Partition) -> None:
    await queries.become_archivist(tx)
    await tx.execute(FREEZE, {"group": partition.group, "upper": partition.upper})


async def _boundaries(tx: Transaction, group: str, after: datetime) -> set[datetime]:
    return set((await tx.execute(BOUNDARIES, {"group": group, "after": after})).scalars())
