"""The few flat inputs of all detections: their columns, where they lie as files, and ids as numbers."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from venmo_api.analytics.typologies import LOOKBACK_US

PAYMENT, CASH_OUT = "payment", "cash_out"
ALLOWED, REVIEWED, DENIED, ENDED = "allow", "review", "deny", "ended"
NOBODY = 0
"""The recipient of a cash-out, and a device that is not known."""
PAYMENTS = pa.schema(
    [
        ("tx_id", pa.int64()),
        ("us", pa.int64()),
        ("kind", pa.string()),
        ("sender", pa.int64()),
        ("recipient", pa.int64()),
        ("amount", pa.int64()),
        ("device", pa.int64()),
        ("verdict", pa.string()),
    ]
)
"""One row a payment or cash-out that was tried: ``us`` is microseconds since 1970 UTC, ``amount`` cents, ``verdict``
what became of it (``ended``: held or for somebody to come, and never paid out). No column is ever null. (us,
tx_id) is the unique order."""
ACCOUNTS = pa.schema([("account", pa.int64()), ("opened_us", pa.int64())])
"""One row an account, and when it signed up."""
SCHEMAS = {"payments": PAYMENTS, "accounts": ACCOUNTS}


@dataclass(frozen=True, slots=True)
class Inputs:
    """Datasets with the columns of ``PAYMENTS`` and ``ACCOUNTS``."""

    payments: ds.Dataset
    accounts: ds.Dataset


@dataclass(frozen=True, slots=True)
class Span:
    """The days to judge, from ``first_us`` to before ``end_us``. Payments are read from a look-back before them."""

    first_us: int = 0
    end_us: int = 2**62

    @property
    def read_us(self) -> int:
        return max(0, self.first_us - LOOKBACK_US)


ALWAYS = Span()


def numbers(ids: pa.Array) -> npt.NDArray[np.int64]:
    """Each id of 16 bytes as one number of 64 bits: its halves, exclusive or. An id's random bits (62 at least) all
    count, so that two ids of a hundred million fall together once in a thousand such sets; the nil id is ``NOBODY``."""
    halves = np.frombuffer(ids.buffers()[1], dtype="<i8", count=2 * (ids.offset + len(ids))).reshape(-1, 2)
    found: npt.NDArray[np.int64] = (halves[:, 0] ^ halves[:, 1])[ids.offset :]
    return found


def number(one: UUID) -> int:
    """As ``numbers``, of one id."""
    return int(numbers(pa.array([one.bytes], pa.binary(16)))[0])


def read(folder: Path) -> Inputs:
    """Inputs that lie as ``payments/*.parquet`` and ``accounts/*.parquet``."""
    return Inputs(*(ds.dataset(sorted((folder / name).glob("*.parquet")), schema=SCHEMAS[name]) for name in SCHEMAS))


def of_tables(payments: pa.Table, accounts: pa.Table) -> Inputs:
    return Inputs(ds.dataset(payments.cast(PAYMENTS)), ds.dataset(accounts.cast(ACCOUNTS)))


def tables(rows: Iterable[tuple[object, ...]], schema: pa.Schema) -> pa.Table:
    """Rows, column by column in the order of ``schema``."""
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    return pa.table(
        [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)], schema=schema
    )


def batches(inputs: ds.Dataset, span: Span) -> Iterator[pa.RecordBatch]:
    """The rows of the span."""
    where = None
    if "us" in inputs.schema.names:
        where = (pc.field("us") >= span.read_us) & (pc.field("us") < span.end_us)
    yield from inputs.to_batches(filter=where)
