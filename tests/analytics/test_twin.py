"""The batch twin of the features gives what the counters in line gave."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest

from venmo_api.analytics import engines, inputs, twin
from venmo_api.analytics.inputs import ACCOUNTS, PAYMENTS, Inputs
from venmo_api.risk import counters
from venmo_api.risk.counters import Counters, Party
from venmo_api.risk.features import DAY_US, NAMES, Flow

START_US = 20_000 * DAY_US
Row = tuple[int, int, str, int, int, int, int, str]


def played(count: int, *, people: int, days: int, seed: int) -> tuple[list[Row], dict[int, int], dict[int, list[int]]]:
    """A random log, when the accounts were opened, and the vectors the counters read for it."""
    rng = np.random.default_rng(seed)
    opened = {person: START_US - int(rng.integers(-5, 400)) * DAY_US for person in range(1, people + 1)}
    state = {person: Counters() for person in opened}
    # Whole days, and moments at their edges, are where windows go wrong.
    moments = np.sort(np.concatenate([
        rng.integers(0, days * DAY_US, count // 2), rng.integers(0, days * 24, count - count // 2) * (DAY_US // 24)
    ]))  # fmt: skip
    rows, vectors, last = [], {}, 0
    for tx_id, moment in enumerate(START_US + moments, start=1):
        us = last = max(int(moment), last + 1)
        sender, other = (int(one) for one in rng.choice(people, 2, replace=False) + 1)
        if rng.random() < 0.3:  # one with more payees and payers than are remembered
            sender, other = (1, max(other, 2)) if rng.random() < 0.5 else (max(sender, 2), 1)
        kind = "cash_out" if rng.random() < 0.1 else "payment"
        recipient = 0 if kind == "cash_out" or rng.random() < 0.03 else other
        amount = int(rng.choice([rng.integers(1, 100_000), 2_999_00, 2_700_00, 3_000_00, 9_500_00]))
        verdict = str(rng.choice(["allow", "review", "deny"], p=[0.9, 0.03, 0.07]))
        parties = [Party(one, opened[one], state[one]) if one else None for one in (sender, recipient)]
        assert parties[0]
        vectors[tx_id] = counters.read(amount, parties[0], parties[1], us=us)
        rows.append((tx_id, us, kind, sender, recipient, amount, 0, verdict))
        if verdict != "deny":
            flow = Flow.CASHED if kind == "cash_out" else Flow.SENT
            state[sender].count(flow, amount, us=us, other=recipient or None)
            if recipient:
                state[recipient].count(Flow.RECEIVED, amount, us=us, other=sender)
    return rows, opened, vectors


def of(rows: list[Row], opened: dict[int, int]) -> Inputs:
    return inputs.of_tables(inputs.tables(rows, PAYMENTS), inputs.tables(opened.items(), ACCOUNTS))


def differences(found: pa.Table, vectors: dict[int, list[int]]) -> list[tuple[int, str, int, int]]:
    columns = [found[name].to_pylist() for name in NAMES]
    batch = dict(zip(found["tx_id"].to_pylist(), zip(*columns, strict=True), strict=True))
    assert batch.keys() == vectors.keys()
    return [
        (tx_id, name, online, again)
        for tx_id, vector in vectors.items()
        for name, online, again in zip(NAMES, vector, batch[tx_id], strict=True)
        if online != again
    ]


def computed(log: Inputs) -> Iterator[pa.Table]:
    with engines.duckdb(log) as engine:
        yield engine.connection.to_pyarrow(twin.features(engine.tables["payments"], engine.tables["accounts"]))


@pytest.mark.parametrize(("count", "people", "days"), [(12_000, 120, 120), (3_000, 12, 3)])
def test_what_was_read_in_line_is_found_again_in_batch(count: int, people: int, days: int) -> None:
    rows, opened, vectors = played(count, people=people, days=days, seed=count)
    [found] = computed(of(rows, opened))
    assert differences(found, vectors) == []
    busiest = max(range(len(NAMES)), key=lambda at: len({vector[at] for vector in vectors.values()}))
    assert len({vector[busiest] for vector in vectors.values()}) > 100


def test_a_vector_that_was_read_otherwise_is_noticed() -> None:
    rows, opened, vectors = played(400, people=12, days=40, seed=3)
    changed = vectors | {7: [value + (at == 4) for at, value in enumerate(vectors[7])]}
    [found] = computed(of(rows, opened))
    assert differences(found, vectors) == []
    assert [(tx_id, name) for tx_id, name, _, _ in differences(found, changed)] == [(7, NAMES[4])]


def test_declined_payments_count_for_nothing() -> None:
    rows, opened, vectors = played(2_000, people=12, days=40, seed=4)
    counted = [(*row[:7], "allow") for row in rows]
    [found] = computed(of(counted, opened))
    assert differences(found, vectors) != []
