"""Stories pushed by the batch come out as if pushed one by one, and as Postgres would have them."""

import asyncio
import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.feed.oracle import ids_on
from venmo_api.adapters.redis import Redis
from venmo_api.feed import cache
from venmo_api.feed.rules import Scope, Timeline

CAP, SLACK = 6, 6
STATES = ("absent", "ready", "building")
Push = tuple[int, frozenset[int]]
"""A story and the viewers it is for."""


@pytest.fixture(autouse=True)
def _short_timelines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "CAP", CAP)
    monkeypatch.setattr(cache, "SLACK", SLACK)
    monkeypatch.setattr(cache, "IDS_MOST", 4)


@pytest.fixture
def loop() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@dataclass
class Town:
    """Viewers whose timelines are in some state, each with what Postgres holds for them."""

    redis: Redis
    states: Sequence[str]
    held: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))

    @staticmethod
    def key(viewer: int) -> bytes:
        return cache.timeline(Timeline.MINE, UUID(int=viewer).bytes)

    async def found(self, old: Sequence[int]) -> None:
        await self.redis.client.flushdb()
        for viewer, state in enumerate(self.states):
            self.held[viewer] = set(old)
            if state != "absent":
                assert await cache.begin(self.redis, self.key(viewer), "token")
            if state == "ready":
                await self.finish(viewer, old)

    async def finish(self, viewer: int, old: Sequence[int]) -> None:
        newest = sorted(old, reverse=True)[: CAP + 1]
        assert await cache.finish(self.redis, self.key(viewer), "token", [UUID(int=one) for one in newest])

    async def push(self, pushes: Sequence[Push]) -> set[bytes]:
        timelines: dict[bytes, list[bytes]] = defaultdict(list)
        for story, viewers in pushes:
            for viewer in viewers:
                self.held[viewer].add(story)
                timelines[self.key(viewer)].append(UUID(int=story).bytes)
        return await cache.push(self.redis, timelines)

    async def settle(self, old: Sequence[int]) -> None:
        for viewer, state in enumerate(self.states):
            if state == "building":
                await self.finish(viewer, old)

    async def page(self, viewer: int, after: int | None, most: int) -> list[int] | None:
        below = None if after is None else UUID(int=after)
        found = await cache.page(self.redis, Scope.MINE, UUID(int=viewer).bytes, after=below, most=most)
        ids = ids_on(found)
        return None if ids is None else [int.from_bytes(one) for one in ids]

    async def check(self) -> None:
        """What is answered is what Postgres holds, and the newest CAP are answered."""
        for viewer, state in enumerate(self.states):
            for after in (None, *self.held[viewer]):
                newest = sorted(one for one in self.held[viewer] if after is None or one < after)[::-1]
                for most in (1, 3, CAP, 3 * CAP):
                    answer = await self.page(viewer, after, most)
                    assert answer in (None, newest[:most]), (viewer, state, after, most)
            newest = sorted(self.held[viewer], reverse=True)[:CAP]
            assert await self.page(viewer, None, len(newest)) == (None if state == "absent" else newest)


stories = st.integers(min_value=1, max_value=40)
histories = st.lists(stories, unique=True, max_size=CAP) | st.lists(stories, unique=True, min_size=CAP + SLACK + 1)
batches = st.lists(
    st.lists(st.tuples(stories, st.frozensets(st.integers(0, 4), min_size=1)), min_size=1, max_size=12), max_size=4
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(states=st.tuples(*[st.sampled_from(STATES)] * 5), old=histories, pushed=batches)
def test_a_batch_of_pushes_is_as_good_as_one_after_another(
    loop: asyncio.Runner, worker_number: int, states: Sequence[str], old: list[int], pushed: list[list[Push]]
) -> None:
    live = {viewer for viewer, state in enumerate(states) if state != "absent"}
    expected = {UUID(int=story).bytes for batch in pushed for story, viewers in batch if viewers & live}

    async def both() -> None:
        redis = Redis(os.environ["VENMO_REDIS_URL"].rpartition("/")[0] + f"/{worker_number * 2 + 1}")
        try:
            for parts in (pushed, [[one] for batch in pushed for one in batch]):
                town = Town(redis, states)
                await town.found(old)
                wanted = [await town.push(part) for part in parts]
                await town.settle(old)
                await town.check()
                assert set().union(*wanted) == expected
        finally:
            await redis.close()

    loop.run(both())
