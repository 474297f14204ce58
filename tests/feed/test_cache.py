"""Timelines in Redis, driven by hand through the races they must survive, and beyond their cap."""

import os
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from uuid import UUID

import pytest

from tests.conftest import Person, World, world_over
from tests.feed.oracle import NOWHERE, ids_on, settings_of, story_id, through, uuid_of, whole_feed
from venmo_api.adapters.redis import Redis
from venmo_api.feed import cache, documents, queries
from venmo_api.feed.cache import Shown
from venmo_api.feed.rules import Scope, Story, Timeline
from venmo_api.users.rules import Audience


@pytest.fixture
async def redis(worker_number: int) -> AsyncIterator[Redis]:
    url = os.environ["VENMO_REDIS_URL"].rpartition("/")[0] + f"/{worker_number * 2 + 1}"
    made = Redis(url)
    await made.client.flushdb()
    yield made
    await made.close()


VIEWER = UUID(int=7).bytes
KEY = cache.timeline(Timeline.MINE, VIEWER)


def ids(*numbers: int) -> list[UUID]:
    return [UUID(int=number) for number in numbers]


async def shown(redis: Redis, *, most: int = 10, after: UUID | None = None) -> list[int] | None:
    found = await cache.page(redis, Scope.MINE, VIEWER, after=after, most=most)
    ids = ids_on(found)
    return None if ids is None else [int.from_bytes(one) for one in ids]


async def push(redis: Redis, *numbers: int) -> None:
    await cache.push(redis, {KEY: [story_id.bytes for story_id in ids(*numbers)]})


async def build(redis: Redis, *numbers: int) -> None:
    assert await cache.begin(redis, KEY, "token")
    assert await cache.finish(redis, KEY, "token", ids(*numbers))


async def test_nothing_is_told_of_a_timeline_that_was_not_built(redis: Redis) -> None:
    assert await shown(redis) is None
    await push(redis, 1)
    assert await shown(redis) is None


async def test_a_timeline_built_empty_is_known_to_be_empty(redis: Redis) -> None:
    await build(redis)
    assert await shown(redis) == []


async def test_a_timeline_is_read_newest_first_and_below_a_story(redis: Redis) -> None:
    await build(redis, 1, 3, 2)
    await push(redis, 5, 4)
    assert await shown(redis) == [5, 4, 3, 2, 1]
    assert await shown(redis, after=UUID(int=3)) == [2, 1]
    assert await shown(redis, most=2) == [5, 4]


async def test_a_page_whose_documents_are_all_there_comes_as_its_reader_may_have_it(redis: Redis) -> None:
    other, stranger = UUID(int=8).bytes, UUID(int=9).bytes
    rendered = {
        UUID(int=number): b"1%b%b" % parties + bytes((4, 3)) + b"ownx" + b"{%d" % number + b"oth"
        for number, parties in ((1, (VIEWER, other)), (2, (other, VIEWER)), (3, (other, stranger)))
    }
    await build(redis, *range(1, 4))
    await cache.keep_stories(redis, rendered)
    seen = {number: documents.seen_by(rendered[UUID(int=number)], VIEWER) for number in range(1, 4)}
    assert seen[1] != rendered[UUID(int=1)][35 + 4 :]
    for most, after, shown, last in ((4, None, (3, 2, 1), b""), (3, None, (3, 2), 2), (3, 3, (2, 1), b"")):
        found = await cache.page(redis, Scope.MINE, VIEWER, after=after and UUID(int=after), most=most)
        assert found == Shown(b",".join(seen[number] for number in shown), last and UUID(int=last).bytes)


async def test_a_story_pushed_twice_stands_once(redis: Redis) -> None:
    await build(redis, 1)
    await push(redis, 2)
    await push(redis, 2, 2)
    assert await shown(redis) == [2, 1]


async def test_a_push_between_beginning_and_finishing_a_rebuild_is_kept(redis: Redis) -> None:
    assert await cache.begin(redis, KEY, "token")
    await push(redis, 9)
    assert await shown(redis) is None, "half built is not ready"
    assert await cache.finish(redis, KEY, "token", ids(1, 2))
    assert await shown(redis) == [9, 2, 1]


async def test_a_rebuild_that_began_before_a_friendship_ended_cannot_bring_stories_back(redis: Redis) -> None:
    await build(redis, 1, 2)
    await cache.forget(redis, [KEY])
    assert await cache.begin(redis, KEY, "token")
    await cache.forget(redis, [KEY])
    assert not await cache.finish(redis, KEY, "token", ids(1, 2))
    assert await shown(redis) is None
    await build(redis, 2)
    assert await shown(redis) == [2]


async def test_what_was_pushed_to_a_forgotten_rebuild_does_not_come_back_in_the_next(redis: Redis) -> None:
    assert await cache.begin(redis, KEY, "token")
    await push(redis, 8)
    await cache.forget(redis, [KEY])
    await push(redis, 9)
    await build(redis, 1)
    assert await shown(redis) == [1]


async def test_one_rebuild_at_a_time_and_a_stranger_cannot_finish_it(redis: Redis) -> None:
    assert await cache.begin(redis, KEY, "mine")
    assert not await cache.begin(redis, KEY, "theirs")
    assert not await cache.finish(redis, KEY, "theirs", ids(1))
    assert await cache.finish(redis, KEY, "mine", ids(2))
    assert await shown(redis) == [2]


