"""The clock that can be driven, kept in Postgres and followed by every process; and what was sent to whom."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.postgres import Transaction
from venmo_api.adapters.system import DrivenClock
from venmo_api.audit import service as audit
from venmo_api.audit.rules import Act
from venmo_api.auth.rules import canonical, identifier_kind
from venmo_api.core.errors import Unavailable
from venmo_api.core.paging import Page, PageRequest, cut
from venmo_api.sandbox import queries

FOLLOW_SECONDS = 0.5
log = structlog.get_logger()


async def drive(app: Adapters, onward: Callable[[timedelta], timedelta], *, actor: UUID) -> timedelta:
    """Move the clock: ``onward`` tells from how far ahead it is how far it shall be. This process follows at once,
    the others within FOLLOW_SECONDS. Raises what ``onward`` raises."""
    await app.database.transact(_move, app, onward, actor)
    return await catch_up(app)


async def catch_up(app: Adapters) -> timedelta:
    """Let this process's clock be as far ahead as it was driven; how far. A clock that is not driven stays as it is."""
    if not isinstance(app.clock, DrivenClock):
        return timedelta()
    app.clock.drive(await app.database.read(queries.ahead))
    return app.clock.ahead


@asynccontextmanager
async def following(app: Adapters) -> AsyncIterator[None]:
    """Within, this process's clock is as far ahead as any process drove it. One that is not driven costs nothing."""
    if not isinstance(app.clock, DrivenClock):
        yield
        return
    await _try_to_catch_up(app)
    task = asyncio.create_task(_follow(app))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def inbox(tx: Transaction, user_id: UUID, page: PageRequest) -> Page[Any]:
    """What was sent to this person, newest first."""
    return cut(await queries.messages(tx, user_id, page), page.limit, lambda message: message.id)


async def messages_to(tx: Transaction, address: str, page: PageRequest) -> Page[Any]:
    """What was sent to a mail address or phone number, in whatever form it is written, newest first."""
    with suppress(ValueError):  # to what is no address nothing was sent
        address = canonical(identifier_kind(address), address)
    return cut(await queries.messages_to(tx, address, page), page.limit, lambda message: message.id)


async def _follow(app: Adapters) -> None:
    while True:
        await asyncio.sleep(FOLLOW_SECONDS)
        await _try_to_catch_up(app)


async def _try_to_catch_up(app: Adapters) -> None:
    """While Postgres is away, or has no tables yet, the clock stands as it stood."""
    try:
        await catch_up(app)
    except Unavailable:
        pass
    except Exception:
        log.exception("clock_not_followed")


async def _move(tx: Transaction, app: Adapters, onward: Callable[[timedelta], timedelta], actor: UUID) -> None:
    ahead = onward(await queries.lock_ahead(tx))
    await queries.set_ahead(tx, ahead)
    await audit.note(tx, app, Act.DRIVE_CLOCK, actor=actor, details={"ahead_seconds": int(ahead.total_seconds())})
