"""The system's own clock and ids."""

from datetime import UTC, datetime
from uuid import UUID

import uuid_utils.compat


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


def new_id() -> UUID:
    """A UUID version 7: ids of one process never step back in time."""
    return uuid_utils.compat.uuid7()
