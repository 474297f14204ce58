"""A labelled set of payments, read from Parquet: what a model can be judged by."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from venmo_api.analytics.rules import SetUnfit

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
COLUMNS: Final = ("tx_id", "tx_time", "customer_id", "counterparty_id", "amount", "is_fraud")
DAY_US: Final = 86_400_000_000


@dataclass(frozen=True, slots=True)
class Labelled:
    """Payments in order of (time, id). People are numbers from 0; amounts are in whatever unit the set has."""

    us: Ints
    customer: Ints
    counterparty: Ints
    amount: Floats
    fraud: Flags

    @property
    def day(self) -> Ints:
        """Days since 1970, UTC."""
        return self.us // DAY_US


def read(path: Path) -> Labelled:
    """A file, or all files below a folder. Raises SetUnfit."""
    try:
        found = ds.dataset(path, format="parquet")
        missing = [name for name in COLUMNS if name not in found.schema.names]
        if missing:
            raise SetUnfit(f"The set has no column {', '.join(missing)}; it needs {', '.join(COLUMNS)}.")
        table = found.to_table(columns=list(COLUMNS))
    except (OSError, pa.ArrowException) as error:
        raise SetUnfit(f"{path} holds no Parquet that can be read ({type(error).__name__}).") from error
    empty = [name for name in COLUMNS if table[name].null_count]
    if empty or not table.num_rows:
        raise SetUnfit(f"The set has no rows, or rows without {', '.join(empty)}; every row needs every column.")
    return _ordered(table)


def _ordered(table: pa.Table) -> Labelled:
    try:
        us = table["tx_time"].cast(pa.timestamp("us"), safe=False).cast(pa.int64()).to_numpy()
        amount = table["amount"].cast(pa.float64()).to_numpy()
        fraud = table["is_fraud"].cast(pa.int64()).to_numpy()
    except pa.ArrowException as error:
        raise SetUnfit("`tx_time` must be moments, `amount` numbers, `is_fraud` true and false, or 1 and 0.") from error
    if not np.isin(fraud, (0, 1)).all() or not np.isfinite(amount).all():
        raise SetUnfit("`is_fraud` must be true or false, or 1 or 0, and `amount` finite, in every row.")
    ids = _numbered(table["tx_id"])
    if ids.max() + 1 != len(ids):
        raise SetUnfit("`tx_id` must name each payment once: it is the order of those of one moment.")
    order = np.lexsort((ids, us))
    customer, counterparty = _numbered(table["customer_id"]), _numbered(table["counterparty_id"])
    return Labelled(us[order], customer[order], counterparty[order], amount[order], fraud[order].astype(np.bool_))


def _numbered(column: pa.ChunkedArray) -> Ints:
    """Each value as its place among all there are."""
    values = column.combine_chunks()
    places: Any = pc.rank(values, sort_keys="ascending", tiebreaker="dense")
    found: Ints = places.to_numpy().astype(np.int64) - 1
    return found
