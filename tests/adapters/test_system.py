"""Clocks: the system's, and the one that is driven ahead of it and never back."""

from datetime import UTC, datetime, timedelta

from venmo_api.adapters.system import DrivenClock, SystemClock


def test_both_tell_the_systems_time_until_one_is_driven() -> None:
    for clock in (SystemClock(), DrivenClock()):
        assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=5)
        assert clock.now().utcoffset() == timedelta(0)


def test_a_driven_clock_goes_ahead_and_not_back() -> None:
    clock = DrivenClock()
    for wanted, ahead in ((3, 3), (1, 3), (0, 3), (5, 5)):
        clock.drive(timedelta(days=wanted))
        assert clock.ahead == timedelta(days=ahead)
        assert abs(clock.now() - datetime.now(UTC) - clock.ahead) < timedelta(seconds=5)
