"""The system's own clock, the one that may be driven, ids, and the garbage collector."""

import gc
from datetime import UTC, datetime, timedelta
from uuid import UUID

import uuid_utils.compat


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


class DrivenClock:
    """The local twin: the system's time and how far somebody drove it ahead. It never goes back."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def drive(self, ahead: timedelta) -> None:
        """Be ``ahead`` of the system from now on, unless it is further already."""
        self.ahead = max(self.ahead, ahead)


def new_id() -> UUID:
    """A UUID version 7: ids of one process never step back in time."""
    return uuid_utils.compat.uuid7()


def tame_collector() -> None:
    """For a process that has started: what it holds now lives as long as it does and is never walked again, and the
    collector looks for cycles after thousands of requests, not after every few. Hardly any request leaves a cycle."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 100)
