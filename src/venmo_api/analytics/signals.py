"""The feature table of a labelled set: the fifteen columns of the published baseline, and ours beside them.

Whatever uses a label uses those of payments that are older than the delay: the others are not known yet.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from venmo_api.analytics.labelled import DAY_US, Flags, Floats, Ints, Labelled
from venmo_api.analytics.windows import Windows

HOUR_US: Final = 3_600_000_000
BASELINE_DAYS: Final = (1, 7, 30)
NIGHT_UNTIL: Final = 6
"""The last hour of a night, UTC."""
HABIT_DAYS: Final = 90
UNUSUAL: Final = 2.5
"""So many times what somebody usually spends is unusual: of normal amounts with half their mean as deviation one in 700
is larger."""
RISK_DAYS: Final = (1, 3, 7, 14, 21, 28)


@dataclass(frozen=True, slots=True)
class Table:
    """A column a feature; NaN: not known."""

    names: tuple[str, ...]
    matrix: Floats

    def only(self, names: tuple[str, ...]) -> Floats:
        found: Floats = self.matrix[:, [self.names.index(name) for name in names]]
        return found


def baseline(payments: Labelled, customer: Windows, counterparty: Windows, *, delay_days: int) -> dict[str, Any]:
    """Amount, weekend, night; count and average amount of the customer, count and risk of the counterparty."""
    hour = payments.us % DAY_US // HOUR_US
    columns: dict[str, Any] = {
        "amount": payments.amount,
        "weekend": (payments.day + 3) % 7 >= 5,
        "night": hour <= NIGHT_UNTIL,
    }
    for days in BASELINE_DAYS:
        count = customer.count(days)
        columns[f"customer_count_{days}d"] = count
        columns[f"customer_average_{days}d"] = customer.sum(payments.amount, days) / count
    for days in BASELINE_DAYS:
        columns[f"counterparty_count_{days}d"] = counterparty.count(days, delay_days=delay_days)
        columns[f"counterparty_risk_{days}d"] = _risk(counterparty, payments.fraud, days, delay_days)
    return columns


def table(payments: Labelled, rows: Ints, *, delay_days: int) -> Table:
    """The columns of ``baseline`` first, for ``rows``."""
    customer, counterparty = (Windows(account, payments.us) for account in (payments.customer, payments.counterparty))
    columns = baseline(payments, customer, counterparty, delay_days=delay_days)
    columns |= _ours(payments, customer, counterparty, delay_days)
    matrix = np.column_stack([np.asarray(column[rows], dtype=np.float64) for column in columns.values()])
    return Table(tuple(columns), matrix)


def _ours(payments: Labelled, customer: Windows, counterparty: Windows, delay_days: int) -> dict[str, Any]:
    """How unusual the amount is for the customer, and what is known of frauds at the counterparty."""
    amount, fraud = payments.amount, payments.fraud
    honest = customer.sum((~fraud).astype(np.int64), HABIT_DAYS, delay_days=delay_days)
    usual = _over(customer.sum(np.where(fraud, 0.0, amount), HABIT_DAYS, delay_days=delay_days), honest)
    others = customer.count(30) - 1
    unusual = amount > UNUSUAL * np.nan_to_num(usual, nan=np.inf)
    columns: dict[str, Any] = {
        "hour": payments.us % DAY_US / HOUR_US,
        "customer_honest_count_90d": honest,
        "customer_usual": usual,
        "amount_over_usual": amount / usual,
        "amount_over_others_30d": _over(amount * others, customer.sum(amount, 30) - amount),
        "customer_frauds_30d": customer.sum(fraud.astype(np.int64), 30, delay_days=delay_days),
        "counterparty_count_7d_now": counterparty.count(7),
        "counterparty_unusual_7d": _others(counterparty, unusual, 7),
    }
    for days in (1, 7, 14):
        columns[f"customer_unusual_{days}d"] = _others(customer, unusual, days)
    # A fraud that its amount gives away says little of the place where it happened.
    ordinary = fraud & ~unusual
    for days in RISK_DAYS:
        columns[f"counterparty_ordinary_frauds_{days}d"] = counterparty.sum(
            ordinary.astype(np.int64), days, delay_days=delay_days
        )
        columns[f"counterparty_ordinary_risk_{days}d"] = _risk(counterparty, ordinary, days, delay_days)
    run, began, newest = counterparty.runs(fraud, delay_days=delay_days)
    return columns | {"counterparty_run": run, "counterparty_run_days": began, "counterparty_fraud_days": newest}


def _risk(windows: Windows, flags: Flags, days: int, delay_days: int) -> Floats:
    """The part of the known payments of a window that have the flag; 0 of none."""
    count = windows.count(days, delay_days=delay_days)
    return windows.sum(flags.astype(np.int64), days, delay_days=delay_days) / np.maximum(count, 1)


def _others(windows: Windows, flags: Flags, days: int) -> Ints:
    """How many payments of the window beside this one have the flag."""
    found: Ints = windows.sum(flags.astype(np.int64), days) - flags
    return found


def _over(numerator: npt.NDArray[Any], denominator: npt.NDArray[Any]) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(denominator > 0, numerator / denominator, np.nan)
