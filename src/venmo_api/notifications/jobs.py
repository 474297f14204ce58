"""Scheduled work of telling: pushes and mail go out, old news is forgotten."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

import structlog

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.postgres import Transaction
from venmo_api.adapters.push import TokenGone
from venmo_api.auth import contacts
from venmo_api.auth.rules import ContactKind
from venmo_api.core import ids
from venmo_api.core.errors import Unavailable
from venmo_api.crypto import service as crypto
from venmo_api.notifications import queries
from venmo_api.notifications.rules import Kind, Push
from venmo_api.notifications.sentences import BRIEF, sentence
from venmo_api.notifications.service import TOKEN
from venmo_api.outbox import rules as outbox
from venmo_api.users import service as users
from venmo_api.users.service import Parties

CLAIMED_AT_ONCE: Final = 128
SENT_AT_ONCE: Final = 32
ROUNDS_MOST: Final = 20
"""Then the job ends, to begin anew: a worker that is to stop waits for it."""
SEND_SECONDS: Final = 10
LEASE: Final = timedelta(seconds=120)
"""How long a claimed push or mail is nobody else's: more than all that are claimed with it can take."""
FORGOTTEN_AT_ONCE: Final = 5_000
log = structlog.get_logger()


class NotSent(Exception):
    """Some address could not be reached: all of that person's are tried again."""


async def send_due(app: Adapters) -> int:
    """Send the pushes and mails that are due; how many were tried. No transaction is open while one goes out; one that
    fails is tried again later, for about half an hour."""
    total = 0
    for _ in range(ROUNDS_MOST):
        rows, people = await app.database.transact(_claim, app)
        if not rows:
            break
        gate = asyncio.Semaphore(SENT_AT_ONCE)
        ended = await asyncio.gather(*(_ends(app, row, people, gate) for row in rows))
        done = [row.send_id for row, end in zip(rows, ended, strict=True) if end]
        await app.database.transact(queries.drop_sends, done)
        total += len(rows)
    return total


async def forget_old(app: Adapters) -> int:
    """Drop what was told longer than ``figures.inbox_seconds`` ago, and tokens of sessions that ended; how many."""
    total = await app.database.transact(queries.drop_ended_tokens)
    before = app.clock.now() - timedelta(seconds=app.figures.inbox_seconds)
    while gone := await app.database.transact(queries.forget, before=before, most=FORGOTTEN_AT_ONCE):
        total += gone
    return total


async def _claim(tx: Transaction, app: Adapters) -> tuple[Sequence[Any], Parties]:
    now = app.clock.now()
    rows = await queries.claim_sends(tx, now=now, until=now + LEASE, most=CLAIMED_AT_ONCE)
    return rows, await users.parties(tx, {row.actor_id for row in rows if row.actor_id})


async def _ends(app: Adapters, row: Any, people: Parties, gate: asyncio.Semaphore) -> bool:
    """Send it; whether that was the end of it. Otherwise it is tried again."""
    try:
        async with gate, asyncio.timeout(SEND_SECONDS):
            await _send(app, row, people)
    except TokenGone:
        await app.database.transact(queries.drop_token, row.token_id)
    except (Unavailable, NotSent, TimeoutError) as error:
        return not await _try_later(app, row, type(error).__name__)
    except Exception as error:
        log.exception("notification_broken", channel=row.channel)
        return not await _try_later(app, row, type(error).__name__)
    return True


async def _send(app: Adapters, row: Any, people: Parties) -> None:
    """Nothing, if its reader may no longer see it, or the phone is no longer theirs."""
    if row.kind is None:
        return
    kind = Kind(row.kind)
    name = people[row.actor_id].card.display_name if row.actor_id else None
    full = sentence(kind, name=name, amount=row.amount, detail=row.detail)
    if row.channel == "mail":
        if await contacts.tell(app, row.user_id, full, save=ContactKind.PHONE):
            raise NotSent
    elif row.token_id is not None:
        token = crypto.read(app.keys, row).unseal(*TOKEN, row.token_id, row.sealed)
        text, key = full if row.push == Push.FULL else BRIEF[kind], ids.encode(ids.NOTIFICATION, row.id)
        await app.push.send(row.user_id, row.platform, token, text, key=key)


async def _try_later(app: Adapters, row: Any, error: str) -> bool:
    """False when it has been tried often enough."""
    hopeless = outbox.is_hopeless(row.attempts)
    log.warning("notification_not_sent", channel=row.channel, attempts=row.attempts, given_up=hopeless, error=error)
    if not hopeless:
        until = app.clock.now() + outbox.back_off(row.attempts)
        await app.database.transact(queries.postpone_send, row.send_id, until=until)
    return not hopeless
