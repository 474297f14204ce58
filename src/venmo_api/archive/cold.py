"""What the manifests of a moment list in S3: the chain followed, every file checked and read in parts."""

import asyncio
import hashlib
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from anyio.to_thread import run_sync

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.s3 import ObjectCold, ObjectDamaged, ObjectMissing
from venmo_api.archive import files, notes, rules
from venmo_api.archive.rules import ArchiveMismatch, Change, File, Link, Manifest
from venmo_api.archive.service import Progress
from venmo_api.archive.tiers import Found

ROWS_AT_ONCE = 50_000
AHEAD = 3
"""Files that are fetched while one is read."""
_READ_BYTES = 1 << 20


async def read(app: Adapters, manifests: Sequence[Any], found: Found, progress: Progress) -> None:
    """Follow the chain of ``manifests``, rows of Postgres, and read every file that stands after it. Raises
    Unavailable."""
    found.manifests, last, known = len(manifests), Link(), []
    for row in manifests:
        progress(f"reading manifest {row.sequence:,} of {len(manifests):,}")
        manifest = await _manifest(app, row, last, found)
        last = Link(row.sequence, row.sha256)
        known += [manifest] if manifest else []
    standing = _standing(known, found)
    found.files = len(standing)
    with tempfile.TemporaryDirectory(prefix="venmo-proof-") as folder:
        number = 0
        async for file, copy in _copies(app, standing, Path(folder)):
            number += 1
            progress(f"reading file {number:,} of {len(standing):,}")
            if isinstance(copy, str):
                found.broken_files.append(copy)
                continue
            try:
                await _take(app, file, copy, found)
            except ArchiveMismatch as error:
                found.broken_files.append(error.detail)
            copy.unlink()
    listed = sum(manifest.moved_cents for manifest in known)
    whole = not found.broken_chain and not found.broken_files and not any(_expires_ledger(each) for each in known)
    if whole and listed != found.moved_cents:
        found.broken_files.append("the files do not hold the amounts that the manifests count")


def _standing(manifests: Sequence[Manifest], found: Found) -> list[File]:
    for manifest in manifests:
        if not _counts_what_it_lists(manifest):
            found.broken_files.append(
                f"the files of {rules.manifest_key(manifest.sequence)} do not hold what it counts"
            )
    try:
        return list(rules.standing(manifests).values())
    except ArchiveMismatch as error:
        found.broken_chain.append(error.detail)
        gone = {key for manifest in manifests for key in manifest.removed}
        return [file for manifest in manifests for file in manifest.files if file.key not in gone]


def _counts_what_it_lists(manifest: Manifest) -> bool:
    rows = rules.shelf_rows(manifest.files)
    if manifest.change is not Change.MOVE:
        return True
    return (manifest.entries, manifest.events) == (rows.get(rules.LEDGER, 0), rows.get(rules.EVENTS, 0))


def _expires_ledger(manifest: Manifest) -> bool:
    return manifest.change is Change.EXPIRY and any(rules.shelf_of(key) == rules.LEDGER for key in manifest.removed)


async def _manifest(app: Adapters, row: Any, last: Link, found: Found) -> Manifest | None:
    try:
        body = await app.objects.get(row.key)
        if rules.sha256(body) != row.sha256:
            raise ArchiveMismatch(f"{row.key} is not the manifest Postgres knows")
        manifest = rules.parse(body)
        if not rules.follows(manifest, last) or row.key != rules.manifest_key(row.sequence):
            raise ArchiveMismatch(f"{row.key} does not follow manifest {last.sequence}")
        if (row.transactions, row.entries, row.events) != (manifest.transactions, manifest.entries, manifest.events):
            raise ArchiveMismatch(f"{row.key} does not count what Postgres counts")
    except ObjectMissing:
        found.broken_chain.append(f"{row.key} is missing")
    except ObjectDamaged:
        found.broken_chain.append(f"{row.key} cannot be read whole")
    except ArchiveMismatch as error:
        found.broken_chain.append(error.detail)
    else:
        return manifest
    return None


async def _copies(app: Adapters, standing: Sequence[File], folder: Path) -> AsyncIterator[tuple[File, Path | str]]:
    """Each file with its copy on disk, or what is wrong with it; a few are fetched ahead."""
    waiting: list[tuple[File, asyncio.Task[Path | str]]] = []
    rest = iter(enumerate(standing))
    try:
        while True:
            for number, file in rest:
                waiting.append((file, asyncio.create_task(_copy(app, file, folder / str(number)))))
                if len(waiting) > AHEAD:
                    break
            if not waiting:
                return
            file, task = waiting.pop(0)
            yield file, await task
    finally:
        for _, task in waiting:
            task.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await task


async def _copy(app: Adapters, file: File, path: Path) -> Path | str:
    try:
        await app.objects.download(file.key, path)
    except ObjectMissing:
        return f"{file.key} is missing"
    except ObjectDamaged:
        return f"{file.key} cannot be read whole"
    except ObjectCold:
        return f"{file.key} lies in cold storage: `venmo-api archive restore` first"
    return path


async def _take(app: Adapters, file: File, copy: Path, found: Found) -> None:
    """Raises ArchiveMismatch for a file that is not what its manifest says."""
    shelf = rules.shelf_of(file.key)
    parts = _parts(file, copy)
    while (rows := await run_sync(next, parts, None)) is not None:
        if shelf == rules.LEDGER:
            await run_sync(found.add_ledger, rows)
        if shelf == rules.EVENTS:
            await run_sync(found.add_events, await notes.opened(app, rows))


def _parts(file: File, copy: Path) -> Iterator[pa.Table]:
    """The rows of a file, some at a time, once its bytes are known to be those that were archived."""
    if copy.stat().st_size != file.bytes or _sha256(copy) != file.sha256:
        raise ArchiveMismatch(f"{file.key} does not have the bytes that were archived.")
    shelf = rules.shelf_of(file.key)
    rows, days = 0, set[str]()
    try:
        with pq.ParquetFile(copy) as parquet:
            kind = files.SHELVES.get(shelf)
            if kind is None or parquet.schema_arrow != kind.schema:
                raise ArchiveMismatch(f"{file.key} does not have the columns of its kind.")
            for batch in parquet.iter_batches(ROWS_AT_ONCE):
                part = pa.Table.from_batches([batch])
                rows += part.num_rows
                ends = pc.min_max(part[kind.moment].cast(pa.date32())).as_py()
                days |= {str(ends["min"]), str(ends["max"])}
                yield part
    except pa.ArrowException as error:
        raise ArchiveMismatch(f"{file.key} cannot be read as Parquet.") from error
    if not rows or rows != file.rows or (min(days), max(days)) != (file.min_day, file.max_day):
        raise ArchiveMismatch(f"{file.key} does not hold the rows its manifest lists.")
    if file.key != rules.file_key(shelf, file.min_day, file.sha256):
        raise ArchiveMismatch(f"{file.key} does not have the name of its content.")


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(_READ_BYTES):
            digest.update(part)
    return digest.hexdigest()
