"""The flat inputs out of the archive: the decision log's files of the days in question, each held to its hash."""

import hashlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from anyio.to_thread import run_sync
from sqlalchemy import text

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.postgres import Transaction
from venmo_api.adapters.s3 import ObjectCold, ObjectDamaged, ObjectMissing
from venmo_api.analytics import inputs
from venmo_api.analytics.engines import Progress
from venmo_api.analytics.inputs import ACCOUNTS, ENDED, PAYMENT, PAYMENTS, REVIEWED, Inputs, Span
from venmo_api.analytics.rules import DecisionsCold
from venmo_api.analytics.typologies import DAY_US
from venmo_api.archive import catalog, snapshot
from venmo_api.archive.columns import ID, MOMENT
from venmo_api.archive.rules import RISK, ArchiveMismatch, File

ROWS_AT_ONCE = 200_000
NIL = UUID(int=0)
UNPAID = text("""
    SELECT id FROM transfers
    WHERE id = ANY(CAST(:ids AS uuid[])) AND status IN ('cancelled', 'expired', 'failed')
""")
_SIGNED_UP = pa.schema([("id", ID), ("created_at", MOMENT)])
_WANTED = ("tx_id", "decided_at", "kind", "sender_id", "recipient_id", "amount", "device_id", "verdict")


@dataclass(frozen=True, slots=True)
class Archive:
    """The archive as of one moment: ``manifests`` are rows of Postgres, ``files`` those of the decision log."""

    manifests: Sequence[Any]
    files: Sequence[File]

    @property
    def last_day(self) -> date | None:
        """The newest day it has decisions of."""
        return max((date.fromisoformat(file.max_day) for file in self.files), default=None)


async def archive(app: Adapters) -> Archive:
    """As it is now. Raises ArchiveMismatch, Unavailable."""
    manifests = await app.database.read(snapshot.manifests)
    files = await catalog.standing(app, manifests)
    return Archive(manifests, catalog.of_days(files, RISK, date.min, date.max))


async def load(app: Adapters, known: Archive, folder: Path, span: Span, progress: Progress) -> Inputs:
    """What ``span`` and its look-back need, as files in ``folder``. Never is a whole one in memory.

    Accounts are those Postgres has: they never leave it. Raises ArchiveMismatch, DecisionsCold, Unavailable.
    """
    for name in inputs.SCHEMAS:
        (folder / name).mkdir()
    wanted = catalog.of_days(known.files, RISK, _day(span.read_us), date.max)
    for number, file in enumerate(wanted, start=1):
        copy = folder / file.sha256
        await _fetch(app, file, copy)
        waited = await run_sync(_waited, file, copy)
        unpaid = await app.database.read(_unpaid, waited) if waited else []
        await run_sync(_flatten, copy, folder / f"payments/{number:06d}.parquet", unpaid)
        copy.unlink()
        progress(f"file {number} of {len(wanted)}: {file.rows:,} decisions of {file.min_day}")
    if not wanted:
        pq.write_table(PAYMENTS.empty_table(), folder / "payments/none.parquet")
    await app.database.read(_accounts, folder / "accounts/accounts.parquet")
    return inputs.read(folder)


async def _fetch(app: Adapters, file: File, copy: Path) -> None:
    try:
        await app.objects.download(file.key, copy)
    except ObjectCold:
        raise DecisionsCold(file.min_day, file.max_day) from None
    except (ObjectMissing, ObjectDamaged) as error:
        raise ArchiveMismatch(f"{file.key} is missing, or cannot be read whole.") from error


async def _unpaid(tx: Transaction, ids: Sequence[UUID]) -> list[UUID]:
    return list((await tx.execute(UNPAID, {"ids": ids})).scalars())


async def _accounts(tx: Transaction, path: Path) -> None:
    with pq.ParquetWriter(path, ACCOUNTS) as writer:
        pages: AsyncIterator[pa.Table] = snapshot.scan(tx, "users", _SIGNED_UP)
        async for page in pages:
            opened = page["created_at"].cast(pa.int64())
            writer.write_table(pa.table([_numbers(page["id"]), opened], schema=ACCOUNTS))


def _waited(file: File, copy: Path) -> list[UUID]:
    """The payments that were held or had nobody to go to yet, of a file that is what its manifest says. Raises
    ArchiveMismatch."""
    with copy.open("rb") as stream:
        if hashlib.file_digest(stream, "sha256").hexdigest() != file.sha256:
            raise ArchiveMismatch(f"{file.key} does not have the bytes that were archived.")
    to_nobody = (pc.field("kind") == PAYMENT) & (pc.field("recipient_id") == pa.scalar(NIL.bytes, ID))
    waited = pq.read_table(copy, columns=["tx_id"], filters=(pc.field("verdict") == REVIEWED) | to_nobody)
    return [UUID(bytes=one) for one in waited["tx_id"].to_pylist()]


def _flatten(copy: Path, path: Path, unpaid: Sequence[UUID]) -> None:
    ended = np.array([inputs.number(one) for one in unpaid], np.int64)
    with pq.ParquetFile(copy) as parquet, pq.ParquetWriter(path, PAYMENTS) as writer:
        for batch in parquet.iter_batches(ROWS_AT_ONCE, columns=list(_WANTED)):
            rows = pa.Table.from_batches([batch])
            names = {name: _numbers(rows[name]) for name in ("tx_id", "sender_id", "recipient_id", "device_id")}
            flat = {
                "tx_id": names["tx_id"],
                "us": rows["decided_at"].cast(pa.int64()),
                "kind": rows["kind"].cast(pa.string()),
                "sender": names["sender_id"],
                "recipient": names["recipient_id"],
                "amount": rows["amount"],
                "device": names["device_id"],
                "verdict": pc.if_else(np.isin(names["tx_id"], ended), ENDED, rows["verdict"].cast(pa.string())),
            }
            writer.write_table(pa.table(flat, schema=PAYMENTS))


def _numbers(ids: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    return inputs.numbers(ids.combine_chunks()) if len(ids) else np.zeros(0, np.int64)


def _day(us: int) -> date:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=us // DAY_US)).date()
