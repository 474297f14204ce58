"""Whose stories are pushed, and whose are looked up since they have very many friends: readers see no difference."""

import dataclasses
import itertools
import random
from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from tests.conftest import Person, World, world_over
from tests.feed.oracle import Meddler, Oracle, ids_on, settings_of, through, uuid_of, whole_feed
from venmo_api.adapters.redis import Redis
from venmo_api.feed import cache, queries, service
from venmo_api.feed.rules import Scope, Timeline

MOST = 3


@pytest.fixture
async def narrow(fresh: World) -> AsyncIterator[World]:
    """An app where three friends are many."""
    figures = dataclasses.replace(fresh.app.figures, fanout_most=MOST)
    async with world_over(
        settings_of(fresh, redis_number=number_of(fresh.app.redis)).model_copy(update={"figures": figures})
    ) as world:
        yield world


def number_of(redis: Redis) -> int:
    return int(redis.client.connection_pool.connection_kwargs["db"])


class Fame:
    """A star with more friends than are pushed to, and one who has few."""

    def __init__(self, world: World) -> None:
        self.world, self.oracle = world, Oracle(world)

    async def set_up(self) -> None:
        self.star, self.plain, *self.fans = [await self.world.person(money=10_000) for _ in range(MOST + 3)]
        self.oracle.add(self.star, self.plain, *self.fans)
        for fan in self.fans:
            await self.oracle.befriend(self.star, fan)
        await self.oracle.befriend(self.plain, self.fans[0])
        await self.world.drain()

    async def pay(self) -> None:
        for sender, recipient in itertools.permutations((self.star, self.plain, self.fans[1]), 2):
            await self.oracle.pay(sender, recipient, 1, note=f"n{len(self.oracle.payments)}")
        await self.world.drain()

    async def check(self, *context: object) -> None:
        for person in self.oracle.people.values():
            for scope, limit in (("friends", 100), ("friends", 2), ("mine", 100), ("public", 100)):
                assert await whole_feed(person, scope, limit=limit) == self.oracle.feed(person, scope), (
                    scope,
                    *context,
                )

    async def is_pulled(self) -> bool:
        star = uuid_of(self.star.id)
        return star in await self.world.app.database.read(queries.pulled, [star])


@pytest.fixture
async def fame(narrow: World) -> Fame:
    made = Fame(narrow)
    await made.set_up()
    return made


async def test_a_stars_stories_are_in_the_feeds_of_friends_without_being_pushed(fame: Fame) -> None:
    assert await fame.is_pulled()
    await fame.check("cold")
    await fame.pay()
    await fame.check("warm")
    fan = bytes.fromhex(fame.fans[2].id[4:])
    redis = fame.world.app.redis.client
    assert await redis.zcard(cache.timeline(Timeline.FRIENDS, fan)) == 1, "nothing was pushed to who is no party"
    await fame.world.app.redis.client.flushdb()
    await fame.check("rebuilt")


async def test_who_loses_or_wins_friends_is_pushed_again_or_looked_up(fame: Fame) -> None:
    await fame.check("warm")
    await fame.pay()
    for _ in range(2):
        for fan in fame.fans[1:]:
            await fame.oracle.unfriend(fame.star, fan)
        await fame.world.drain()
        assert not await fame.is_pulled()
        await fame.check("few friends")
        await fame.pay()
        await fame.check("pushed again")
        for fan in fame.fans[1:]:
            await fame.oracle.befriend(fame.star, fan)
        await fame.world.drain()
        assert await fame.is_pulled()
        await fame.check("many friends")
        await fame.pay()
        await fame.check("looked up")


async def test_what_a_star_narrows_and_whom_they_block_is_gone_at_once(fame: Fame) -> None:
    await fame.pay()
    await fame.check("warm")
    await fame.oracle.narrow(fame.star, fame.oracle.payments[0], "private")
    await fame.check("narrowed")
    await fame.oracle.block(fame.fans[2], fame.plain)
    await fame.check("who paid the star is hidden from a fan of the star")
    await fame.oracle.block(fame.star, fame.fans[0])
    await fame.check("a fan is blocked")
    await fame.world.drain()
    await fame.check("delivered")


async def test_a_warm_feed_with_looked_up_friends_costs_one_call(fame: Fame) -> None:
    await fame.pay()
    meddler = Meddler(settings_of(fame.world, redis_number=number_of(fame.world.app.redis)).redis_url)
    settings = settings_of(fame.world, redis_number=number_of(fame.world.app.redis))
    async with world_over(settings, redis=meddler) as counted:
        fan = through(fame.fans[2], counted)
        for _ in range(2):
            await fan.get("/feed")
        meddler.calls = 0
        assert len((await fan.get("/feed")).json()["data"]) == 4
        assert meddler.calls == 1


async def test_streams_are_told_where_news_of_a_star_is_published(fame: Fame) -> None:
    told = await service.channels(fame.world.app, uuid_of(fame.fans[2].id))
    star = uuid_of(fame.star.id).bytes
    fan = uuid_of(fame.fans[2].id).bytes
    assert told == [cache.timeline(Timeline.FRIENDS, fan), cache.timeline(Timeline.AUTHOR, star)]
    await whole_feed(fame.fans[2])
    async with fame.world.app.redis.client.pubsub() as heard:
        await heard.subscribe(*told)
        await fame.oracle.pay(fame.star, fame.plain, 1)
        await fame.world.drain()
        messages = [await heard.get_message(timeout=0.2) for _ in range(8)]
    channels = {message["channel"] for message in messages if message and message["type"] == "message"}
    assert cache.timeline(Timeline.AUTHOR, star) in channels


async def test_a_reader_with_too_many_looked_up_friends_is_answered_by_postgres(
    fame: Fame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "PULLED_MOST", 0)
    await fame.pay()
    await fame.check("by Postgres")
    fan: Person = fame.fans[2]
    assert await cache.page(fame.world.app.redis, Scope.FRIENDS, uuid_of(fan.id).bytes, after=None, most=5) is None


@pytest.mark.parametrize("seed", range(3))
async def test_any_number_of_sources_is_merged_in_order_and_without_doubles(fresh: World, seed: int) -> None:
    chance, redis = random.Random(seed), fresh.app.redis
    viewer, stars = fresh.app.new_id(), [fresh.app.new_id() for _ in range(cache.PULLED_MOST)]
    ids = [UUID(bytes=chance.randbytes(16)) for _ in range(400)]
    sources = {cache.timeline(Timeline.FRIENDS, viewer.bytes): chance.sample(ids, 50)}
    sources |= {cache.timeline(Timeline.AUTHOR, star.bytes): chance.sample(ids, chance.randrange(30)) for star in stars}
    for key, held in sources.items():
        assert await cache.begin(redis, key, "token")
        assert await cache.finish(redis, key, "token", held)
    assert await cache.begin(redis, cache.view(viewer.bytes), "token")
    assert await cache.finish_view(redis, viewer.bytes, "token", hidden=(), pulled=stars)
    wanted = sorted(set(itertools.chain(*sources.values())), reverse=True)
    for after in (None, chance.choice(ids), wanted[-2]):
        below = [one.bytes for one in wanted if after is None or one < after]
        for most in (1, 26, 101):
            found = await cache.page(redis, Scope.FRIENDS, viewer.bytes, after=after, most=most)
            assert ids_on(found) == below[:most]
