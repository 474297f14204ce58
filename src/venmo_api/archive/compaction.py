"""Fewer, larger files: those of a day become one, later those of a month; what is over expires; what no manifest lists
any more is removed. Nothing under a legal hold is touched."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

import pyarrow as pa
from anyio.to_thread import run_sync

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.s3 import ObjectCold, ObjectDamaged, ObjectMissing
from venmo_api.archive import catalog, files, queries, rules, service
from venmo_api.archive.rules import ArchiveMismatch, Change, Counts, File, Hold, Link, Manifest
from venmo_api.archive.service import Progress, silent

TARGET_BYTES: Final = 128 << 20
"""What is larger stays as it is."""
ROWS_MOST: Final = 5_000_000
"""Of one file that is made, all in memory: requests take a tenth of the bytes that the ledger takes."""
MONTHLY_AFTER: Final = timedelta(days=90)
GRACE: Final = timedelta(days=7)
"""How long removed files stay for readers of earlier manifests, and files without a manifest for who may list them."""
EXPIRES: Final = {rules.ACCESS: timedelta(days=400), rules.RISK: timedelta(days=2557)}
"""How long rows are kept. The others stay for ever: the proof of every balance is made of them."""


@dataclass(frozen=True, slots=True)
class Tidied:
    """How many files became how many larger ones, expired, and left the bucket. ``busy``: nothing, because another
    archiver is at it, or one has died and `archive` has to finish what it began."""

    compacted: int = 0
    made: int = 0
    expired: int = 0
    removed: int = 0
    busy: bool = False


async def tidy(app: Adapters, *, progress: Progress = silent, target_bytes: int = TARGET_BYTES) -> Tidied:
    """Make the archive smaller in files, and in what need not be kept. Each step can be cut off and begun again.

    Raises Unavailable, ArchiveMismatch.
    """
    try:
        async with app.database.alone(queries.LOCK_KEY) as ours:
            last = await app.database.read(queries.last_manifest)
            if not ours or await service.unfinished(app, last) is not None:
                return Tidied(busy=True)
            return await _tidy(app, last, progress, target_bytes)
    except (ObjectMissing, ObjectDamaged) as error:
        raise ArchiveMismatch(f"S3 has no {error}, or not all of it.") from error


async def _tidy(app: Adapters, last: Link, progress: Progress, target_bytes: int) -> Tidied:
    manifests = await catalog.listed(app, await app.database.read(queries.manifests))
    holds = await app.database.read(queries.holds)
    standing, done = rules.standing(manifests), Tidied()
    if over := _over(standing.values(), holds, app):
        last = await _list(
            app, rules.next_manifest(last, (), Counts(), at=app.clock.now(), change=Change.EXPIRY, removed=over)
        )
        done = replace(done, expired=len(over))
        progress(f"manifest {last.sequence}: {len(over):,} files are over")
    rest = [file for key, file in standing.items() if key not in set(over)]
    monthly_before = app.clock.now() - MONTHLY_AFTER
    for batch in fewer(rest, holds, target_bytes=target_bytes, monthly_before=monthly_before):
        if _kept(batch, await app.database.read(queries.holds)):
            continue  # placed since this run began
        try:
            last = await _merge(app, batch, last)
        except ObjectCold:
            continue  # they were small for too long: what lies in cold storage stays as it is
        done = replace(done, compacted=done.compacted + len(batch), made=done.made + 1)
        progress(f"manifest {last.sequence}: {len(batch):,} files of {rules.shelf_of(batch[0].key)} became one")
    return replace(done, removed=await _sweep(app))


def fewer(
    standing: Iterable[File], holds: Sequence[Hold], *, target_bytes: int, monthly_before: datetime
) -> Iterator[list[File]]:
    """Which files become one: those of a shelf and a day, or of a month that is long over, until they are large."""
    found = defaultdict(list)
    for file in sorted(standing, key=lambda file: (file.min_day, file.max_day, file.key)):
        if file.bytes >= target_bytes or file.rows >= ROWS_MOST or _kept([file], holds):
            continue
        same_month = file.min_day[:7] == file.max_day[:7] < str(monthly_before.date())[:7]
        if same_month or file.min_day == file.max_day:
            found[rules.shelf_of(file.key), file.min_day[: 7 if same_month else 10]].append(file)
    for together in found.values():
        batch: list[File] = []
        for file in together:
            whole = [*batch, file]
            if sum(each.bytes for each in whole) > target_bytes or sum(each.rows for each in whole) > ROWS_MOST:
                yield from [batch] if len(batch) > 1 else []
                batch = []
            batch.append(file)
        yield from [batch] if len(batch) > 1 else []


async def _merge(app: Adapters, batch: Sequence[File], last: Link) -> Link:
    tables = [await service.fetch(app, file) for file in batch]
    whole = await run_sync(lambda: files.ordered(pa.concat_tables(tables)))
    made = await service.store(app, whole)
    if made.rows != sum(file.rows for file in batch):
        raise ArchiveMismatch(f"{made.key} does not hold all rows of the files it was made of.")
    removed = [file.key for file in batch]
    return await _list(
        app, rules.next_manifest(last, [made], Counts(), at=app.clock.now(), change=Change.COMPACTION, removed=removed)
    )


async def _list(app: Adapters, manifest: Manifest) -> Link:
    await service.publish(app, manifest)
    await service.settle(app, manifest)
    return rules.link(manifest)


def _over(standing: Iterable[File], holds: Sequence[Hold], app: Adapters) -> list[str]:
    """Files all of whose rows have been kept long enough; by the clock that is behind, if they differ."""
    now = min(app.clock.now(), app.wall_clock.now())
    return [
        file.key
        for file in standing
        if (kept := EXPIRES.get(rules.shelf_of(file.key))) is not None
        and file.max_day < str((now - kept).date())
        and not _kept([file], holds)
    ]


async def _sweep(app: Adapters) -> int:
    """Remove objects that stand in no manifest any more, or never did, once the grace is over; how many."""
    manifests = await catalog.listed(app, await app.database.read(queries.manifests))
    standing = rules.standing(manifests)
    listed = {file.key: file for manifest in manifests for file in manifest.files}
    young = {key for each in manifests if app.clock.now() - _made(each) < GRACE for key in each.removed}
    old = [
        key
        for shelf in rules.SHELVES
        for key, written_at in (await app.objects.written(f"{shelf}/")).items()
        if key not in standing and key not in young and app.wall_clock.now() - written_at >= GRACE
    ]
    holds = await app.database.read(queries.holds)  # as late as can be: what is removed is removed
    gone = [key for key in old if key not in listed or not _kept([listed[key]], holds)]
    await app.objects.delete(gone)
    return len(gone)


def _kept(some: Iterable[File], holds: Sequence[Hold]) -> bool:
    return any(hold.covers(file) for file in some for hold in holds)


def _made(manifest: Manifest) -> datetime:
    return datetime.fromisoformat(manifest.created_at)
