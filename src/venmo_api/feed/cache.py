"""Timelines in Redis. Derived data: gone, it is rebuilt; wrong, it is a defect; away, Postgres answers.

``tl:<scope>:<viewer>``  sorted set of 16-byte story ids (one score, so in id order), the newest CAP; the empty member
                         says that none is missing among them, the member of one zero byte that older ones were cut off
``tb:<scope>:<viewer>``  the token of whoever is rebuilding it now
``sd:<story>``           its document: see documents.py

A push goes into a timeline that is ready or being rebuilt, never creates one: people who do not look cost nothing.
Forgetting a timeline takes the token with it, so a rebuild that began before cannot finish after.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from venmo_api.adapters.redis import Redis
from venmo_api.feed.rules import Scope

CAP = 300
SLACK = 32
"""How far a timeline may grow beyond CAP before it is cut: cutting at every push would cost more than the push."""
TIMELINE_SECONDS = 7 * 24 * 3600
STORY_SECONDS = 24 * 3600
BUILD_SECONDS = 10
IDS_MOST = 2000
"""Of one timeline in one script: Lua hands at most 8000 arguments to a command."""
_LIVE = ord("1")

_READ = r"""
if not redis.call('ZSCORE', KEYS[1], '') then return false end
local ids = redis.call('ZREVRANGEBYLEX', KEYS[1], ARGV[1], '(\0', 'LIMIT', 0, ARGV[2])
if #ids < tonumber(ARGV[2]) and redis.call('ZSCORE', KEYS[1], '\0') then return false end
if #ids == 0 then return {ids, ids} end
local keys = {}
for i, id in ipairs(ids) do keys[i] = 'sd:' .. id end
return {ids, redis.call('MGET', unpack(keys))}
"""
_BEGIN = """
if not redis.call('SET', KEYS[2], ARGV[1], 'NX', 'EX', ARGV[2]) then return 0 end
redis.call('DEL', KEYS[1])
return 1
"""
# The marks sort before every story, so the rank of the oldest story is the number of marks.
_TRIM = r"""
local function is_cut(key) return redis.call('ZSCORE', key, '\0') end
local function trim(key, cap, slack)
  local size = redis.call('ZCARD', key)
  if size <= cap + slack then return end
  local marks = is_cut(key) and 2 or 1
  if size <= cap + marks then return end
  redis.call('ZREMRANGEBYRANK', key, marks, size - cap - 1)
  redis.call('ZADD', key, 0, '\0')
end
"""
_FINISH = (
    _TRIM
    + """
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('ZADD', KEYS[1], 0, '')
for i = 4, #ARGV do redis.call('ZADD', KEYS[1], 0, ARGV[i]) end
trim(KEYS[1], tonumber(ARGV[2]), 0)
redis.call('EXPIRE', KEYS[1], ARGV[3])
redis.call('DEL', KEYS[2])
return 1
"""
)
_PUSH = (
    _TRIM
    + r"""
local cap, slack, live = tonumber(ARGV[1]), tonumber(ARGV[2]), {}
for k, key in ipairs(KEYS) do
  local ready = redis.call('ZSCORE', key, '')
  live[k] = '0'
  if ready or redis.call('EXISTS', 'tb' .. string.sub(key, 3)) == 1 then
    live[k] = '1'
    local ids, members = ARGV[2 + k], {}
    local oldest = is_cut(key) and redis.call('ZRANGE', key, 2, 2)[1]
    for at = 1, #ids, 16 do
      members[#members + 1] = '0'
      members[#members + 1] = string.sub(ids, at, at + 15)
    end
    redis.call('ZADD', key, unpack(members))
    if oldest then redis.call('ZREMRANGEBYLEX', key, '(\0', '(' .. oldest) end
    if ready then trim(key, cap, slack) end
  end
end
return table.concat(live)
"""
)
_KEEP = """
for k, key in ipairs(KEYS) do redis.call('SET', key, ARGV[1 + k], 'EX', ARGV[1]) end
return 1
"""


def timeline(scope: Scope, viewer: bytes) -> bytes:
    return b"tl:public" if scope is Scope.PUBLIC else b"tl:%b:%b" % (scope.value.encode(), viewer)


async def page(
    redis: Redis, key: bytes, *, after: UUID | None, most: int
) -> tuple[list[bytes], list[bytes | None]] | None:
    """Ids and documents (None: not cached) of one page; None when Redis cannot answer for it. Raises RedisAway."""
    top = b"+" if after is None else b"(" + after.bytes
    found: Any = await redis.run(_READ, [key], [top, most])
    return None if found is None else (found[0], found[1])


async def begin(redis: Redis, key: bytes, token: str) -> bool:
    """Claim the rebuild of a timeline; False when somebody else is at it."""
    return bool(await redis.run(_BEGIN, [key, _build_key(key)], [token, BUILD_SECONDS]))


async def finish(redis: Redis, key: bytes, token: str, story_ids: Sequence[UUID]) -> bool:
    """Make the timeline ready with what was read after ``begin``; False when it was forgotten meanwhile."""
    members = [story_id.bytes for story_id in story_ids]
    return bool(await redis.run(_FINISH, [key, _build_key(key)], [token, CAP, TIMELINE_SECONDS, *members]))


async def push(redis: Redis, stories: Mapping[bytes, Sequence[bytes]]) -> set[bytes]:
    """Add story ids, given by timeline, to the timelines that are live; the ids that went into any. Raises RedisAway.

    Where older stories were cut off, one older than all that are left is not added: it would hide the gap between.
    """
    wanted: set[bytes] = set()
    for portion in _portions(stories):
        keys = [key for key, _ in portion]
        live = await redis.run(_PUSH, keys, [CAP, SLACK, *[b"".join(ids) for _, ids in portion]])
        wanted.update(*[ids for (_, ids), mark in zip(portion, live, strict=True) if mark == _LIVE])
    return wanted


async def remove(redis: Redis, key: bytes, story_ids: Iterable[bytes]) -> None:
    await redis.call(lambda: redis.client.zrem(key, *story_ids))


async def forget_timelines(redis: Redis, keys: Sequence[bytes]) -> None:
    """The next read rebuilds them. Raises RedisAway."""
    await redis.delete([*keys, *map(_build_key, keys)])


async def forget_stories(redis: Redis, story_ids: Sequence[UUID]) -> None:
    if story_ids:
        await redis.delete([_story_key(story_id) for story_id in story_ids])


def outdated(kept: Mapping[UUID, bytes], now: Mapping[UUID, bytes]) -> list[UUID]:
    """The stories whose cached document is no longer what would be rendered."""
    return [story_id for story_id, document in kept.items() if document != now.get(story_id)]


async def keep_stories(redis: Redis, documents: Mapping[UUID, bytes]) -> None:
    """Cache documents, as ``documents.render`` makes them. Raises RedisAway."""
    if documents:
        await redis.run(_KEEP, [_story_key(story_id) for story_id in documents], [STORY_SECONDS, *documents.values()])


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


def _build_key(key: bytes) -> bytes:
    return b"tb" + key[2:]


def _story_key(story_id: UUID) -> bytes:
    return b"sd:" + story_id.bytes
