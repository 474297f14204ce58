"""Read a feed from Redis, and make ready what is missing there."""

import asyncio
from collections.abc import Sequence, Set
from functools import partial
from uuid import UUID

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.postgres import Transaction
from venmo_api.feed import cache, documents, queries, stories
from venmo_api.feed.cache import Absent, Found, Shown
from venmo_api.feed.rules import Scope, Timeline, belongs_in
from venmo_api.users import service as users
from venmo_api.users.rules import Relations

ASKS_MOST = 8
"""A cold feed takes four: its timeline and its view, the timelines of friends that are looked up, the documents."""
ELSEWHERE_SECONDS = 0.05
"""The wait while another process is at it."""


async def read(app: Adapters, viewer: UUID, scope: Scope, *, after: UUID | None, most: int) -> Shown | None:
    """A page of ``most - 1`` stories; what somebody else is about to record is left out. None when only Postgres can
    tell. Raises RedisAway."""
    own: dict[bytes, bytes] = {}
    nowhere: set[bytes] = set()
    for _ in range(ASKS_MOST):
        found = await cache.page(app.redis, scope, viewer.bytes, after=after, most=most)
        if found is None:
            return None
        if isinstance(found, Absent):
            for key in found.keys:
                await app.redis.once(key, partial(_make, app, viewer, key))
            continue
        if isinstance(found, Shown):
            return found
        pairs = list(zip(found.ids, found.documents, strict=True))
        unknown = [id for id, known in pairs if known is None and id not in nowhere]
        if not unknown:
            return _shown(viewer, Found(found.ids, [document or own.get(id) for id, document in pairs]), most)
        recorded = await app.redis.once(tuple(unknown), partial(_load, app, unknown))
        if lacking := set(unknown) - recorded:
            own |= await app.database.read(_own_documents, app, viewer, scope, lacking)
            nowhere |= lacking
    return None


def _shown(viewer: UUID, found: Found, most: int) -> Shown:
    kept = [documents.seen_by(one, viewer.bytes) for one in found.documents[: most - 1] if one is not None]
    return Shown(b",".join(kept), found.ids[most - 2] if len(found.ids) == most else b"")


async def _make(app: Adapters, viewer: UUID, key: bytes) -> None:
    """Make a timeline or a view. What is forgotten meanwhile is not kept: it is read anew at the next asking."""
    token = app.new_id().hex
    if not await cache.begin(app.redis, key, token):
        await asyncio.sleep(ELSEWHERE_SECONDS)
        return
    kind, person = cache.made_of(key)
    if kind is None:
        relations, pulled = await app.database.read(_view, viewer)
        await cache.finish_view(app.redis, viewer.bytes, token, hidden=relations.hidden, pulled=pulled)
    else:
        briefly = kind is Timeline.FRIENDS and await cache.has_parted(app.redis, viewer)
        ids = await app.database.read(_newest, viewer, kind, person or viewer)
        await cache.finish(app.redis, key, token, ids, briefly=briefly)


async def _view(tx: Transaction, viewer: UUID) -> tuple[Relations, frozenset[UUID]]:
    relations = await users.relations(tx, viewer)
    return relations, await queries.pulled(tx, relations.friends)


async def _newest(tx: Transaction, viewer: UUID, kind: Timeline, person: UUID) -> Sequence[UUID]:
    """One more than a timeline holds, which tells whether older ones are cut off. With one's own that are on their way:
    asked for first, so that one that is recorded in between is there twice rather than not at all."""
    if kind is Timeline.AUTHOR:
        return await queries.ids(tx, kind, person, most=cache.CAP + 1)
    relations = await users.relations(tx, viewer)
    own = await stories.coming(tx, viewer)
    ids = [story.id for story in own if belongs_in(Scope(kind), viewer, story, relations)]
    found = await queries.ids(tx, kind, person, friends=relations.friends, most=cache.CAP + 1)
    return sorted({*ids, *found}, reverse=True)[: cache.CAP + 1]


async def _load(app: Adapters, ids: Sequence[bytes]) -> set[bytes]:
    """Cache the documents of these stories; which of them are recorded. What changes meanwhile is not kept."""
    token, wanted = app.new_id().hex, [UUID(bytes=id) for id in ids]
    await cache.claim_stories(app.redis, wanted, token)
    loaded = await app.database.read(_documents, app, wanted)
    await cache.keep_claimed(app.redis, loaded, token)
    return {id.bytes for id in loaded}


async def _documents(tx: Transaction, app: Adapters, ids: Sequence[UUID]) -> dict[UUID, bytes]:
    return await stories.rendered(tx, app, await stories.by_ids(tx, ids))


async def _own_documents(
    tx: Transaction, app: Adapters, viewer: UUID, scope: Scope, ids: Set[bytes]
) -> dict[bytes, bytes]:
    """Of the viewer's own stories that are on their way: cached once they are recorded."""
    relations = await users.relations(tx, viewer)
    own = [story for story in await stories.coming(tx, viewer) if story.id.bytes in ids]
    shown = [story for story in own if belongs_in(scope, viewer, story, relations)]
    return {id.bytes: document for id, document in (await stories.rendered(tx, app, shown)).items()}
