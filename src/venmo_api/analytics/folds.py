"""The published protocol: train on a week, wait a week for labels, be judged on the week after; again a week earlier.

Cards that are known to be compromised are out of the test: those of frauds in the training week, and of frauds a delay
before each test day.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import numpy as np

from venmo_api.analytics.labelled import Ints, Labelled
from venmo_api.analytics.rules import SetUnfit

PUBLISHED_START: Final = date(2018, 7, 25)
"""Training of the first test fold on the Handbook's set; those of the others start a week after one another."""
_EPOCH: Final = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Protocol:
    train_days: int = 7
    delay_days: int = 7
    test_days: int = 7
    folds: int = 4

    @property
    def whole_days(self) -> int:
        """From the first day of training to the last of the test."""
        return self.train_days + self.delay_days + self.test_days

    @property
    def shift_days(self) -> int:
        """So much earlier are the folds that a model is chosen by: they end where the first test fold ends training."""
        return self.delay_days + self.test_days


@dataclass(frozen=True, slots=True)
class Fold:
    """``train`` and ``test`` are rows of the set."""

    start: date
    train: Ints
    test: Ints


def starts(payments: Labelled, protocol: Protocol, *, first: date | None = None) -> tuple[list[date], list[date]]:
    """The first training days of the validation folds and of the test folds. Without ``first`` the published ones, if
    the set has their days, or else the latest there can be. Raises SetUnfit when there are too few days."""
    begins, ends = (_EPOCH + timedelta(days=int(day)) for day in (payments.day[0], payments.day[-1]))
    weeks = [timedelta(days=protocol.test_days * number) for number in range(protocol.folds)]
    shift, whole = timedelta(days=protocol.shift_days), timedelta(days=protocol.whole_days - 1)
    latest = ends - whole - weeks[-1]

    def fits(start: date) -> bool:
        # A validation fold starts as many weeks before its test fold as all of them take, shifted.
        return begins <= start - shift - weeks[-1] and start <= latest

    chosen = first or (PUBLISHED_START if fits(PUBLISHED_START) else latest)
    if not fits(chosen):
        needed = protocol.whole_days + protocol.shift_days + 2 * weeks[-1].days
        raise SetUnfit(
            f"The set goes from {begins} to {ends}; validation and test folds from {chosen} need {needed} days of it."
        )
    return [chosen - shift - week for week in weeks], [chosen + week for week in weeks]


def fold(payments: Labelled, protocol: Protocol, start: date) -> Fold:
    """Raises SetUnfit when training or test has payments of one kind only."""
    day, fraud, customer = payments.day, payments.fraud, payments.customer
    first = (start - _EPOCH).days
    delayed = first + protocol.train_days
    train = np.flatnonzero((day >= first) & (day < delayed))
    known = customer[train[fraud[train]]]
    tests = []
    for tested in range(protocol.test_days):
        known = np.union1d(known, customer[(day == delayed + tested - 1) & fraud])
        rows = np.flatnonzero(day == delayed + protocol.delay_days + tested)
        tests.append(rows[~np.isin(customer[rows], known)])
    test = np.concatenate(tests)
    if any(len(np.unique(fraud[rows])) < 2 for rows in (train, test)):
        raise SetUnfit(f"The fold that trains from {start} lacks frauds, or honest payments.")
    return Fold(start, train, test)
