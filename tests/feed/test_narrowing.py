"""What is past becomes more private, one by one or all at once, and never less."""

import asyncio

import pytest

from tests.conftest import World, world_over
from tests.feed.oracle import NOWHERE, Oracle, settings_of, story_id, through, whole_feed
from venmo_api.adapters.redis import Redis
from venmo_api.feed import service


@pytest.fixture
async def oracle(fresh: World) -> Oracle:
    made = Oracle(fresh)
    people = [await fresh.person(money=10_000) for _ in range(4)]
    made.add(*people)
    for person in people:
        await person.patch("/me", {"default_audience": "public"})
    await made.befriend(people[0], people[2])
    return made


async def check(oracle: Oracle, world: World, *context: object) -> None:
    for person in oracle.people.values():
        for scope in ("friends", "public", "mine"):
            assert await whole_feed(through(person, world), scope) == oracle.feed(person, scope), (scope, *context)


async def test_a_story_is_narrowed_by_either_party_and_gone_from_the_next_read(fresh: World, oracle: Oracle) -> None:
    alice, bob, carol, dave = oracle.people.values()
    payment = await oracle.pay(alice, bob, 5, audience="public")
    await fresh.drain()
    await check(oracle, fresh, "public")
    await check(oracle, fresh, "warm")
    for person, audience in ((bob, "friends"), (alice, "private")):
        await oracle.narrow(person, payment, audience)
        await check(oracle, fresh, audience)
    for audience in ("friends", "public"):
        refused = await bob.patch(f"/stories/{oracle.story_id(payment)}", {"audience": audience})
        assert (refused.status_code, refused.json()["code"]) == (409, "only_more_private")
    await oracle.narrow(alice, payment, "private")
    for person in (carol, dave):
        assert (await person.patch(f"/stories/{oracle.story_id(payment)}", {"audience": "private"})).status_code == 404
    assert (await alice.get(f"/transfers/{payment.id}")).json()["audience"] == "public", "as it was made"
    await fresh.drain()
    await check(oracle, fresh, "delivered")


async def test_only_the_parties_narrow_what_others_see(fresh: World, oracle: Oracle) -> None:
    alice, bob, carol, dave = oracle.people.values()
    payment = await oracle.pay(alice, bob, 5, audience="public")
    await fresh.drain()
    path = f"/stories/{oracle.story_id(payment)}"
    for person in (carol, dave):
        assert (await person.get(path)).status_code == 200
        refused = await person.patch(path, {"audience": "private"})
        assert (refused.status_code, refused.json()["code"]) == (404, "story_not_found")
    await check(oracle, fresh)


async def test_all_the_past_is_narrowed_at_once_also_what_is_on_its_way(fresh: World, oracle: Oracle) -> None:
    alice, bob, carol, _ = oracle.people.values()
    for number in range(3):
        await oracle.pay(alice, bob, number + 1, audience="public")
        await oracle.pay(bob, carol, number + 1, audience="public")
    await fresh.drain()
    await check(oracle, fresh, "warm")
    await oracle.pay(alice, bob, 11, audience="public", note="on its way")
    await oracle.pay(carol, alice, 12, audience="public", note="on its way too")
    answer = await alice.post("/me/narrow-past", {"audience": "friends"})
    assert answer.json() == {"audience": "friends", "narrowed": 3}
    await oracle.narrow_past(alice, "friends")
    await check_own(oracle, fresh, "before it is delivered")
    await fresh.drain()
    await check(oracle, fresh, "delivered")
    assert (await alice.post("/me/narrow-past", {"audience": "friends"})).json()["narrowed"] == 0
    await oracle.pay(alice, bob, 13, audience="public", note="later")
    await fresh.drain()
    await check(oracle, fresh, "what comes later is not the past")
    await oracle.narrow_past(alice, "private")
    await oracle.narrow_past(alice, "friends")
    await check(oracle, fresh, "never less private")
    for body in ({"audience": "public"}, {}, {"audience": "private", "more": 1}):
        assert (await alice.post("/me/narrow-past", body)).status_code == 422


async def check_own(oracle: Oracle, world: World, *context: object) -> None:
    """What is on its way stands in its payer's feeds only."""
    alice = next(iter(oracle.people.values()))
    on_the_way = [payment for payment in oracle.payments if payment.note == "on its way too"]
    for scope in ("friends", "public", "mine"):
        read = await whole_feed(alice, scope)
        wanted = oracle.feed(alice, scope)
        assert read == [one for one in wanted if one["id"] not in map(oracle.story_id, on_the_way)], (scope, *context)


async def test_a_process_that_dies_between_wish_and_stories_leaves_the_rest_to_the_worker(
    fresh: World, oracle: Oracle, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob, *_ = oracle.people.values()
    for number in range(3):
        await oracle.pay(alice, bob, number + 1, audience="public")
    await fresh.drain()
    await check(oracle, fresh, "warm")

    async def die(*_: object) -> None:
        raise asyncio.CancelledError

    with monkeypatch.context() as patch:
        patch.setattr(service, "apply_wishes", die)
        with pytest.raises(asyncio.CancelledError):
            await alice.post("/me/narrow-past", {"audience": "private"})
    for payment in oracle.payments:
        payment.audience = "private"
    await fresh.drain()
    await check(oracle, fresh, "delivered")


async def test_without_redis_the_past_is_narrowed_too(fresh: World, oracle: Oracle) -> None:
    alice, bob, *_ = oracle.people.values()
    payment = await oracle.pay(alice, bob, 1, audience="public")
    other = await oracle.pay(bob, alice, 2, audience="public")
    await fresh.drain()
    await check(oracle, fresh, "warm")
    async with world_over(settings_of(fresh, redis_number=0), redis=Redis(NOWHERE)) as away:
        path = f"/stories/{story_id(fresh, payment.id)}"
        assert (await through(alice, away).patch(path, {"audience": "friends"})).status_code == 200
        assert (await through(bob, away).post("/me/narrow-past", {"audience": "private"})).json()["narrowed"] == 2
        payment.audience = other.audience = "private"
        await check(oracle, away, "without Redis")
    await fresh.drain()
    await check(oracle, fresh, "delivered")


async def test_parties_who_narrow_at_the_same_moment_end_at_the_stricter(fresh: World, oracle: Oracle) -> None:
    alice, bob, *_ = oracle.people.values()
    for _ in range(5):
        payment = await oracle.pay(alice, bob, 1, audience="public")
        await fresh.drain()
        path = f"/stories/{oracle.story_id(payment)}"
        await asyncio.gather(alice.patch(path, {"audience": "private"}), bob.patch(path, {"audience": "friends"}))
        payment.audience = "private"
        assert (await bob.get(path)).json()["audience"] == "private"
    await check(oracle, fresh)
