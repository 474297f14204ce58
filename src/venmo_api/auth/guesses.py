"""How many guesses at a secret are let through, and how long nobody may guess after them. Pure."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import ceil
from typing import Final

from venmo_api.core.errors import AppError, Kind
from venmo_api.core.figures import DAY


class TooManyAttempts(AppError):
    """The same for what exists and what does not."""

    kind = Kind.LIMITED
    code = "too_many_attempts"
    title = "Too many wrong attempts"

    def __init__(self, wait: timedelta) -> None:
        seconds = max(1, ceil(wait.total_seconds()))
        detail = "There were too many wrong attempts. Wait as long as `Retry-After` tells, or use a device known to us."
        super().__init__(detail, retry_after_seconds=seconds)


@dataclass(frozen=True, slots=True)
class Bound:
    """``most`` wrong guesses in a row lock for the first of ``locks_seconds``, as many more for the next, and then for
    the last again and again. All is forgotten ``window_seconds`` after the first guess."""

    most: int
    locks_seconds: tuple[int, ...]
    window_seconds: int


SECRET: Final = Bound(most=10, locks_seconds=(30 * 60, 3600, DAY, 3 * DAY, 7 * DAY), window_seconds=30 * DAY)
"""Fewer than a hundred guesses in a month, as NIST SP 800-63B asks for; ten and half an hour, as PCI DSS 8.3.4 does."""


OF_ADDRESS: Final = Bound(most=300, locks_seconds=(DAY,), window_seconds=DAY)
"""For the codes sent to one address, whoever claims it: one account makes half as many guesses a day, and a thousand
accounts no more than these at a million."""


def of_network(most: int) -> Bound:
    """For all the guesses that come from one network, which many people may share: ``most`` wrong ones an hour."""
    return Bound(most=most, locks_seconds=(15 * 60,), window_seconds=3600)


@dataclass(frozen=True, slots=True)
class Guesses:
    """The guesses at one thing: ``wrong`` since it was locked last, and how often it was locked. A guess whose outcome
    is not known yet counts as wrong."""

    wrong: int
    locks: int
    began_at: datetime
    last_at: datetime


def count(guesses: Guesses, bound: Bound, *, now: datetime) -> Guesses | TooManyAttempts:
    """One guess more; or why it must not be made."""
    until = _locked_until(guesses, bound)
    if until is not None and now < until:
        return TooManyAttempts(until - now)
    if now >= guesses.began_at + timedelta(seconds=bound.window_seconds):
        return Guesses(wrong=1, locks=0, began_at=now, last_at=now)
    if until is not None:
        return replace(guesses, wrong=1, locks=guesses.locks + 1, last_at=now)
    return replace(guesses, wrong=guesses.wrong + 1, last_at=now)


def _locked_until(guesses: Guesses, bound: Bound) -> datetime | None:
    if guesses.wrong < bound.most:
        return None
    seconds = bound.locks_seconds[min(guesses.locks, len(bound.locks_seconds) - 1)]
    return guesses.last_at + timedelta(seconds=seconds)
