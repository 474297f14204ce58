"""GET /v1/feed and /v1/stories/{id}, as a client sees them."""

import asyncio
from datetime import timedelta

import pytest

from tests.conftest import World, world_over
from tests.feed.oracle import UNMOVED, Oracle, settings_of, story_id, through, whole_feed
from tests.feed.stand_ins import silent_server
from venmo_api.adapters.redis import Redis


async def test_a_story_is_shown_to_parties_and_friends_and_is_unknown_to_anybody_else(fresh: World) -> None:
    oracle = Oracle(fresh)
    owner, other, friend, stranger = [await fresh.person(money=10_000) for _ in range(4)]
    oracle.add(owner, other, friend, stranger)
    await oracle.befriend(friend, other)
    for audience, readers in (("private", 2), ("friends", 3), ("public", 3)):
        payment = await oracle.pay(owner, other, 100, audience=audience)
        path = "/stories/" + oracle.story_id(payment)
        assert (await owner.get(path)).json() == oracle.story(owner, payment) | UNMOVED, "before it is delivered"
        assert (await stranger.get(path)).status_code == 404
        await fresh.drain()
        for person in (owner, other, friend)[:readers]:
            assert (await person.get(path)).json() == oracle.story(person, payment) | UNMOVED
        for person in (owner, other, friend, stranger)[readers:]:
            refused = await person.get(path)
            assert (refused.status_code, refused.json()["code"]) == (404, "story_not_found")
        assert (await fresh.client.get("/v1" + path)).status_code == 401


@pytest.mark.parametrize(
    "story_id", ["x", "sty_", "sty_" + "0" * 32, "sty_" + "G" * 32, "tr_" + "0" * 32, "sty_%00" + "0" * 31, "%ff", "🍕"]
)
async def test_what_is_no_story_is_not_found(world: World, story_id: str) -> None:
    alice = await world.person()
    answer = await alice.get(f"/stories/{story_id}")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


async def test_a_private_story_and_none_at_all_are_refused_alike(fresh: World) -> None:
    alice, bob, eve = await fresh.person(money=100), await fresh.person(), await fresh.person()
    paid = (await alice.pay(bob, 1, audience="private")).json()
    await fresh.drain()
    there = (await eve.get("/stories/" + story_id(fresh, paid["id"]))).json()
    nowhere = (await eve.get("/stories/sty_" + "0" * 32)).json()
    assert {**there, "request_id": ""} == {**nowhere, "request_id": ""}


@pytest.mark.parametrize(
    "query",
    [{"scope": "all"}, {"limit": 0}, {"limit": 101}, {"limit": "x"}, {"cursor": "!!"}, {"cursor": "A" * 22 + "B"}],
)
async def test_a_query_that_cannot_be_right_is_refused_by_name(world: World, query: dict[str, object]) -> None:
    alice = await world.person()
    answer = await alice.get("/feed", **query)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == ["?" + next(iter(query))]


async def test_a_feed_is_for_people_who_signed_in_and_is_kept_by_no_shared_cache(world: World) -> None:
    assert (await world.client.get("/v1/feed?scope=public")).status_code == 401
    alice = await world.person()
    assert (await alice.get("/feed")).headers["cache-control"] == "private, no-cache"


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
async def test_pages_make_up_the_whole_feed_also_while_new_stories_arrive(fresh: World, limit: int) -> None:
    oracle = Oracle(fresh)
    alice, bob = await fresh.person(money=10_000), await fresh.person(money=10_000)
    oracle.add(alice, bob)
    for number in range(9):
        await oracle.pay(alice, bob, number + 1)
    await fresh.drain()
    for state in ("cold", "warm"):
        before = oracle.feed(bob, "friends")
        read: list[object] = []
        cursor: dict[str, str] = {}
        while True:
            page = (await bob.get("/feed", limit=limit, **cursor)).json()
            read += page["data"]
            if page["next_cursor"] is None:
                break
            cursor = {"cursor": page["next_cursor"]}
            await oracle.pay(bob, alice, 1)
            await fresh.drain()
        assert read == before, state


async def test_with_redis_hung_feeds_are_right_within_a_second_and_payments_succeed(fresh: World) -> None:
    oracle = Oracle(fresh)
    alice, bob = await fresh.person(money=10_000), await fresh.person()
    oracle.add(alice, bob)
    await oracle.pay(alice, bob, 5)
    await fresh.drain()
    async with (
        silent_server() as port,
        world_over(settings_of(fresh, redis_number=0), redis=Redis(f"redis://127.0.0.1:{port}/0")) as hung,
    ):
        for _ in range(3):
            async with asyncio.timeout(1):
                assert await whole_feed(through(bob, hung)) == oracle.feed(bob, "friends")
        await oracle.pay(through(alice, hung), bob, 6)
        assert await whole_feed(through(alice, hung)) == oracle.feed(alice, "friends")
        await hung.drain()
    fresh.clock.advance(by=timedelta(seconds=5))
    await fresh.drain()
    assert await whole_feed(bob) == oracle.feed(bob, "friends")
