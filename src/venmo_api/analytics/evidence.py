"""What bears out findings: their payments, looked up in the archive's files, whose hashes vouch for them."""

import hashlib
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from anyio.to_thread import run_sync

from venmo_api.adapters.bundle import Adapters
from venmo_api.analytics import alerts, queries
from venmo_api.analytics.inputs import CASH_OUT, number, numbers
from venmo_api.analytics.rules import DEVICE, Finding, Payment, Raised, Source
from venmo_api.analytics.typologies import NAMED
from venmo_api.archive import catalog
from venmo_api.archive.rules import RISK, ArchiveMismatch, File

COLUMNS = ("tx_id", "kind", "decided_at", "sender_id", "recipient_id", "amount")
RAISED_AT_ONCE = 25
ROWS_AT_ONCE = 200_000
DAY_US = 86_400_000_000
NIL = UUID(int=0)
Row = Mapping[str, Any]
RINGS = ("cycle",)
"""Typologies whose every sender has a part in it."""


async def keep(
    app: Adapters, findings: pa.Table, evidence: pa.Table, *, manifests: Sequence[Any], progress: Any
) -> Raised:
    """Alerts and cases of what was found in the archive as ``manifests`` (rows of Postgres, all from the first on) name
    it: the tables are those of ``engines.run``. What is known already adds nothing, and is not looked up again. Raises
    ArchiveMismatch, and KeyError for a payment that is not in the archive."""
    known, rows = await _split(app, findings.to_pylist())
    total = Raised(known=known)
    if not rows:
        return total
    bearing = _bearing(evidence, rows)
    us = np.array([row["us"] for legs in bearing.values() for row in legs], np.int64)
    wanted = np.array([row["tx_id"] for legs in bearing.values() for row in legs], np.int64)
    found = await payments(app, wanted, files=_of_days(await catalog.standing(app, manifests), us))
    progress(f"{len(found):,} payments bear out {len(rows):,} new findings")
    source = Source(manifests[-1].sequence, bytes.fromhex(manifests[-1].sha256))
    told = [_finding(row, [found[leg["tx_id"]] for leg in bearing.get(_name(row), ())]) for row in rows]
    for start in range(0, len(told), RAISED_AT_ONCE):
        some = told[start : start + RAISED_AT_ONCE]
        total += await app.database.transact(alerts.keep, app, some, source=source)
        progress(f"{total.alerts:,} new alerts, {total.opened:,} new cases")
    return total


async def payments(app: Adapters, wanted: npt.NDArray[np.int64], *, files: Sequence[File]) -> Mapping[int, Payment]:
    """Those of ``wanted``, by number, that are in ``files``. Raises ArchiveMismatch, ObjectMissing, ObjectDamaged."""
    found: dict[int, Payment] = {}
    wanted = np.unique(wanted)
    with tempfile.TemporaryDirectory(prefix="venmo-evidence-") as folder:
        for file in files:
            copy = Path(folder) / file.sha256
            await app.objects.download(file.key, copy)
            found.update(await run_sync(_read, file, copy, wanted))
            copy.unlink()
    return found


def ensure_whole(file: File, copy: Path) -> None:
    """Raises ArchiveMismatch for a copy that is not what the manifest says."""
    with copy.open("rb") as stream:
        if hashlib.file_digest(stream, "sha256").hexdigest() != file.sha256:
            raise ArchiveMismatch(f"{file.key} does not have the bytes that were archived.")


def _read(file: File, copy: Path, wanted: npt.NDArray[np.int64]) -> dict[int, Payment]:
    ensure_whole(file, copy)
    found = {}
    with pq.ParquetFile(copy) as parquet:
        for batch in parquet.iter_batches(ROWS_AT_ONCE, columns=list(COLUMNS)):
            named = numbers(batch["tx_id"])
            hits = np.flatnonzero(np.isin(named, wanted))
            rows = batch.take(pa.array(hits)).to_pylist()
            found.update({int(named[place]): _payment(row, file.key) for place, row in zip(hits, rows, strict=True)})
    return found


def _payment(row: Mapping[str, Any], key: str) -> Payment:
    recipient = UUID(bytes=row["recipient_id"])
    nobody = row["kind"] == CASH_OUT or recipient == NIL
    return Payment(
        tx_id=UUID(bytes=row["tx_id"]),
        kind=row["kind"],
        at=row["decided_at"],
        sender_id=UUID(bytes=row["sender_id"]),
        recipient_id=None if nobody else recipient,
        amount=row["amount"],
        file_key=key,
    )


async def _split(app: Adapters, rows: Sequence[Row]) -> tuple[int, list[Row]]:
    """How many are alerts already, and those that are not."""
    ids = [_finding(row, []).alert_id for row in rows]
    known = await app.database.read(queries.known, ids)
    return len(known), [row for row, name in zip(rows, ids, strict=True) if name not in known]


def _bearing(evidence: pa.Table, rows: Sequence[Row]) -> dict[tuple[Any, ...], list[Row]]:
    """The rows of ``evidence`` for each of ``rows``."""
    found: dict[tuple[Any, ...], list[Row]] = {_name(row): [] for row in rows}
    for leg in evidence.to_pylist():
        if _name(leg) in found:
            found[_name(leg)].append(leg)
    return found


def _finding(row: Row, borne_out: Sequence[Payment]) -> Finding:
    typology = NAMED[row["detector"]]
    return Finding(
        detector=row["detector"],
        version=row["version"],
        parameters=typology.figures(),
        subject=row["subject"],
        subject_kind=typology.subject,
        start_us=row["window_start_us"],
        end_us=row["window_end_us"],
        score=row["score"],
        amount=row["amount"],
        linked=_linked(row, typology.subject, borne_out),
        payments=tuple(sorted(borne_out, key=lambda payment: (payment.at, payment.tx_id))),
    )


def _name(row: Row) -> tuple[Any, ...]:
    return row["detector"], row["version"], row["subject"], row["window_start_us"]


def _linked(row: Row, kind: str, borne_out: Sequence[Payment]) -> dict[int, UUID]:
    """Whom a case of it is about: the subject; of a device those who used it, of a ring all of it."""
    senders = {number(payment.sender_id): payment.sender_id for payment in borne_out}
    if kind == DEVICE or row["detector"] in RINGS:
        return senders
    takers = {number(one.recipient_id): one.recipient_id for one in borne_out if one.recipient_id is not None}
    return {name: account for name, account in (takers | senders).items() if name == row["subject"]}


def _of_days(files: Sequence[File], us: npt.NDArray[np.int64]) -> list[File]:
    """The files of the decision log that may hold payments of these moments."""
    found: dict[str, File] = {}
    for day in np.unique(us // DAY_US):
        at = _day(int(day))
        found |= {file.key: file for file in catalog.of_days(files, RISK, at, at)}
    return list(found.values())


def _day(number_of: int) -> date:
    return datetime.fromtimestamp(number_of * DAY_US / 1_000_000, UTC).date()
