"""What an account did in days that were archived: the part Postgres has and the part S3 has, as one."""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from functools import partial
from itertools import pairwise
from typing import Any, BinaryIO, Final
from uuid import UUID

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import structlog

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.postgres import Transaction
from venmo_api.adapters.s3 import ObjectCold, ObjectDamaged, ObjectMissing
from venmo_api.archive import catalog, rules, snapshot
from venmo_api.archive.columns import ID
from venmo_api.archive.restore_rules import HistoryCold, HistoryDamaged
from venmo_api.archive.rules import ArchiveMismatch, File
from venmo_api.core.errors import Unavailable
from venmo_api.ledger import history
from venmo_api.ledger.book import TICK
from venmo_api.ledger.history import AtHand, Moved, Point, Stretch, TooManyEntries

log = structlog.get_logger()
SECONDS_MOST: Final = 12.0
FILES_AT_ONCE: Final = 8
_WANTED = ("transaction_id", "kind", "created_at", "version", "amount", "balance_after")


async def begin(tx: Transaction) -> None:
    """Read one moment of the ledger from now on: nothing is moved to the archive meanwhile."""
    await snapshot.begin(tx, "ledger_transactions", "ledger_entries")


async def at_hand(
    tx: Transaction, account_id: UUID, *, start: datetime, end: datetime, most: int
) -> tuple[AtHand, Sequence[Any]]:
    """What Postgres has of the entries of ``start`` <= moment < ``end``, and the manifests of that moment if it
    is not all. Raises TooManyEntries."""
    found = await history.at_hand(tx, account_id, start=start, end=end, most=most)
    return found, () if found.stretch else await snapshot.manifests(tx)


async def whole(
    app: Adapters, known: AtHand, manifests: Sequence[Any], *, most: int, seconds: float = SECONDS_MOST
) -> Stretch:
    """The stretch, with what the archive has of it.

    Raises TooManyEntries; HistoryCold where it lies in a storage class that has to be restored first; HistoryDamaged
    where the archive is not whole; and Unavailable when S3 does not answer within ``seconds``.
    """
    try:
        async with asyncio.timeout(seconds):
            return await _whole(app, known, await catalog.standing(app, manifests), most)
    except ArchiveMismatch as error:
        log.error("archive_mismatch", detail=error.detail)
        raise HistoryDamaged from error
    except (TimeoutError, Unavailable) as error:
        raise Unavailable(
            "The archive does not answer right now, and a part of this period is there; ask again in a minute, or for "
            "days that are not archived yet."
        ) from error


async def _whole(app: Adapters, known: AtHand, files: Sequence[File], most: int) -> Stretch:
    first, last = _day(known.start), _day(known.end if known.end == known.start else known.end - TICK)
    near = catalog.of_days(files, rules.LEDGER, first, last)
    rows = await _entries(app, known, near, most=most)
    inside = [row for row in rows if known.start <= row.at < known.end]
    if len(inside) + len(known.entries) > most:
        raise TooManyEntries(len(inside) + len(known.entries), most)
    entries = (*inside, *known.entries)
    opening = known.opening or _stood(known, rows, entries)
    if opening is None:
        opening = await _later(app, known, files, after=last)
    closing = known.closing
    if closing is None:
        closing = Point(entries[-1].version, entries[-1].balance_after) if entries else opening
    versions = [opening.version, *(entry.version for entry in entries), closing.version]
    steps = [later - earlier for earlier, later in pairwise(versions)]
    if steps != [1] * len(entries) + [0]:
        raise ArchiveMismatch("Postgres and the archive together do not have every entry of this account.")
    return Stretch(opening.balance, entries, closing.balance)


def _stood(known: AtHand, rows: Iterable[Moved], entries: Sequence[Moved]) -> Point | None:
    """Where the account stood before ``known.start``, if any row of the same day or of the period tells."""
    if entries:
        return Point(entries[0].version - 1, entries[0].balance_after - entries[0].amount)
    same_day = [row for row in rows if _day(row.at) == _day(known.start)]
    before = [row for row in same_day if row.at < known.start]
    if before:
        return Point(before[-1].version, before[-1].balance_after)
    after = [row for row in same_day if row.at >= known.end]
    return Point(after[0].version - 1, after[0].balance_after - after[0].amount) if after else None


async def _later(app: Adapters, known: AtHand, files: Sequence[File], *, after: date) -> Point:
    """Nothing happened in the period: where the account stood before what happened next."""
    rest = catalog.of_days(files, rules.LEDGER, after, date.max)
    for start in range(0, len(rest), FILES_AT_ONCE):
        some = rest[start : start + FILES_AT_ONCE]
        rows = [row for row in await _entries(app, known, some) if row.at >= known.end]
        following = rest[start + FILES_AT_ONCE : start + FILES_AT_ONCE + 1]
        if rows and (not following or following[0].min_day > str(_day(rows[0].at))):
            return Point(rows[0].version - 1, rows[0].balance_after - rows[0].amount)
        if rows:  # files may overlap: an earlier row may stand in a later one
            rows = await _entries(app, known, rest[start:])
            later = next(row for row in rows if row.at >= known.end)
            return Point(later.version - 1, later.balance_after - later.amount)
    return known.joint


async def _entries(app: Adapters, known: AtHand, files: Sequence[File], *, most: int | None = None) -> list[Moved]:
    """All entries of the account in these files, in order. Only the parts of each file that may have some are fetched.

    Raises TooManyEntries, as soon as more than ``most`` are of the period.
    """
    found: list[Moved] = []
    for start in range(0, len(files), FILES_AT_ONCE):
        some = files[start : start + FILES_AT_ONCE]
        for rows in await asyncio.gather(*(_of_account(app, known.account_id, file) for file in some)):
            found += rows
        inside = sum(known.start <= row.at < known.end for row in found)
        if most is not None and inside > most:
            raise TooManyEntries(inside, most)
    return sorted(found, key=lambda row: row.version)


async def _of_account(app: Adapters, account_id: UUID, file: File) -> list[Moved]:
    try:
        table = await app.objects.read_parts(file.key, file.bytes, partial(_fetched, account_id.bytes))
    except ObjectCold:
        raise HistoryCold(file.min_day, file.max_day) from None
    except (ObjectMissing, ObjectDamaged, pa.ArrowException, OSError) as error:
        raise ArchiveMismatch(f"{file.key} is missing, or cannot be read.") from error
    columns = [table[name].to_pylist() for name in _WANTED]
    return [
        Moved(version, UUID(bytes=transaction_id), kind, amount, balance_after, at)
        for transaction_id, kind, at, version, amount, balance_after in zip(*columns, strict=True)
    ]


def _fetched(account: bytes, file: BinaryIO) -> pa.Table:
    with pq.ParquetFile(file, pre_buffer=True, page_checksum_verification=True) as parquet:
        column = parquet.schema_arrow.get_field_index("account_id")
        groups = [
            number
            for number in range(parquet.metadata.num_row_groups)
            if _may_hold(parquet.metadata.row_group(number).column(column).statistics, account)
        ]
        if not groups:
            return parquet.schema_arrow.empty_table()
        rows = parquet.read_row_groups(groups, columns=[*_WANTED, "account_id"])
    return rows.filter(pc.equal(rows["account_id"], pa.scalar(account, ID)))


def _may_hold(statistics: Any, account: bytes) -> bool:
    if statistics is None or not statistics.has_min_max:
        return True
    return bool(statistics.min <= account <= statistics.max)


def _day(moment: datetime) -> date:
    return moment.astimezone(UTC).date()
