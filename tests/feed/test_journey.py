"""Random lives of a few people: warm, flushed or without Redis, each feed is what the payments say."""

import random
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.conftest import Person, World, world_over
from tests.crypto.stand_ins import SwitchedKms
from tests.feed.oracle import NOWHERE, SCOPES, Oracle, settings_of, through, whole_feed
from venmo_api.adapters.redis import Redis
from venmo_api.crypto.keyring import Keyring
from venmo_api.outbox import service as outbox

AUDIENCES: tuple[Any, ...] = ("private", "friends", "public", None)


@pytest.fixture
async def away(fresh: World) -> AsyncIterator[World]:
    """An app over the same database, whose Redis is not there."""
    async with world_over(settings_of(fresh, redis_number=15), redis=Redis(NOWHERE)) as world:
        yield world


class Life:
    """One random life, and the oracle that watches it."""

    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.random = random.Random(seed)
        self.oracle = Oracle(world)
        self.steps: list[str] = []
        self.delivered: set[str] = set()

    def two(self) -> tuple[Person, Person]:
        one, other = self.random.sample(sorted(self.oracle.people), 2)
        return self.oracle.people[one], self.oracle.people[other]

    async def step(self) -> None:
        verbs = (self.arrive, self.befriend, self.befriend, self.unfriend, self.rename, self.flush, self.drain)
        rare = (self.settle_down, self.block, self.unblock, self.unblock, self.narrow, self.narrow_past)
        verb = self.random.choice([*verbs, self.look, self.look, *[self.pay] * 8, *rare])
        self.steps.append(verb.__name__)
        await verb()

    async def arrive(self) -> None:
        if len(self.oracle.people) < 6:
            self.oracle.add(await self.world.person(money=1_000_000))

    async def befriend(self) -> None:
        await self.oracle.befriend(*self.two())

    async def unfriend(self) -> None:
        await self.oracle.unfriend(*self.two())

    async def rename(self) -> None:
        await self.oracle.rename(self.two()[0], f"Name {self.random.randrange(10**6)} Ünï")

    async def settle_down(self) -> None:
        person, wish = self.two()[0], self.random.choice(AUDIENCES[:3])
        assert (await person.patch("/me", {"default_audience": wish})).status_code == 200

    async def block(self) -> None:
        await self.oracle.block(*self.two())

    async def unblock(self) -> None:
        if self.oracle.blocks:
            one, other = self.random.choice(sorted(self.oracle.blocks))
            await self.oracle.unblock(self.oracle.people[one], self.oracle.people[other])

    async def narrow(self) -> None:
        recorded = [payment for payment in self.oracle.payments if payment.id in self.delivered]
        if recorded:
            payment = self.random.choice(recorded)
            party = self.oracle.people[self.random.choice((payment.actor, payment.target))]
            await self.oracle.narrow(party, payment, self.random.choice(AUDIENCES[:3]))

    async def narrow_past(self) -> None:
        """Also what is still on its way."""
        if self.random.random() < 0.3:
            await self.oracle.narrow_past(self.two()[0], self.random.choice(AUDIENCES[:2]))

    async def pay(self) -> None:
        sender, recipient = self.two()
        if self.oracle.hidden(sender.id, recipient.id):
            return
        wish = self.random.choice(AUDIENCES)
        number = len(self.oracle.payments)
        await self.oracle.pay(sender, recipient, self.random.randrange(1, 500), note=f"n{number}", audience=wish)

    async def flush(self) -> None:
        await self.world.app.redis.client.flushdb()

    async def drain(self) -> None:
        await self.world.drain()
        self.delivered = {payment.id for payment in self.oracle.payments}

    async def look(self) -> None:
        """Reading is what makes timelines: they then live through all that follows."""
        await whole_feed(self.two()[0], self.random.choice(SCOPES), limit=self.random.randrange(1, 8))


async def everything(life: Life, world: World) -> dict[tuple[str, str], list[object]]:
    """All feeds of all people, through ``world``."""
    return {
        (person.username, scope): list(await whole_feed(through(person, world), scope, limit=7))
        for person in life.oracle.people.values()
        for scope in SCOPES
    }


@pytest.mark.parametrize("seed", range(6))
async def test_all_feeds_are_what_the_payments_say(fresh: World, away: World, seed: int) -> None:
    life = Life(fresh, seed)
    for _ in range(3):
        await life.arrive()
    for _ in range(60):
        await life.step()
    await life.drain()
    wanted = {
        (person.username, scope): life.oracle.feed(person, scope)
        for person in life.oracle.people.values()
        for scope in SCOPES
    }
    assert await everything(life, fresh) == wanted, ("as Redis stood", seed, life.steps)
    assert await everything(life, fresh) == wanted, ("warm", seed, life.steps)
    await life.flush()
    assert await everything(life, fresh) == wanted, ("rebuilt", seed, life.steps)
    assert await everything(life, away) == wanted, ("without Redis", seed, life.steps)


