"""What a model learns from: the vectors that decisions were taken on, what became known of each, and when."""

import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from anyio.to_thread import run_sync
from sqlalchemy import text

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.postgres import Transaction
from venmo_api.analytics import engines, inputs, shelves, twin
from venmo_api.analytics.engines import Progress
from venmo_api.analytics.labelled import DAY_US, Flags, Floats, Ints
from venmo_api.archive.columns import ID
from venmo_api.archive.rules import ArchiveMismatch, File
from venmo_api.risk.features import NAMES
from venmo_api.risk.registry import ARCHIVE

ROWS_MOST: Final = 2_000_000
"""Decisions that are learnt from, the newest: half a gigabyte of vectors."""
MATURE_DAYS: Final = 30
"""What nobody has complained of for so long was honest."""
TOWN_DELAY_DAYS: Final = 7
TOWN: Final = "town"
_NEVER: Final = 2**62
# A bank that says fraud is believed over an analyst who said otherwise.
LABELS = text("""
    SELECT tx_id, bool_or(fraud) AS fraud,
           (extract(epoch FROM coalesce(min(at) FILTER (WHERE fraud), min(at))) * 1000000)::bigint AS known_us
    FROM risk_labels GROUP BY tx_id
""")
_WANTED = ["tx_id", "decided_at", "verdict", "features"]


@dataclass(frozen=True, slots=True)
class Lessons:
    """Decisions in order of (us, id), a column a feature of ``risk.features`` (NaN: not computed then). ``known_us``:
    when it became known whether this was ``fraud``; far away for what nobody has said anything of. What was declined
    and never judged by a person is not among them: nobody knows what it would have been."""

    source: str
    us: Ints
    matrix: Floats
    fraud: Flags
    known_us: Ints

    def by(self, moment_us: int) -> tuple[Ints, Flags]:
        """The rows that could be learnt from at a moment, and what was known of them then. Younger frauds that are
        known already are left out, as the honest ones are: a model would think fraud more frequent than it is."""
        rows = np.flatnonzero(self.us <= moment_us - MATURE_DAYS * DAY_US)
        return rows, (self.fraud & (self.known_us <= moment_us))[rows]


async def of_archive(app: Adapters, progress: Progress) -> Lessons:
    """The newest archived decisions, and all labels there are. Raises ArchiveMismatch, Unavailable."""
    known = await shelves.archive(app)
    labels = await app.database.read(_labels)
    parts, rows = [], 0
    with tempfile.TemporaryDirectory(prefix="venmo-lessons-") as folder:
        for file in reversed(known.files):
            if rows >= ROWS_MOST:
                break
            copy = Path(folder) / file.sha256
            await app.objects.download(file.key, copy)
            parts.append(await run_sync(_read, file, copy, labels))
            copy.unlink()
            rows += file.rows
            progress(f"{rows:,} decisions back to {file.min_day}")
    return await run_sync(_joined, ARCHIVE, parts)


def of_town(folder: Path) -> Lessons:
    """Of a town that ``town.write`` left: vectors by the batch twin, labels a week after. A self-check, no more."""
    truth = pq.read_table(folder / "truth/labels.parquet", columns=["tx_id"])["tx_id"]
    found = inputs.read(folder)
    with engines.duckdb(found) as engine:
        vectors = twin.features(engine.tables["payments"], engine.tables["accounts"]).to_pyarrow()
    verdicts = found.payments.to_table(columns=["tx_id", "verdict"]).sort_by("tx_id")
    vectors = vectors.sort_by("tx_id")
    fraud = pc.is_in(vectors["tx_id"], value_set=truth.combine_chunks()).to_numpy()
    us = vectors["us"].to_numpy()
    part = Lessons(
        TOWN,
        us,
        np.column_stack([vectors[name].to_numpy().astype(np.float64) for name in NAMES]),
        fraud,
        np.where(fraud, us + TOWN_DELAY_DAYS * DAY_US, _NEVER),
    )
    return _joined(TOWN, [(part, np.asarray(verdicts["verdict"].to_pylist()) == inputs.DENIED)])


async def _labels(tx: Transaction) -> pa.Table:
    rows = (await tx.execute(LABELS)).all()
    return pa.table(
        {
            "tx_id": pa.array([row.tx_id.bytes for row in rows], ID),
            "fraud": pa.array([row.fraud for row in rows], pa.bool_()),
            "known_us": pa.array([row.known_us for row in rows], pa.int64()),
        }
    )


def _read(file: File, copy: Path, labels: pa.Table) -> tuple[Lessons, Flags]:
    """The decisions of a file that is what its manifest says, and which were declined. Raises ArchiveMismatch."""
    with copy.open("rb") as stream:
        if hashlib.file_digest(stream, "sha256").hexdigest() != file.sha256:
            raise ArchiveMismatch(f"{file.key} does not have the bytes that were archived.")
    table = pq.read_table(copy, columns=_WANTED).sort_by([("decided_at", "ascending"), ("tx_id", "ascending")])
    place: Any = pc.index_in(table["tx_id"].cast(ID), value_set=labels["tx_id"].combine_chunks())
    at = place.fill_null(-1).to_numpy()
    fraud = np.r_[labels["fraud"].to_numpy(), False].astype(np.bool_)[at]
    known_us = np.r_[labels["known_us"].to_numpy(), _NEVER].astype(np.int64)[at]
    us = table["decided_at"].cast(pa.int64()).to_numpy()
    declined = np.asarray(table["verdict"].to_pylist()) == inputs.DENIED
    return Lessons(ARCHIVE, us, _matrix(table["features"]), fraud, known_us), declined


def _matrix(vectors: pa.ChunkedArray) -> Floats:
    """Vectors of older days are shorter."""
    lengths = pc.binary_length(vectors).to_numpy()
    matrix = np.full((len(lengths), len(NAMES)), np.nan)
    for length in np.unique(lengths):
        rows = np.flatnonzero(lengths == length)
        values = np.frombuffer(b"".join(vectors.take(pa.array(rows)).to_pylist()), "<i8").reshape(len(rows), -1)
        matrix[rows, : values.shape[1]] = values[:, : len(NAMES)]
    return matrix


def _joined(source: str, parts: list[tuple[Lessons, Flags]]) -> Lessons:
    if not parts:
        nothing = np.zeros(0, np.int64)
        return Lessons(source, nothing, np.zeros((0, len(NAMES))), nothing.astype(np.bool_), nothing)
    lessons = [part for part, _ in parts]
    declined = np.concatenate([one for _, one in parts])
    known_us = np.concatenate([part.known_us for part in lessons])
    us = np.concatenate([part.us for part in lessons])
    kept = np.flatnonzero(~declined | (known_us < _NEVER))
    rows = kept[np.argsort(us[kept], kind="stable")]
    matrix, fraud = (np.concatenate([getattr(part, name) for part in lessons]) for name in ("matrix", "fraud"))
    return Lessons(source, us[rows], matrix[rows], fraud[rows], known_us[rows])
