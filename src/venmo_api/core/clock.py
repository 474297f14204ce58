"""Time and new ids as something handed in, so that a test can drive both."""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol
from uuid import UUID


class Clock(Protocol):
    def now(self) -> datetime:
        """The current moment, aware, in UTC."""
        ...


NewId = Callable[[], UUID]
"""Makes a fresh time-ordered id (UUID version 7)."""


def rfc3339(moment: datetime) -> str:
    """A UTC moment as RFC 3339 with milliseconds: ``2026-11-20T19:06:00.123Z``."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
