"""Scheduled work of the archive."""

from datetime import UTC, datetime, timedelta

from venmo_api.adapters.bundle import Adapters
from venmo_api.archive import compaction, restores, rules, service


async def archive_closed(app: Adapters, *, after_days: int, risk_after_days: int) -> int:
    """Move the whole UTC days that ended ``after_days`` days ago or earlier; how many rows left Postgres. Decisions go
    after ``risk_after_days``, for detections look at what is archived."""
    sooner = {rules.RISK: closed_before(app, risk_after_days)}
    moved = await service.archive(app, before=closed_before(app, after_days), sooner=sooner)
    return moved.transactions + sum(moved.rows.values())


async def tidy(app: Adapters) -> int:
    """Make small files fewer, let go what is over; how many files that touched."""
    done = await compaction.tidy(app)
    return done.compacted + done.expired + done.removed


async def advance_restores(app: Adapters) -> int:
    """Look what can be read by now of what was to be restored; how many restores have another state."""
    return await restores.advance(app)


def closed_before(app: Adapters, after_days: int) -> datetime:
    """The end of the newest UTC day that ended ``after_days`` days ago or earlier."""
    today = app.clock.now().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return today - timedelta(days=after_days)