async def test_amounts_and_the_second_are_for_the_two_parties_only(fresh: World) -> None:
    oracle = Oracle(fresh)
    alice, bob, carol = await fresh.person(money=10_000), await fresh.person(), await fresh.person()
    oracle.add(alice, bob, carol)
    await bob.patch("/me", {"default_audience": "public"})
    await oracle.befriend(carol, alice)
    payment = await oracle.pay(alice, bob, 4321, audience="public", note="rent")
    await fresh.drain()
    for scope in ("friends", "public"):
        for _ in ("built", "warm", "again"):
            raw = (await carol.get("/feed", scope=scope)).text
            assert "rent" in raw
            assert "4321" not in raw
            assert "amount" not in raw
            assert payment.created_at not in raw
            seen = (await bob.get("/feed", scope=scope)).json()["data"][0]
            assert (seen["amount"], seen["created_at"]) == (4321, payment.created_at)
    assert "4321" not in (await carol.get(f"/stories/{oracle.story_id(payment)}")).text


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("state", ["cold", "warm", "away"])
async def test_a_payer_sees_their_own_payment_at_once_and_others_once_it_is_delivered(
    fresh: World, away: World, scope: str, state: str
) -> None:
    oracle = Oracle(fresh)
    alice, bob, carol = [await fresh.person(money=10_000) for _ in range(3)]
    oracle.add(alice, bob, carol)
    for person in (alice, bob):
        assert (await person.patch("/me", {"default_audience": "public"})).status_code == 200
    await oracle.befriend(carol, alice)
    await oracle.pay(bob, alice, 5, note="before")
    await fresh.drain()
    world = away if state == "away" else fresh
    if state == "warm":
        for person in (alice, bob, carol):
            await whole_feed(person, scope)
    await oracle.pay(alice, bob, 7, note="just now")
    seen = await whole_feed(through(alice, world), scope)
    assert [one["note"] for one in seen] == [one["note"] for one in oracle.feed(alice, scope)]
    assert seen == oracle.feed(alice, scope)
    for person in (alice, bob, carol):
        await whole_feed(through(person, world), scope)
    await fresh.drain()
    for person in (alice, bob, carol):
        assert await whole_feed(through(person, world), scope) == oracle.feed(person, scope)


async def test_an_ex_friends_stories_disappear_and_a_new_friends_appear(fresh: World) -> None:
    oracle = Oracle(fresh)
    alice, bob, carol = [await fresh.person(money=10_000) for _ in range(3)]
    oracle.add(alice, bob, carol)
    await oracle.pay(bob, carol, 5)
    await fresh.drain()
    assert await whole_feed(alice) == []
    await oracle.befriend(alice, bob)
    await fresh.drain()
    assert len(await whole_feed(alice)) == 1
    await oracle.unfriend(alice, bob)
    await fresh.drain()
    assert await whole_feed(alice) == []
    assert (await alice.get(f"/stories/{oracle.story_id(oracle.payments[0])}")).status_code == 404


async def test_the_stricter_of_the_two_wishes_holds(fresh: World) -> None:
    alice, bob = await fresh.person(money=10_000), await fresh.person()
    assert (await alice.pay(bob, 1, audience="public")).json()["audience"] == "friends"
    await bob.patch("/me", {"default_audience": "public"})
    assert (await alice.pay(bob, 2, audience="public")).json()["audience"] == "public"
    assert (await alice.pay(bob, 3)).json()["audience"] == "friends"
    await bob.patch("/me", {"default_audience": "private"})
    assert (await alice.pay(bob, 4, audience="public")).json()["audience"] == "private"
    await fresh.drain()
    assert [story["audience"] for story in await whole_feed(bob)] == ["private", "friends", "public", "friends"]


async def test_a_worker_without_keys_pushes_stories_and_leaves_the_documents_to_readers(fresh: World) -> None:
    oracle = Oracle(fresh)
    alice, bob = await fresh.person(money=10_000), await fresh.person()
    oracle.add(alice, bob)
    await fresh.drain()
    await whole_feed(bob)
    await oracle.pay(alice, bob, 5)
    kms = SwitchedKms()
    kms.away = True
    keyless = Keyring(kms, fresh.app.database, fresh.app.wall_clock)
    redis_number = fresh.app.redis.client.connection_pool.connection_kwargs["db"]
    async with world_over(settings_of(fresh, redis_number=redis_number), keys=keyless) as started:
        await started.drain()
    backlog = await fresh.app.database.read(outbox.backlog)
    assert (backlog.waiting, backlog.parked) == (0, 0)
    for _ in range(2):
        assert await whole_feed(bob) == oracle.feed(bob, "friends")
