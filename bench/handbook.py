"""The simulated card payments of the Fraud Detection Handbook (chapter 3), from their description, as labelled Parquet.

``python -m bench.handbook DIR`` draws the published set: the same seeds in the same order as the book tells, so the
counts are those of the published files: 1,754,155 payments, 14,681 of them frauds. Two minutes at the most.
"""

import random
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

FIRST_DAY = datetime(2018, 4, 1, tzinfo=UTC)
DAY_SECONDS = 86_400
RADIUS = 5.0
BIG_AMOUNT = 220.0


@dataclass
class Drawn:
    """Payments as columns, in order of time. Seconds since the first day, amounts in dollars."""

    seconds: np.ndarray
    customers: np.ndarray
    terminals: np.ndarray
    amounts: np.ndarray
    frauds: np.ndarray


def draw(*, customers: int = 5_000, terminals: int = 10_000, days: int = 183) -> Drawn:
    """The set of the book with its own sizes; smaller ones for tests."""
    state = np.random.RandomState(0)
    people = [
        (state.uniform(0, 100), state.uniform(0, 100), state.uniform(5, 100), state.uniform(0, 4))
        for _ in range(customers)
    ]
    places = np.random.RandomState(1).uniform(0, 100, (terminals, 2))
    rows: list[tuple[int, int, int, float]] = []
    for number, (x, y, mean, rate) in enumerate(people):
        near = np.flatnonzero(np.sqrt(np.sum(np.square(np.array([x, y]) - places), axis=1)) < RADIUS)
        rows += _payments(number, near.tolist(), mean=mean, rate=rate, days=days)
    seconds, whose, where, amounts = (np.array(column) for column in zip(*rows, strict=True))
    order = np.argsort(seconds, kind="stable")
    drawn = Drawn(seconds[order], whose[order], where[order], amounts[order], np.zeros(len(order), dtype=bool))
    _defraud(drawn, customers=customers, terminals=terminals)
    return drawn


def _payments(
    number: int, near: list[int], *, mean: float, rate: float, days: int
) -> list[tuple[int, int, int, float]]:
    """What one customer pays in all days."""
    state, chance = np.random.RandomState(number), random.Random(number)
    found = []
    for day in range(days):
        for _ in range(state.poisson(rate)):
            second = int(state.normal(DAY_SECONDS / 2, 20_000))
            if not 0 < second < DAY_SECONDS:
                continue
            amount = state.normal(mean, mean / 2)
            if amount < 0:
                amount = state.uniform(0, mean * 2)
            if near:
                found.append((day * DAY_SECONDS + second, number, chance.choice(near), float(np.round(amount, 2))))
    return found


def _defraud(drawn: Drawn, *, customers: int, terminals: int) -> None:
    """Large amounts; terminals that are compromised for 28 days, two more a day; customers for 14, three more a day."""
    days = drawn.seconds // DAY_SECONDS
    drawn.frauds[drawn.amounts > BIG_AMOUNT] = True
    of_terminal, of_customer = _rows_by(drawn.terminals, terminals), _rows_by(drawn.customers, customers)
    for day in range(int(days.max())):
        for terminal in np.random.RandomState(day).choice(terminals, size=2, replace=False):
            rows = of_terminal[terminal]
            drawn.frauds[rows[(days[rows] >= day) & (days[rows] < day + 28)]] = True
    for day in range(int(days.max())):
        chosen = np.random.RandomState(day).choice(customers, size=3, replace=False)
        rows = np.sort(np.concatenate([of_customer[customer] for customer in chosen]))
        rows = rows[(days[rows] >= day) & (days[rows] < day + 14)]
        taken = random.Random(day).sample(rows.tolist(), k=len(rows) // 3)
        drawn.amounts[taken] *= 5
        drawn.frauds[taken] = True


def _rows_by(numbers: np.ndarray, most: int) -> list[np.ndarray]:
    """The rows of each number below ``most``, in order."""
    order = np.argsort(numbers, kind="stable")
    return np.split(order, np.searchsorted(numbers[order], np.arange(1, most)))


def table(drawn: Drawn) -> pa.Table:
    """As ``venmo-api risk evaluate`` reads it: amounts in cents."""
    moments = np.datetime64(FIRST_DAY.replace(tzinfo=None), "us") + (drawn.seconds * 1_000_000).astype(
        "timedelta64[us]"
    )
    return pa.table(
        {
            "tx_id": pa.array(np.arange(len(drawn.seconds)), pa.int64()),
            "tx_time": pa.array(moments, pa.timestamp("us")).cast(pa.timestamp("us", "UTC")),
            "customer_id": pa.array(drawn.customers, pa.int64()),
            "counterparty_id": pa.array(drawn.terminals, pa.int64()),
            "amount": pa.array(np.rint(drawn.amounts * 100).astype(np.int64), pa.int64()),
            "is_fraud": pa.array(drawn.frauds, pa.bool_()),
        }
    )


def main(folder: Path) -> None:
    drawn = draw()
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(table(drawn), folder / "payments.parquet", compression="zstd")
    until = FIRST_DAY + timedelta(seconds=int(drawn.seconds[-1]))
    print(f"{len(drawn.seconds):,} payments, {int(drawn.frauds.sum()):,} frauds, until {until:%Y-%m-%d}: {folder}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