async def test_a_flush_in_the_middle_of_a_rebuild_leaves_nothing_half_done(redis: Redis) -> None:
    assert await cache.begin(redis, KEY, "token")
    await redis.client.flushdb()
    await push(redis, 9)
    assert not await cache.finish(redis, KEY, "token", ids(1))
    assert await shown(redis) is None


async def test_a_full_timeline_keeps_the_newest_and_does_not_claim_to_be_the_end(redis: Redis) -> None:
    await build(redis, *range(1, cache.CAP + 1))
    newest = cache.CAP + cache.SLACK + 2
    await push(redis, *range(cache.CAP + 1, newest + 1))
    assert await shown(redis, most=2) == [newest, newest - 1]
    assert await redis.client.zcard(KEY) <= cache.CAP + cache.SLACK + 2, "the stories, and the two marks"
    assert await shown(redis, most=10, after=UUID(int=5)) is None, "older stories are in Postgres"


async def test_a_full_timeline_from_which_a_story_was_taken_back_does_not_claim_to_be_the_end(redis: Redis) -> None:
    await build(redis, *range(1, cache.CAP + 1))
    newest = cache.CAP + cache.SLACK + 1
    await push(redis, *range(cache.CAP + 1, newest + 1))
    await cache.remove(redis, KEY, [UUID(int=newest).bytes])
    assert await shown(redis, most=10, after=UUID(int=5)) is None, "story 1 was pushed out, and is in Postgres"


@pytest.mark.parametrize("count", [1, cache.IDS_MOST - 1, cache.IDS_MOST, 2 * cache.IDS_MOST + 7])
async def test_any_number_of_timelines_and_of_stories_of_one_is_reached(redis: Redis, count: int) -> None:
    keys = [cache.timeline(Timeline.FRIENDS, UUID(int=number).bytes) for number in range(count)]
    async with redis.client.pipeline(transaction=False) as pipeline:
        for key in keys:
            pipeline.zadd(key, {b"": 0})
        await pipeline.execute()
    many = [one.bytes for one in ids(*range(1, count + 1))]
    first: Sequence[bytes] = (many[0],)
    assert await cache.push(redis, dict.fromkeys(keys, first) | {keys[0]: many}) == set(many)
    sizes = [await redis.client.zcard(key) for key in keys[1:10]]
    assert sizes == [2] * len(sizes)
    assert await redis.client.zcard(keys[0]) <= cache.CAP + cache.SLACK + 2
    assert await redis.client.zscore(keys[0], many[-1]) is not None


async def test_a_story_older_than_what_was_cut_off_does_not_hide_those_between(redis: Redis) -> None:
    await build(redis, *range(10, 10 + cache.CAP + 5))
    await push(redis, 1, 12, 5000)
    newest = [5000, *reversed(range(15, 10 + cache.CAP + 5))]
    assert await shown(redis, most=len(newest)) == newest
    assert await shown(redis, most=len(newest) + 1) is None


async def many_stories(world: World, actor: Person, target: Person, count: int) -> list[str]:
    """Stories by SQL, as the worker records them; their public ids, newest first."""
    now = datetime.now(UTC)
    made = [
        Story(
            world.app.new_id(),
            uuid_of(actor.id),
            uuid_of(target.id),
            "paid",
            1,
            "USD",
            f"s{number}",
            Audience.FRIENDS,
            0,
            0,
            now,
        )
        for number in range(count)
    ]
    await world.app.database.transact(queries.insert, made)
    return ["sty_" + world.app.keys.veil(story.id).hex for story in reversed(made)]


def ids_of(stories: Sequence[dict[str, object]]) -> list[object]:
    return [story["id"] for story in stories]


@pytest.mark.parametrize("count", [cache.CAP - 1, cache.CAP, cache.CAP + 1, 2 * cache.CAP + 5])
async def test_feeds_longer_than_the_cap_are_read_to_their_end(fresh: World, count: int) -> None:
    alice, bob = await fresh.person(), await fresh.person()
    wanted = await many_stories(fresh, alice, bob, count)
    for scope in ("friends", "mine"):
        for limit in (100, 37):
            assert ids_of(await whole_feed(bob, scope, limit=limit)) == wanted, (scope, limit)
    async with world_over(settings_of(fresh, redis_number=0), redis=Redis(NOWHERE)) as away:
        assert ids_of(await whole_feed(through(bob, away), limit=100)) == wanted


async def test_a_warm_feed_at_its_cap_takes_new_stories_and_still_ends_where_it_began(fresh: World) -> None:
    alice, bob = await fresh.person(money=1000), await fresh.person()
    old = await many_stories(fresh, alice, bob, cache.CAP)
    await whole_feed(bob)
    new = [story_id(fresh, (await alice.pay(bob, 1)).json()["id"]) for _ in range(3)]
    await fresh.drain()
    assert ids_of(await whole_feed(bob, limit=50)) == [*reversed(new), *old]


async def test_everybody_who_was_paid_reads_the_new_name_of_somebody_with_a_long_history(fresh: World) -> None:
    shop, early, late = await fresh.person(), await fresh.person(), await fresh.person()
    await many_stories(fresh, early, shop, 1)
    await many_stories(fresh, late, shop, 1100)
    for person in (early, late, early, late):
        await whole_feed(person)
    await shop.patch("/me", {"display_name": "New Name"})
    await fresh.drain()
    for person in (early, late):
        assert {story["target"]["display_name"] for story in await whole_feed(person)} == {"New Name"}
