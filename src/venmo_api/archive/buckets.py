"""Rows too many to be held at once: on disk, apart by an id, so that all that is of one id is read together."""

import shutil
import tempfile
from collections import defaultdict
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from venmo_api.archive.columns import UUID_BYTES

WRITTEN_AT_ONCE = 20_000
MOST = 1024
_GOLDEN = pa.scalar(0x9E3779B97F4A7C15, pa.uint64())
"""Spreads what differs anywhere in 64 bits over the highest of them (Fibonacci hashing)."""


class Buckets:
    """Tables by name, each in ``number`` parts. Touches only its own folder, which ``close`` removes."""

    def __init__(self, *, rows: int, rows_at_once: int) -> None:
        """``rows`` is about how many there will be, ``rows_at_once`` how many a bucket should hold."""
        self._bits = min(max(rows - 1, 0) // rows_at_once, MOST - 1).bit_length()
        self.number = 1 << self._bits
        self._folder = Path(tempfile.mkdtemp(prefix="venmo-proof-"))
        self._waiting: dict[str, list[pa.Table]] = defaultdict(list)
        self._by: dict[str, str] = {}

    def add(self, name: str, rows: pa.Table, *, by: str) -> None:
        """Rows of the table ``name``: those with the same id in column ``by`` come together, in whatever order."""
        self._by[name] = by
        if rows.num_rows:
            self._waiting[name].append(rows)
        if sum(table.num_rows for table in self._waiting[name]) >= WRITTEN_AT_ONCE:
            self._write(name)

    def read(self, name: str, bucket: int, schema: pa.Schema) -> pa.Table:
        """The rows of one bucket; empty when there are none."""
        self._write(name)
        tables = [schema.empty_table()]
        path = self._path(name, bucket)
        if path.exists():
            with path.open("rb") as file:
                while file.read(1):
                    file.seek(-1, 1)
                    tables.append(pa.ipc.open_stream(file).read_all())
        return pa.concat_tables(tables).combine_chunks()

    def close(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def _write(self, name: str) -> None:
        waiting = self._waiting.pop(name, [])
        if not waiting:
            return
        rows = pa.concat_tables(waiting)
        if self.number == 1:
            self._append(name, 0, rows)
            return
        of = self._of(rows[self._by[name]])
        order = pc.sort_indices(of)
        rows, ends = rows.take(order).combine_chunks(), pc.value_counts(of.take(order))
        start = 0
        for bucket, count in zip(ends.field("values").to_pylist(), ends.field("counts").to_pylist(), strict=True):
            self._append(name, bucket, rows.slice(start, count))
            start += count

    def _append(self, name: str, bucket: int, rows: pa.Table) -> None:
        with self._path(name, bucket).open("ab") as file, pa.ipc.new_stream(file, rows.schema) as stream:
            stream.write_table(rows)

    def _of(self, ids: pa.ChunkedArray) -> pa.Array:
        """The bucket of each id, by its last eight bytes: a person's wallet and debt differ in the first."""
        joined = pa.concat_arrays(ids.chunks) if ids.num_chunks else pa.array([], ids.type)
        words = pa.Array.from_buffers(
            pa.uint64(), 2 * len(joined), [None, joined.buffers()[1]], offset=2 * joined.offset
        )
        last = words.take(pa.array(range(1, len(words), 2), pa.int64()))
        return pc.shift_right(pc.multiply(last, _GOLDEN), pa.scalar(64 - self._bits, pa.uint64()))

    def _path(self, name: str, bucket: int) -> Path:
        return self._folder / f"{name}-{bucket}.arrow"


assert UUID_BYTES == 16
