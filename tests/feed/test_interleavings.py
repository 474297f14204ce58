"""Something else happens in front of the n-th Redis call of a read or of a delivery: at rest, feeds are right again."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

import pytest

from tests.conftest import Person, World, world_over
from tests.feed.oracle import SCOPES, Meddler, Oracle, drain, settings_of, through, uuid_of, whole_feed
from venmo_api.feed import cache
from venmo_api.feed.rules import Timeline

CALLS = range(1, 7)


class Scene:
    """Alice looks; Bob, her friend, and Carol are the ones things happen to."""

    def __init__(self, world: World, slow: World, meddler: Meddler) -> None:
        self.world, self.slow, self.meddler = world, slow, meddler
        self.oracle = Oracle(world)

    async def set_up(self) -> None:
        self.alice, self.bob, self.carol = [await self.world.person(money=10_000) for _ in range(3)]
        self.oracle.add(self.alice, self.bob, self.carol)
        for person in (self.bob, self.carol):
            await person.patch("/me", {"default_audience": "public"})
        await self.oracle.befriend(self.alice, self.bob)
        await self.oracle.pay(self.bob, self.carol, 1, note="first", audience="public")
        await self.world.drain()

    async def at_rest(self, *context: object) -> None:
        """All is delivered, and read three times over: every feed is what the oracle says."""
        await self.world.drain()
        for _ in range(3):
            for person in (self.alice, self.bob, self.carol):
                for scope in SCOPES:
                    assert await whole_feed(person, scope) == self.oracle.feed(person, scope), (scope, *context)

    async def unfriend(self) -> None:
        await self.oracle.unfriend(self.bob, self.alice)
        await self.world.drain()

    async def befriend(self) -> None:
        await self.oracle.befriend(self.alice, self.carol)
        await self.world.drain()

    async def rename(self) -> None:
        await self.oracle.rename(self.bob, "Robert")
        await self.world.drain()

    async def pay(self) -> None:
        await self.oracle.pay(self.bob, self.carol, 2, note="meanwhile")
        await self.world.drain()

    async def block(self) -> None:
        await self.oracle.block(self.alice, self.bob)
        await self.world.drain()

    async def narrow(self) -> None:
        await self.oracle.narrow(self.carol, self.oracle.payments[-1], "private")
        await self.world.drain()

    async def narrow_past(self) -> None:
        await self.oracle.narrow_past(self.bob, "private")
        await self.world.drain()

    async def flush(self) -> None:
        await self.world.app.redis.client.flushdb()

    async def look(self) -> None:
        for person in (self.alice, self.bob, self.carol):
            for scope in SCOPES:
                await whole_feed(person, scope)


@pytest.fixture
async def scene(fresh: World) -> AsyncIterator[Scene]:
    beside = settings_of(fresh, redis_number=fresh.app.redis.client.connection_pool.connection_kwargs["db"])
    meddler = Meddler(beside.redis_url)
    async with world_over(beside, redis=meddler) as slow:
        made = Scene(fresh, slow, meddler)
        await made.set_up()
        yield made


INTRUSIONS: dict[str, Callable[[Scene], Awaitable[None]]] = {
    "unfriend": Scene.unfriend,
    "befriend": Scene.befriend,
    "rename": Scene.rename,
    "pay": Scene.pay,
    "block": Scene.block,
    "narrow": Scene.narrow,
    "narrow past": Scene.narrow_past,
    "flush": Scene.flush,
    "look": Scene.look,
}


async def read(scene: Scene, person: Person) -> None:
    await whole_feed(through(person, scene.slow))


@pytest.mark.parametrize("intrusion", INTRUSIONS)
@pytest.mark.parametrize("state", ["cold", "warm without documents"])
async def test_what_happens_during_a_read_is_not_lost_nor_undone(scene: Scene, intrusion: str, state: str) -> None:
    for call in CALLS:
        await scene.set_up()
        if state != "cold":
            await whole_feed(scene.alice)  # builds the timeline; its documents are cached by the second read only
            for key in [key async for key in scene.world.app.redis.client.scan_iter(match=b"st:*")]:
                await scene.world.app.redis.client.delete(key)
        scene.meddler.intrude(call, lambda: INTRUSIONS[intrusion](scene))
        await read(scene, scene.alice)
        await scene.at_rest(intrusion, "before call", call, "of a read", state)


@pytest.mark.parametrize("intrusion", INTRUSIONS)
@pytest.mark.parametrize("state", ["cold", "warm"])
async def test_what_happens_during_a_delivery_is_not_lost_nor_undone(scene: Scene, intrusion: str, state: str) -> None:
    for call in CALLS:
        await scene.set_up()
        if state == "warm":
            await scene.look()
        await scene.oracle.pay(scene.bob, scene.carol, 3, note="under way")
        scene.meddler.intrude(call, lambda: INTRUSIONS[intrusion](scene))
        await drain(scene.slow)
        await scene.at_rest(intrusion, "before call", call, "of a delivery", state)


@pytest.mark.parametrize("intrusion", ["look", "pay", "rename"])
async def test_what_happens_while_a_friendship_ends_or_a_name_changes_is_right_afterwards(
    scene: Scene, intrusion: str
) -> None:
    for call in CALLS:
        for change in (scene.oracle.unfriend(scene.bob, scene.alice), scene.oracle.rename(scene.carol, f"C{call}")):
            await scene.look()
            await change
            scene.meddler.intrude(call, lambda: INTRUSIONS[intrusion](scene))
            await drain(scene.slow)
            await scene.at_rest(intrusion, "before call", call)
        await scene.oracle.befriend(scene.bob, scene.alice)
        await scene.world.drain()


async def test_who_dies_between_pushing_and_looking_again_shows_a_former_friend_nothing_for_long(scene: Scene) -> None:
    async def part_and_look() -> None:
        await scene.unfriend()
        await scene.look()

    late = 0
    for call in (1, 2):
        await scene.set_up()
        await scene.look()
        await scene.oracle.pay(scene.bob, scene.carol, 3, note="under way")
        scene.meddler.intrude(call, part_and_look)
        scene.meddler.away_from(call + 1)
        await drain(scene.slow)
        scene.meddler.away_from(None)
        redis = scene.world.app.redis.client
        kept = cache.timeline(Timeline.FRIENDS, uuid_of(scene.alice.id).bytes)
        assert await redis.ttl(kept) <= cache.BUILD_SECONDS < cache.TIMELINE_SECONDS
        late += await whole_feed(scene.alice) != scene.oracle.feed(scene.alice, "friends")
        await redis.delete(kept)  # as time does
        for world in (scene.world, scene.slow):
            world.clock.advance(timedelta(minutes=2))
        await scene.at_rest("died after call", call)
    assert late, "nobody was late: this shows nothing"
