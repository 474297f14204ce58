"""How many guesses are let through, and for how long none is: pure."""

from datetime import UTC, datetime, timedelta

import pytest

from venmo_api.auth.guesses import SECRET, Bound, Guesses, TooManyAttempts, count, of_network

START = datetime(2026, 11, 21, 12, tzinfo=UTC)
BOUND = Bound(most=3, locks_seconds=(60, 600), window_seconds=3600)


def fresh(at: datetime = START) -> Guesses:
    return Guesses(wrong=0, locks=0, began_at=at, last_at=at)


def guess(guesses: Guesses, bound: Bound = BOUND, *, times: int = 1, at: datetime = START) -> Guesses:
    for _ in range(times):
        counted = count(guesses, bound, now=at)
        assert isinstance(counted, Guesses), counted.detail
        guesses = counted
    return guesses


def wait(guesses: Guesses, bound: Bound = BOUND, *, at: datetime = START) -> int | None:
    """How many seconds nobody may guess; None: one may."""
    refused = count(guesses, bound, now=at)
    return refused.retry_after_seconds if isinstance(refused, TooManyAttempts) else None


def test_guesses_are_let_through_up_to_the_bound_and_then_none() -> None:
    assert guess(fresh(), times=2) == Guesses(2, 0, START, START)
    locked = guess(fresh(), times=3)
    assert wait(locked) == 60
    assert wait(locked, at=START + timedelta(seconds=59)) == 1
    assert wait(locked, at=START + timedelta(seconds=59.5)) == 1
    assert wait(locked, at=START + timedelta(seconds=60)) is None


def test_the_lock_runs_from_the_last_guess_that_was_counted() -> None:
    later = START + timedelta(seconds=30)
    locked = guess(guess(fresh(), times=2), at=later)
    assert locked.last_at == later
    assert wait(locked, at=START + timedelta(seconds=60)) == 30


def test_each_lock_is_longer_than_the_one_before_and_the_last_comes_again() -> None:
    guesses, now, waits = fresh(), START, []
    for _ in range(4):
        guesses = guess(guesses, times=3, at=now)
        waits.append(wait(guesses, at=now))
        now += timedelta(seconds=waits[-1] or 0)
    assert waits == [60, 600, 600, 600]
    assert guess(guesses, at=now) == Guesses(wrong=1, locks=4, began_at=START, last_at=now)


def test_all_is_forgotten_a_window_after_the_first_guess() -> None:
    old = guess(guess(fresh(), times=3), times=2, at=START + timedelta(seconds=60))
    assert old.locks == 1
    just_before, then = START + timedelta(seconds=3599), START + timedelta(seconds=3600)
    assert guess(old, at=just_before) == Guesses(3, 1, START, just_before)
    assert guess(old, at=then) == Guesses(1, 0, then, then)


def test_a_lock_outlives_the_window() -> None:
    late = START + timedelta(seconds=3590)
    locked = guess(guess(fresh(), times=2), at=late)
    assert wait(locked, at=START + timedelta(seconds=3600)) == 50
    after = late + timedelta(seconds=60)
    assert guess(locked, at=after) == Guesses(1, 0, after, after)


def test_a_guess_that_is_given_back_unlocks() -> None:
    locked = guess(fresh(), times=3)
    assert wait(Guesses(locked.wrong - 1, locked.locks, locked.began_at, locked.last_at)) is None


def test_secrets_are_guessed_ten_times_and_fewer_than_a_hundred_times_a_month() -> None:
    guesses, now, made = fresh(), START, 0
    locks = []
    while now < START + timedelta(days=30):
        outcome = count(guesses, SECRET, now=now)
        if isinstance(outcome, TooManyAttempts):
            assert outcome.retry_after_seconds is not None
            locks.append(outcome.retry_after_seconds)
            now += timedelta(seconds=outcome.retry_after_seconds)
        else:
            guesses, made = outcome, made + 1
            assert locks or made <= 10
    assert locks[:4] == [30 * 60, 3600, 24 * 3600, 3 * 24 * 3600]
    assert set(locks[4:]) == {7 * 24 * 3600}
    assert 50 < made < 100


def test_a_network_gets_its_guesses_back_every_hour() -> None:
    bound = of_network(5)
    locked = guess(fresh(), bound, times=5)
    assert wait(locked, bound) == 15 * 60
    hour = START + timedelta(hours=1)
    assert guess(locked, bound, times=5, at=hour) == Guesses(5, 0, hour, hour)


@pytest.mark.parametrize(("seconds", "told"), [(0.0, 1), (0.2, 1), (1.0, 1), (1.2, 2), (900.0, 900)])
def test_the_refusal_tells_whole_seconds_and_never_none(seconds: float, told: int) -> None:
    refusal = TooManyAttempts(timedelta(seconds=seconds))
    wait = "There were too many wrong attempts. Wait as long as `Retry-After` tells, or use a device known to us."
    assert refusal.detail == wait
    assert (refusal.retry_after_seconds, refusal.code, refusal.kind) == (told, "too_many_attempts", "limited")
