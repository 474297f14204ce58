"""The clock moves forward only, and not without end."""

from datetime import UTC, datetime, timedelta

import pytest

from venmo_api.sandbox.rules import (
    AHEAD_MOST,
    STEP_MOST,
    ClockOnlyMovesForward,
    ClockTooFar,
    advanced,
    set_to,
)

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def test_steps_add_up() -> None:
    assert advanced(timedelta(), STEP_MOST) == STEP_MOST
    assert advanced(STEP_MOST, DAY) == STEP_MOST + DAY
    assert set_to(DAY, NOW + 3 * DAY, system_now=NOW) == 3 * DAY
    assert set_to(DAY, NOW + DAY + STEP_MOST, system_now=NOW) == DAY + STEP_MOST


@pytest.mark.parametrize("moment", [NOW, NOW + DAY, NOW - DAY, datetime.min.replace(tzinfo=UTC)])
def test_what_is_past_for_the_driven_clock_is_refused(moment: datetime) -> None:
    with pytest.raises(ClockOnlyMovesForward):
        set_to(DAY, moment, system_now=NOW)


def test_a_step_and_the_sum_of_steps_have_an_end() -> None:
    for moment in (NOW + STEP_MOST + timedelta(microseconds=1), datetime.max.replace(tzinfo=UTC)):
        with pytest.raises(ClockTooFar):
            set_to(timedelta(), moment, system_now=NOW)
    assert advanced(AHEAD_MOST - DAY, DAY) == AHEAD_MOST
    with pytest.raises(ClockTooFar):
        advanced(AHEAD_MOST, timedelta(seconds=1))
