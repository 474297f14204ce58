"""Timelines in Redis. Derived data: gone, it is rebuilt; wrong, it is a defect; away, Postgres answers.

``tl:<kind>:<person>``   sorted set of 16-byte story ids (one score, so in id order), the newest CAP; the empty member
                         says that none is missing among them, the member of one zero byte that older ones were cut off
``vw:<person>``          what reading as this person takes: from whom they are hidden, and which friends are looked up
``st:<story>``           its document: see documents.py
``tb:...``               the token of whoever is making one of these
``ex:<person>``          somebody has just ceased to be their friend: see PARTED_SECONDS

A push goes into a timeline that is ready or being made, never creates one: people who do not look cost nothing.
Forgetting takes the token along, so what was read from Postgres before is not kept after.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from venmo_api.adapters.redis import Redis
from venmo_api.feed import scripts
from venmo_api.feed.rules import Scope, Timeline

CAP = 300
SLACK = 32
"""How far a timeline may grow beyond CAP before it is cut: cutting at every push would cost more than the push."""
TIMELINE_SECONDS = 7 * 24 * 3600
STORY_SECONDS = 24 * 3600
BUILD_SECONDS = 10
PARTED_SECONDS = 90
"""So long after friends have parted somebody who asked before may still push a story, and die before they look again:
longer than the relay lets anybody handle an event. What is made meanwhile is kept for BUILD_SECONDS only."""
IDS_MOST = 2000
"""Of one timeline in one script: Lua hands at most 8000 arguments to a command."""
PULLED_MOST = 64
HIDDEN_MOST = 1000
"""Of whom a reader may have more only Postgres answers: the script that reads holds up everybody else."""
_LIVE = ord("1")
_VIEW = b"vw:"
_PARTED = b"ex:"
_TOO_MANY = b"\xff\xff"


@dataclass(frozen=True, slots=True)
class Shown:
    """The stories of a page as this viewer may have them, JSON with commas between; ``last``: the id of the last, where
    more follow."""

    stories: bytes
    last: bytes


@dataclass(frozen=True, slots=True)
class Found:
    """The stories of a page, one more where more follow, and the document of each; None: not cached, so whether it may
    be seen is not judged."""

    ids: list[bytes]
    documents: list[bytes | None]


@dataclass(frozen=True, slots=True)
class Absent:
    """What has to be made before there is an answer."""

    keys: list[bytes]


def timeline(kind: Timeline, person: bytes) -> bytes:
    return b"tl:public" if kind is Timeline.PUBLIC else b"tl:%b:%b" % (kind.value.encode(), person)


def view(person: bytes) -> bytes:
    return _VIEW + person


def made_of(key: bytes) -> tuple[Timeline | None, UUID | None]:
    """Which timeline of whom this key is of; None: the view of somebody."""
    if key.startswith(_VIEW):
        return None, UUID(bytes=key[3:])
    kind, _, person = key[3:].partition(b":")
    return Timeline(kind.decode()), UUID(bytes=person) if person else None


async def page(
    redis: Redis, scope: Scope, viewer: bytes, *, after: UUID | None, most: int
) -> Shown | Found | Absent | None:
    """A page, of ``most - 1`` stories, of what this viewer may see; None when only Postgres can tell. Raises
    RedisAway."""
    keys = [timeline(Timeline(scope), viewer)]
    if scope is not Scope.MINE:
        keys.append(view(viewer))
    top = b"+" if after is None else b"(" + after.bytes
    found: Any = await redis.read(scripts.READ, keys, [viewer, scope, top, most])
    if found is None:
        return None
    if len(found) == 1:
        return Absent(*found)
    return Shown(*found) if isinstance(found[0], bytes) else Found(*found)


async def begin(redis: Redis, key: bytes, token: str) -> bool:
    """Claim the making of a timeline or a view; False when somebody else is at it."""
    return bool(await redis.run(scripts.BEGIN, [key, _token_key(key)], [token, BUILD_SECONDS]))


async def part(redis: Redis, people: Iterable[UUID]) -> None:
    """Some friendships of these have just ended. Raises RedisAway."""
    if keys := [_PARTED + person.bytes for person in people]:
        await redis.run(scripts.KEEP, keys, [PARTED_SECONDS, *[b""] * len(keys)])


async def has_parted(redis: Redis, person: UUID) -> bool:
    return bool(await redis.call(lambda: redis.client.exists(_PARTED + person.bytes)))


async def finish(redis: Redis, key: bytes, token: str, story_ids: Sequence[UUID], *, briefly: bool = False) -> bool:
    """Make the timeline ready with what was read after ``begin``; False when it was forgotten meanwhile."""
    members = [story_id.bytes for story_id in story_ids]
    arguments: list[bytes | str | int] = [token, CAP, BUILD_SECONDS if briefly else TIMELINE_SECONDS, *members]
    return bool(await redis.run(scripts.FINISH, [key, _token_key(key)], arguments))


async def finish_view(
    redis: Redis, person: bytes, token: str, *, hidden: Iterable[UUID], pulled: Iterable[UUID]
) -> bool:
    """The same for a view."""
    key, unseen, sources = view(person), [one.bytes for one in hidden], [one.bytes for one in pulled]
    packed = len(unseen).to_bytes(2) + b"".join(unseen + sources)
    if len(unseen) > HIDDEN_MOST or len(sources) > PULLED_MOST:
        packed = _TOO_MANY
    arguments: list[bytes | str | int] = [token, TIMELINE_SECONDS, packed]
    return bool(await redis.run(scripts.KEEP_CLAIMED, [key, _token_key(key)], arguments))


async def push(redis: Redis, stories: Mapping[bytes, Sequence[bytes]]) -> set[bytes]:
    """Add story ids, given by timeline, to the timelines that are live; the ids that went into any. Raises RedisAway.

    Where older stories were cut off, one older than all that are left is not added: it would hide the gap between.
    """
    wanted: set[bytes] = set()
    for portion in _portions(stories):
        keys = [key for key, _ in portion]
        live = await redis.run(scripts.PUSH, keys, [CAP, SLACK, *[b"".join(ids) for _, ids in portion]])
        wanted.update(*[ids for (_, ids), mark in zip(portion, live, strict=True) if mark == _LIVE])
    return wanted


async def remove(redis: Redis, key: bytes, story_ids: Iterable[bytes]) -> None:
    await redis.call(lambda: redis.client.zrem(key, *story_ids))


async def forget(redis: Redis, keys: Sequence[bytes]) -> None:
    """The next read makes them anew. Raises RedisAway."""
    for start in range(0, len(keys), IDS_MOST):
        some = keys[start : start + IDS_MOST]
        await redis.delete([*some, *map(_token_key, some)])


async def forget_all(redis: Redis) -> None:
    """Everything of feeds, first what says who is hidden from whom. Raises RedisAway."""
    for begin in (_VIEW, b"tl:", b"st:"):
        cursor = -1
        while cursor:
            scan: Any = partial(redis.client.scan, max(cursor, 0), match=begin + b"*", count=IDS_MOST)
            cursor, keys = await redis.call(scan)
            if keys:
                await forget(redis, keys)


async def forget_stories(redis: Redis, story_ids: Iterable[UUID]) -> None:
    await forget(redis, [_story_key(story_id) for story_id in story_ids])


async def claim_stories(redis: Redis, story_ids: Sequence[UUID], token: str) -> None:
    """Before reading them: who claims last may keep them."""
    keys = [_token_key(_story_key(story_id)) for story_id in story_ids]
    await redis.run(scripts.KEEP, keys, [BUILD_SECONDS, *[token] * len(keys)])


async def keep_claimed(redis: Redis, documents: Mapping[UUID, bytes], token: str) -> None:
    """Cache those of these documents that were not forgotten, nor claimed anew, since they were claimed."""
    keys = [key for story_id in documents for key in (_story_key(story_id), _token_key(_story_key(story_id)))]
    if keys:
        await redis.run(scripts.KEEP_CLAIMED, keys, [token, STORY_SECONDS, *documents.values()])


async def keep_stories(redis: Redis, documents: Mapping[UUID, bytes]) -> None:
    """Cache documents, as ``documents.render`` makes them, for somebody who looks again whether they are still right.
    Raises RedisAway."""
    if documents:
        keys = [_story_key(story_id) for story_id in documents]
        await redis.run(scripts.KEEP, keys, [STORY_SECONDS, *documents.values()])


def _portions(stories: Mapping[bytes, Sequence[bytes]]) -> Iterator[list[tuple[bytes, Sequence[bytes]]]]:
    """What goes out in one script: bounded, since everybody else waits while it runs."""
    portion: list[tuple[bytes, Sequence[bytes]]] = []
    size = 0
    for key, ids in stories.items():
        for start in range(0, len(ids), IDS_MOST):
            some = ids[start : start + IDS_MOST]
            portion.append((key, some))
            size += len(some)
            if size >= IDS_MOST:
                yield portion
                portion, size = [], 0
    if portion:
        yield portion


def _token_key(key: bytes) -> bytes:
    return b"tb" + key[2:]


def _story_key(story_id: UUID) -> bytes:
    return b"st:" + story_id.bytes
