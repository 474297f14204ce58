"""Blocks that race with asks, accepts and payments: afterwards no friend is blocked, and nobody was paid too late."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import text

from tests.conftest import World
from tests.users.steps import block, listed, pay, unblock, uuid
from venmo_api.adapters.postgres import Transaction
from venmo_api.ledger import service as ledger
from venmo_api.users import blocks, queries
from venmo_api.users.rules import pair

BESIDE = text("""
    SELECT count(*) FROM friendships f JOIN blocks b
    ON f.low_id = least(b.blocker_id, b.blocked_id) AND f.high_id = greatest(b.blocker_id, b.blocked_id)
""")


async def beside(world: World) -> int:
    """Friendships and asks between people one of whom blocked the other."""

    async def count(tx: Transaction) -> int:
        return int((await tx.execute(BESIDE)).scalar_one())

    return await world.app.database.read(count)


async def test_to_block_and_to_befriend_at_once_leaves_no_friendship(world: World) -> None:
    for _ in range(8):
        alice, bob = await world.person("alice"), await world.person("bob")
        answers = await asyncio.gather(
            *(alice.put(f"/friends/{bob.id}") for _ in range(3)),
            *(bob.put(f"/friends/{alice.id}") for _ in range(3)),
            alice.post(f"/users/{bob.id}/block"),
            bob.post(f"/users/{alice.id}/block"),
        )
        assert {answer.status_code for answer in answers} <= {200, 204, 404}
        assert await beside(world) == 0
        for person in (alice, bob):
            assert [await listed(person, "/friends", state=state) for state in ("accepted", "incoming")] == [[], []]


async def test_of_a_block_and_payments_at_once_those_after_it_fail(world: World) -> None:
    alice, bob = await world.person("alice", money=1000), await world.person("bob")
    done: list[str] = []

    async def one() -> None:
        answer = await pay(alice, {"user_id": bob.id})
        done.append({201: "paid", 404: "refused"}[answer.status_code])

    async def shut() -> None:
        await block(bob, alice)
        done.append("blocked")

    for _ in range(5):
        await asyncio.gather(*(one() for _ in range(5)), shut(), *(one() for _ in range(5)))
        await one()
        assert done[-1] == "refused"
        await unblock(bob, alice)
    assert (await alice.balance(), await bob.balance()) == (1000 - 7 * done.count("paid"), 7 * done.count("paid"))


async def waits(world: World, holding: Callable[[Transaction], Awaitable[Any]], blocking: Awaitable[Any]) -> bool:
    """Whether ``blocking`` waits for a transaction that has begun with ``holding``."""
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def work(tx: Transaction) -> None:
        await holding(tx)
        begun.set()
        await go_on.wait()

    under_way = asyncio.create_task(world.app.database.transact(work))
    await begun.wait()
    task = asyncio.ensure_future(blocking)
    waited = not (await asyncio.wait([task], timeout=0.3))[0]
    go_on.set()
    await asyncio.gather(under_way, task)
    return waited


@pytest.mark.parametrize("side", [0, 1])
async def test_a_block_waits_for_money_that_is_moving(world: World, side: int) -> None:
    """A payment has locked the accounts before it reads who is hidden: it is before the block, or sees it."""
    people = await world.person("alice"), await world.person("bob")

    async def moving(tx: Transaction) -> None:
        await ledger.open(tx, [uuid(people[side])])

    assert await waits(world, moving, block(*people))


async def test_a_block_waits_for_who_is_befriending(world: World) -> None:
    alice, bob = await world.person("alice"), await world.person("bob")

    async def befriending(tx: Transaction) -> None:
        await queries.hold_pair(tx, *pair(uuid(alice), uuid(bob)))

    assert await waits(world, befriending, block(alice, bob))


async def test_a_block_that_does_not_wait_is_noticed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def at_once(*_: Any) -> None:
        """Locks nothing."""

    monkeypatch.setattr(blocks.ledger, "open", at_once)
    monkeypatch.setattr(queries, "hold_pair", at_once)
    alice, bob = await world.person("alice"), await world.person("bob")
    lock = text("SELECT FROM ledger_accounts WHERE id = :id FOR UPDATE")

    async def moving(tx: Transaction) -> None:
        await tx.execute(lock, {"id": uuid(alice)})

    assert not await waits(world, moving, block(alice, bob))


class Model:
    """How three people stand to each other, as the product says."""

    def __init__(self) -> None:
        self.asked: set[tuple[int, int]] = set()
        self.friends: set[frozenset[int]] = set()
        self.blocks: set[tuple[int, int]] = set()

    def hidden(self, one: int, other: int) -> bool:
        return (one, other) in self.blocks or (other, one) in self.blocks

    def put(self, one: int, other: int) -> int:
        if self.hidden(one, other):
            return 404
        if (other, one) in self.asked:
            self.asked.discard((other, one))
            self.friends.add(frozenset((one, other)))
        elif frozenset((one, other)) not in self.friends:
            self.asked.add((one, other))
        return 200

    def delete(self, one: int, other: int) -> int:
        self.asked -= {(one, other), (other, one)}
        self.friends.discard(frozenset((one, other)))
        return 204

    def block(self, one: int, other: int) -> int:
        self.delete(one, other)
        self.blocks.add((one, other))
        return 204

    def unblock(self, one: int, other: int) -> int:
        self.blocks.discard((one, other))
        return 204


VERBS = {
    "put": lambda one, other: one.put(f"/friends/{other.id}"),
    "delete": lambda one, other: one.delete(f"/friends/{other.id}"),
    "block": lambda one, other: one.post(f"/users/{other.id}/block"),
    "unblock": lambda one, other: one.delete(f"/users/{other.id}/block"),
    "pay": lambda one, other: pay(one, {"user_id": other.id}),
}


@pytest.mark.parametrize("seed", range(4))
async def test_after_any_sequence_people_stand_as_the_model_says(world: World, seed: int) -> None:
    chance, model = random.Random(seed), Model()
    people = [await world.person(f"p{number}", money=1000) for number in range(3)]
    for _ in range(40):
        one, other = chance.sample(range(3), 2)
        verb = chance.choice([*VERBS, "put"])
        answer = await VERBS[verb](people[one], people[other])
        expected = (404 if model.hidden(one, other) else 201) if verb == "pay" else getattr(model, verb)(one, other)
        assert answer.status_code == expected, (verb, one, other)
        for me in range(3):
            others = [number for number in range(3) if number != me]
            friends = {people[number].id for number in others if frozenset((me, number)) in model.friends}
            asking = {people[number].id for number in others if (number, me) in model.asked}
            assert set(await listed(people[me], "/friends")) == friends
            assert set(await listed(people[me], "/friends", state="incoming")) == asking
    assert await beside(world) == 0


@pytest.mark.parametrize("seed", range(3))
async def test_after_any_storm_no_friend_is_blocked(world: World, seed: int) -> None:
    chance = random.Random(seed)
    people = [await world.person(f"p{number}", money=1000) for number in range(3)]
    for _ in range(4):
        calls = []
        for _ in range(15):
            one, other = chance.sample(people, 2)
            calls.append(VERBS[chance.choice([*VERBS])](one, other))
        answers = await asyncio.gather(*calls)
        assert {answer.status_code for answer in answers} <= {200, 201, 204, 404}
        assert await beside(world) == 0
    assert sum([await person.balance() for person in people]) == 3000
