"""How far and which way the clock may be driven. Pure."""

from datetime import datetime, timedelta
from typing import Final

from venmo_api.core.errors import InvalidField

STEP_MOST: Final = timedelta(days=400)
AHEAD_MOST: Final = timedelta(days=40_000)
"""A century: dates stay such that everything that reads them can."""


class ClockOnlyMovesForward(InvalidField):
    code = "clock_only_moves_forward"
    title = "The clock only moves forward"

    def __init__(self) -> None:
        super().__init__("/now", "This moment is not later than the service's now; give a later one.")


class ClockTooFar(InvalidField):
    code = "clock_too_far"
    title = "That is too far ahead"

    def __init__(self, pointer: str) -> None:
        detail = "The clock moves 400 days at most at once, and 40,000 days ahead of the system's in all; go less far."
        super().__init__(pointer, detail)


def advanced(ahead: timedelta, by: timedelta) -> timedelta:
    """How far ahead a clock is when it is driven on. Raises ClockTooFar."""
    return _bounded(ahead, ahead + by, "/advance_seconds")


def set_to(ahead: timedelta, moment: datetime, *, system_now: datetime) -> timedelta:
    """How far ahead a clock is when it is put to ``moment``. Raises ClockOnlyMovesForward, ClockTooFar."""
    wanted = moment - system_now
    if wanted <= ahead:
        raise ClockOnlyMovesForward
    return _bounded(ahead, wanted, "/now")


def _bounded(before: timedelta, after: timedelta, pointer: str) -> timedelta:
    if after - before > STEP_MOST or after > AHEAD_MOST:
        raise ClockTooFar(pointer)
    return after
