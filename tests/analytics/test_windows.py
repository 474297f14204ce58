"""Window statistics and the features made of them: what a loop counts, and nothing that is not known yet."""

from typing import Any

import numpy as np
import pytest

from venmo_api.analytics import labelled, signals
from venmo_api.analytics.labelled import DAY_US, Labelled
from venmo_api.analytics.windows import Windows


def _payments(count: int = 600, *, seed: int = 0, days: int = 60) -> Labelled:
    """Few accounts, and many moments that are the same or whole days apart."""
    rng = np.random.default_rng(seed)
    us = np.sort(np.r_[rng.integers(0, days, count // 2) * DAY_US, rng.integers(0, days * DAY_US, count - count // 2)])
    return Labelled(
        us, rng.integers(0, 7, count), rng.integers(0, 5, count), rng.random(count), rng.random(count) < 0.2
    )


def _looked_up(payments: Labelled, row: int, days: float, delay: float) -> list[int]:
    """The rows of a window, one by one."""
    end = payments.us[row] - int(delay * DAY_US)
    begin = payments.us[row] - int((days + delay) * DAY_US)
    rows = range(len(payments.us)) if delay else range(row + 1)
    return [
        other
        for other in rows
        if payments.customer[other] == payments.customer[row] and begin < payments.us[other] <= end
    ]


@pytest.mark.parametrize(("days", "delay"), [(1, 0), (7, 0), (30, 0), (1, 7), (30, 7), (100, 7)])
def test_counts_and_sums_are_what_a_loop_finds(days: int, delay: int) -> None:
    payments = _payments()
    windows = Windows(payments.customer, payments.us)
    rows = [_looked_up(payments, row, days, delay) for row in range(len(payments.us))]
    assert windows.count(days, delay_days=delay).tolist() == [len(one) for one in rows]
    sums = windows.sum(payments.amount, days, delay_days=delay)
    assert np.allclose(sums, [payments.amount[one].sum() for one in rows])


def test_runs_are_what_a_loop_finds() -> None:
    payments = _payments(seed=1)
    windows = Windows(payments.customer, payments.us)
    run, began, newest = windows.runs(payments.fraud, delay_days=7)
    for row in range(len(payments.us)):
        known = _looked_up(payments, row, 1_000, 7)
        length = 0
        while length < len(known) and payments.fraud[known[-1 - length]]:
            length += 1
        frauds = [other for other in known if payments.fraud[other]]
        assert run[row] == length
        expected = (payments.us[row] - payments.us[known[-length]]) / DAY_US if length else np.nan
        assert began[row] == pytest.approx(expected, nan_ok=True)
        last = (payments.us[row] - payments.us[frauds[-1]]) / DAY_US if frauds else np.nan
        assert newest[row] == pytest.approx(last, nan_ok=True)


def _table(payments: Labelled) -> Any:
    return signals.table(payments, np.arange(len(payments.us)), delay_days=7)


def test_no_feature_knows_a_label_before_its_delay_or_a_payment_before_it_is_made() -> None:
    payments = _payments(seed=2)
    now = 400
    young = payments.us > payments.us[now] - 7 * DAY_US
    fraud, amount = payments.fraud.copy(), payments.amount.copy()
    fraud[young] = ~fraud[young]
    amount[now + 1 :] = 1e6
    changed = Labelled(payments.us, payments.customer, payments.counterparty, amount, fraud)
    assert np.allclose(_table(payments).matrix[now], _table(changed).matrix[now], rtol=1e-6, equal_nan=True)


def test_features_do_know_the_labels_they_may() -> None:
    payments = _payments(seed=2)
    old = payments.us <= payments.us[400] - 7 * DAY_US
    changed = Labelled(
        payments.us, payments.customer, payments.counterparty, payments.amount, np.where(old, False, payments.fraud)
    )
    before, after = _table(payments), _table(changed)
    differing = {before.names[at] for at in np.flatnonzero(before.matrix[400] != after.matrix[400])}
    assert {"counterparty_risk_30d", "customer_frauds_30d"} <= differing


def test_the_columns_of_the_baseline_are_the_published_ones() -> None:
    payments = labelled.Labelled(
        us=np.array([0, 3 * 3600, DAY_US // 1_000_000 * 3]) * 1_000_000,
        customer=np.array([0, 0, 0]),
        counterparty=np.array([0, 1, 0]),
        amount=np.array([10.0, 20.0, 60.0]),
        fraud=np.array([True, False, False]),
    )
    table = _table(payments)
    assert table.names[:3] == ("amount", "weekend", "night")
    columns = dict(zip(table.names, table.matrix.T.tolist(), strict=True))
    assert columns["weekend"] == [0, 0, 1]  # 1970 began on a Thursday
    assert columns["night"] == [1, 1, 1]
    assert columns["customer_count_7d"] == [1, 2, 3]
    assert columns["customer_average_7d"] == [10, 15, 30]
    assert columns["counterparty_risk_30d"] == [0, 0, 0]  # no label is known in three days
