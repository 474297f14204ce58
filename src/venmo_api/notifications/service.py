"""The inbox: what was told to somebody and what of it they have read; and what they want sent besides, and where."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.postgres import Transaction
from venmo_api.adapters.push import Platform
from venmo_api.adapters.redis import Redis, RedisAway
from venmo_api.auth.rules import SessionNotFound
from venmo_api.auth.tokens import Actor, opaque_hash
from venmo_api.core.paging import PageRequest, cut
from venmo_api.crypto import service as crypto
from venmo_api.notifications import queries
from venmo_api.notifications.rules import (
    TOKENS_MOST,
    UNREAD_MOST,
    Choice,
    Inbox,
    Item,
    Kind,
    Notice,
    NotificationNotFound,
    Push,
    PushOff,
    Subject,
    SubjectType,
    completed,
    judge,
    rising,
)
from venmo_api.users import service as users

FIRST: Final = UUID(int=0)
"""An id before every other."""
READ_AT_ONCE: Final = 5000
TOKEN: Final = ("push_tokens", "sealed")
_PUBLISH = "for i = 1, #ARGV do redis.call('PUBLISH', ARGV[i], '') end"


async def tell(tx: Transaction, app: Adapters, notices: Sequence[Notice]) -> Sequence[UUID]:
    """Put these into inboxes, each once however often it is told, with what is to be sent of them; whose inbox has
    grown. Of what was told, ids rise in the order of the commits: who has seen one has missed none below it."""
    if not notices:
        return []
    ids = rising(await queries.hold_head(tx), [app.new_id() for _ in notices])
    await queries.move_head(tx, ids[-1])
    return await queries.tell(tx, notices, ids, now=app.clock.now())


async def inbox(tx: Transaction, user_id: UUID, page: PageRequest, *, unread: bool) -> Inbox:
    """A page, newest first; with ``unread`` of those only that were not read."""
    items = await _items(tx, await queries.page(tx, user_id, page, unread=unread))
    return Inbox(cut(items, page.limit, lambda item: item.id), await queries.unread(tx, user_id, most=UNREAD_MOST))


async def after(tx: Transaction, user_id: UUID, last_id: UUID | None, most: int) -> list[Item]:
    """What was told after ``last_id`` (None: ever), oldest first: nothing is told later under an id that is lower."""
    return await _items(tx, await queries.after(tx, user_id, last_id or FIRST, most=most))


async def newest(tx: Transaction, user_id: UUID) -> UUID:
    """The id after which nothing was told yet: where who wants news only begins."""
    return await queries.newest(tx, user_id) or FIRST


async def read_one(tx: Transaction, user_id: UUID, notification_id: UUID, *, now: datetime) -> None:
    """It has been read; when first, stays. Raises NotificationNotFound."""
    if not await queries.read_one(tx, user_id, notification_id, now=now):
        raise NotificationNotFound


async def read_up_to(app: Adapters, user_id: UUID, up_to: UUID) -> None:
    """Everything up to this id has been read; what is told meanwhile has a later one, and stays unread."""
    now, read = app.clock.now(), READ_AT_ONCE
    while read == READ_AT_ONCE:
        read = await app.database.transact(queries.read_up_to, user_id, up_to, now=now, most=READ_AT_ONCE)


async def wake(redis: Redis, people: Sequence[UUID]) -> None:
    """Let who looks at one of these inboxes look again. Best effort: they also do so by themselves."""
    with suppress(RedisAway):
        await redis.run(_PUBLISH, [], [b"in:" + person.bytes for person in people])


async def choices(tx: Transaction, user_id: UUID) -> list[Choice]:
    """Where each kind goes."""
    rows = await queries.preferences(tx, user_id)
    return completed([Choice(Kind(row.kind), Push(row.push), row.mail) for row in rows if row.kind in set(Kind)])


async def choose(tx: Transaction, user_id: UUID, chosen: Sequence[Choice]) -> list[Choice]:
    """Let each of these kinds go where it says, and the others where they go by default; where each goes now.

    Raises MailNotOptional, and InvalidField for a kind named twice.
    """
    judge(chosen)
    await queries.replace_preferences(tx, user_id, chosen)
    return completed(chosen)


async def keep_token(tx: Transaction, app: Adapters, actor: Actor, platform: Platform, token: str) -> None:
    """Send the actor's pushes to this phone too, for as long as the session they ask with lasts. A phone is one
    person's at a time; of more than TOKENS_MOST the oldest goes.

    Raises PushOff, and SessionNotFound when the session was revoked meanwhile.
    """
    if platform not in app.push.platforms:
        raise PushOff
    sealer, token_id = await crypto.ensure(tx, app, actor.user_id), app.new_id()
    await queries.drop_tokens(tx, actor.session_id, opaque_hash(token))
    kept = await queries.insert_token(
        tx,
        token_id,
        actor.user_id,
        actor.session_id,
        platform=platform,
        token_hash=opaque_hash(token),
        sealed=sealer.seal(*TOKEN, token_id, token),
        now=app.clock.now(),
    )
    if not kept:
        raise SessionNotFound
    await queries.drop_oldest_tokens(tx, actor.user_id, most=TOKENS_MOST)


async def drop_token(tx: Transaction, actor: Actor) -> None:
    """Send nothing more to where the actor asks from."""
    await queries.drop_tokens(tx, actor.session_id, None)


async def _items(tx: Transaction, rows: Sequence[Any]) -> list[Item]:
    people = await users.parties(tx, {row.actor_id for row in rows if row.actor_id})
    return [
        Item(
            row.id,
            Kind(row.kind),
            people[row.actor_id].card if row.actor_id else None,
            Subject(SubjectType(row.subject_type), row.subject_id),
            row.comment_id,
            row.amount,
            row.currency,
            row.detail,
            row.created_at,
            row.read_at,
        )
        for row in rows
    ]
