"""Scheduled work of identity."""

from venmo_api.adapters.bundle import Adapters
from venmo_api.auth import challenges, devices, queries, sessions, step_up, throttles
from venmo_api.auth.rules import CODES_REMEMBERED, DEVICE_LASTS
from venmo_api.auth.undo import UNDO_LASTS

DROPPED_AT_ONCE = 20_000


async def forget_old_attempts(app: Adapters) -> int:
    """Drop counts of guesses that say nothing any more; how many."""
    total = 0
    while dropped := await app.database.transact(throttles.forget_old, now=app.wall_clock.now(), most=DROPPED_AT_ONCE):
        total += dropped
    return total


async def forget_old_challenges(app: Adapters) -> int:
    """Drop challenges and approvals that ended long ago; how many."""
    now = app.wall_clock.now()
    challenged = await app.database.transact(challenges.forget_old, now=now)
    return challenged + await app.database.transact(step_up.forget_old, now=now)


async def forget_old_sessions(app: Adapters) -> int:
    """Drop refresh tokens that have run out, sessions that have none left, and devices long unused; how many."""
    now, total = app.wall_clock.now(), 0
    while dropped := await app.database.transact(sessions.forget_old, before=now, most=DROPPED_AT_ONCE):
        total += dropped
    while dropped := await app.database.transact(devices.forget, before=now - DEVICE_LASTS, most=DROPPED_AT_ONCE):
        total += dropped
    return total


async def forget_old_codes(app: Adapters) -> int:
    """Drop codes that count no more, with how many there were, and changes that cannot be undone any more."""
    now = app.clock.now()
    codes = await app.database.transact(queries.forget_old_codes, before=now - CODES_REMEMBERED)
    return codes + await app.database.transact(queries.forget_changes, before=now - UNDO_LASTS)
