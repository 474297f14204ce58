"""Counts and sums over what one account did before each payment, by prefix sums: no loop, no join."""

from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from venmo_api.analytics.labelled import DAY_US, Flags, Floats, Ints


class Windows:
    """The payments of each account in order of time. A window of ``days`` ends at the payment, which is in it; with
    ``delay_days`` it ends so long before, and what is exactly so old is in it. Answers are in the order of the set."""

    def __init__(self, account: Ints, us: Ints) -> None:
        """``us`` must rise."""
        self.order = np.argsort(account, kind="stable")
        of = account[self.order]
        self._us = us[self.order] - us[0]
        begins = np.r_[True, of[1:] != of[:-1]]
        self.start = np.flatnonzero(begins)[np.cumsum(begins) - 1]
        self._span = int(self._us.max()) + 1
        self._group = (np.cumsum(begins) - 1) * self._span

    @cached_property
    def _back(self) -> Ints:
        back = np.empty_like(self.order)
        back[self.order] = np.arange(len(self.order))
        return back

    def count(self, days: float, *, delay_days: float = 0) -> Ints:
        low, high = self._bounds(days, delay_days)
        return (high - low)[self._back]

    def sum(self, values: npt.NDArray[Any], days: float, *, delay_days: float = 0) -> npt.NDArray[Any]:
        low, high = self._bounds(days, delay_days)
        total = np.r_[values.dtype.type(0), np.cumsum(values[self.order])]
        found: npt.NDArray[Any] = (total[high] - total[low])[self._back]
        return found

    def runs(self, flags: Flags, *, delay_days: float) -> tuple[Ints, Floats, Floats]:
        """Of what was known ``delay_days`` before each payment: how many of the last known in a row have the flag; how
        many days ago that run began, and how many ago was the last one with the flag (NaN: there is none)."""
        places = np.arange(len(self.order))
        marked = flags[self.order]
        last = self._younger(delay_days) - 1
        known, at = last >= self.start, np.maximum(last, 0)
        unmarked = np.maximum(np.maximum.accumulate(np.where(marked, -1, places)), self.start - 1)[at]
        run = np.where(known, last - unmarked, 0)
        began = self._ago(np.minimum(unmarked + 1, len(places) - 1), run > 0)
        newest = np.maximum.accumulate(np.where(marked, places, -1))[at]
        return run[self._back], began[self._back], self._ago(newest, known & (newest >= self.start))[self._back]

    def _ago(self, places: Ints, holds: Flags) -> Floats:
        return np.where(holds, (self._us - self._us[places]) / DAY_US, np.nan)

    def _bounds(self, days: float, delay_days: float) -> tuple[Ints, Ints]:
        """Where each window begins, and where it has ended, in the order of accounts."""
        ends = self._younger(delay_days) if delay_days else np.arange(len(self.order)) + 1
        return self._younger(days + delay_days), ends

    def _younger(self, days: float) -> Ints:
        """For each payment, the first place of its account that is less than ``days`` older."""
        moments = np.maximum(self._us - int(days * DAY_US), -1)
        found: Ints = np.searchsorted(self._group + self._us, self._group + moments, "right")
        return found
