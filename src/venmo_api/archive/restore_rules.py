"""How archived days that lie in a cold storage class are asked for, and when they can be read. Pure."""

from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final

from venmo_api.core.errors import AppError, InvalidField, Kind, NotFound

KEPT: Final = timedelta(days=7)
"""How long restored days can be read."""
DAYS_MOST: Final = 366
OPEN_MOST: Final = 5


class State(StrEnum):
    """S3 was not asked yet; it was, and is at it; all can be read; their time is over."""

    REQUESTED = "requested"
    RESTORING = "restoring"
    READY = "ready"
    EXPIRED = "expired"


class HistoryCold(AppError):
    kind = Kind.CONFLICT
    code = "history_archived"
    title = "This part of the history has to be restored first"

    def __init__(self, first_day: str, last_day: str) -> None:
        super().__init__(
            f"The days {first_day} to {last_day} lie in cold storage; ask for them with POST /v1/statements/restores, "
            "which takes some hours, and then again for this."
        )
        self.extra = {"first_day": first_day, "last_day": last_day}


class HistoryDamaged(AppError):
    kind = Kind.UNAVAILABLE
    code = "history_damaged"
    title = "This part of the history cannot be shown"

    def __init__(self) -> None:
        super().__init__(
            "What was archived of this period is not whole right now, and nothing wrong is printed; ask again later, "
            "or for other days."
        )


class TooManyRestores(AppError):
    kind = Kind.CONFLICT
    code = "too_many_restores"
    title = "Too much is being restored"

    def __init__(self) -> None:
        super().__init__(
            f"You have {OPEN_MOST} restores that are not over; read what they give you, and ask again later."
        )


class RestoreNotFound(NotFound):
    code = "restore_not_found"
    title = "No such restore"

    def __init__(self) -> None:
        super().__init__("There is no restore with this id; take it from the answer to POST /v1/statements/restores.")


def days(first: date, last: date, *, today: date) -> tuple[date, date]:
    """The days asked for. Raises InvalidField."""
    if last > today:
        raise InvalidField("/end", "The last day is still to come; ask up to today.")
    if first > last:
        raise InvalidField("/start", "The first day must not be after the last.")
    if (last - first).days >= DAYS_MOST:
        raise InvalidField("/start", f"A restore covers {DAYS_MOST} days at most; ask for a shorter period.")
    return first, last


def state(*, waiting: int, expires_at: datetime | None, now: datetime) -> State:
    """``waiting`` files, all of which S3 was asked for, cannot be read yet."""
    if expires_at is not None:
        return State.EXPIRED if now >= expires_at else State.READY
    return State.RESTORING if waiting else State.READY
