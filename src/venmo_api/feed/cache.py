"""Timelines in Redis. Derived data: gone, it is rebuilt; wrong, it is a defect; away, Postgres answers.

``tl:<scope>:<viewer>``  sorted set of 16-byte story ids (one score, so in id order), the newest CAP; the empty member
                         says that none is missing among them, the member of one zero byte that older ones were cut off
``tb:<scope>:<viewer>``  the token of whoever is rebuilding it now
``st:<story>``           the story as sent: actor id, target id, the parties' JSON, a newline, the others' JSON

A push goes into a timeline that is ready or being rebuilt, never creates one: people who do not look cost nothing.
Forgetting a timeline takes the token with it, so a rebuild that began before cannot finish after.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
KEYS_MOST = 1000

_READ = r"""
if not redis.call('ZSCORE', KEYS[1], '') then return false end
local ids = redis.call('ZREVRANGEBYLEX', KEYS[1], ARGV[1], '(\0', 'LIMIT', 0, ARGV[2])
if #ids < tonumber(ARGV[2]) and redis.call('ZSCORE', KEYS[1], '\0') then return false end
if #ids == 0 then return {ids, ids} end
local keys = {}
for i, id in ipairs(ids) do keys[i] = 'st:' .. id end
return {ids, redis.call('MGET', unpack(keys))}
"""
_BEGIN = """
if not redis.call('SET', KEYS[2], ARGV[1], 'NX', 'EX', ARGV[2]) then return 0 end
redis.call('DEL', KEYS[1])
return 1
"""
_TRIM = r"""
local function trim(key, cap, slack)
  if redis.call('ZCARD', key) <= cap + slack then return end
  local stories = redis.call('ZLEXCOUNT', key, '(\0', '+')
  if stories <= cap then return end
  local first = redis.call('ZCARD', key) - stories
  redis.call('ZREMRANGEBYRANK', key, first, first + stories - cap - 1)
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
    + """
local cap, slack, at = tonumber(ARGV[1]), tonumber(ARGV[3]), 0
local i = 4
while i <= #ARGV do
  local id, doc, count, wanted = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2]), false
  for k = at + 1, at + count do
    local key = KEYS[k]
    local ready = redis.call('ZSCORE', key, '')
    if ready or redis.call('EXISTS', 'tb' .. string.sub(key, 3)) == 1 then
      redis.call('ZADD', key, 0, id)
      if ready then trim(key, cap, slack) end
      wanted = true
    end
  end
  if wanted and doc ~= '' then redis.call('SET', 'st:' .. id, doc, 'EX', ARGV[2]) end
  at, i = at + count, i + 3
end
return 1
"""
)


@dataclass(frozen=True, slots=True)
class Push:
    """A story for some timelines. An empty document: the timelines only, readers load the story themselves."""

    story_id: UUID
    document: bytes
    timelines: Sequence[bytes]


def timeline(scope: Scope, viewer: UUID) -> bytes:
    return b"tl:public" if scope is Scope.PUBLIC else b"tl:%b:%b" % (scope.value.encode(), viewer.bytes)


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


async def push(redis: Redis, pushes: Sequence[Push]) -> None:
    """Add stories to the timelines that are live. Raises RedisAway."""
    keys: list[bytes] = []
    args: list[bytes | str | int] = [CAP, STORY_SECONDS, SLACK]
    for one in pushes:
        for start in range(0, len(one.timelines), KEYS_MOST):
            part = one.timelines[start : start + KEYS_MOST]
            keys.extend(part)
            args.extend((one.story_id.bytes, one.document, len(part)))
            if len(keys) >= KEYS_MOST:
                await redis.run(_PUSH, keys, args)
                keys, args = [], [CAP, STORY_SECONDS, SLACK]
    if keys:
        await redis.run(_PUSH, keys, args)


async def remove(redis: Redis, key: bytes, story_ids: Sequence[UUID]) -> None:
    await redis.call(lambda: redis.client.zrem(key, *[story_id.bytes for story_id in story_ids]))


async def forget_timelines(redis: Redis, keys: Sequence[bytes]) -> None:
    """The next read rebuilds them. Raises RedisAway."""
    await redis.delete([*keys, *map(_build_key, keys)])


async def forget_stories(redis: Redis, story_ids: Sequence[UUID]) -> None:
    if story_ids:
        await redis.delete([_story_key(story_id) for story_id in story_ids])


def outdated(kept: Mapping[UUID, bytes], now: Mapping[UUID, bytes]) -> list[UUID]:
    """The stories whose cached document is no longer what would be rendered."""
    return [story_id for story_id, document in kept.items() if document != now.get(story_id)]


async def keep_stories(redis: Redis, documents: dict[UUID, bytes]) -> None:
    """Cache documents that a reader had to load."""
    async with redis.client.pipeline(transaction=False) as pipeline:
        for story_id, document in documents.items():
            pipeline.set(_story_key(story_id), document, ex=STORY_SECONDS)
        await redis.call(pipeline.execute)


def _build_key(key: bytes) -> bytes:
    return b"tb" + key[2:]


def _story_key(story_id: UUID) -> bytes:
    return b"st:" + story_id.bytes
