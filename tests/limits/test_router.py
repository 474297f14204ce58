"""Limits as a client meets them: the edge, the window to the second, and what GET /v1/limits tells."""

import dataclasses
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from tests.conftest import Person, TestClock, World, new_key
from tests.transfers.commands import user_id
from tests.transfers.steps import new_email, pay_contact, run
from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.postgres import Transaction
from venmo_api.limits import service
from venmo_api.limits.rules import Flow, LimitExceeded, Meter

MOST = 299_99
ONE = UUID(int=1)


async def _sender(world: World, money: int = 1_000_00) -> tuple[Person, Person]:
    """Two friends, the first with money: nobody is asked to confirm."""
    alice, bob = await world.person("alice", money=money), await world.person("bob")
    await alice.befriend(bob)
    return alice, bob


async def _limits(person: Person) -> dict[str, dict[str, object]]:
    document = (await person.get("/limits")).json()
    return {one["limit"]: one for one in document["limits"]}


async def test_unverified_people_send_so_much_and_not_a_cent_more(strict: World) -> None:
    alice, bob = await _sender(strict)
    over = await alice.pay(bob, MOST + 1)
    assert (over.status_code, over.json()["code"]) == (402, "limit_exceeded")
    assert (over.json()["limit"], over.json()["limit_amount"], over.json()["left"]) == ("sent", MOST, MOST)
    assert "$299.99" in over.json()["detail"]
    assert (await alice.pay(bob, MOST - 1)).status_code == 201
    key = new_key()
    over = await alice.pay(bob, 2, key=key)
    assert (over.status_code, over.json()["left"]) == (402, 1)
    assert (await alice.pay(bob, 2, key=key)).content == over.content
    assert (await alice.pay(bob, 1)).status_code == 201
    assert (await alice.pay(bob, 1, note="more")).status_code == 402
    assert await bob.balance() == MOST


async def test_verified_people_send_sixty_thousand_and_not_a_cent_more(strict_fresh: World) -> None:
    alice, bob = await _sender(strict_fresh, 10_000_00)
    for _ in range(6):
        strict_fresh.clock.advance(timedelta(days=8))
        await alice.top_up(10_000_00)
    await run(strict_fresh, "UPDATE users SET verified_at = now() WHERE username = $1", alice.username)
    told = (await _limits(alice))["sent"]
    assert (told["limit_amount"], told["left"]) == (60_000_00, 60_000_00)
    assert (await alice.pay(bob, 60_000_01)).status_code == 402
    assert (await alice.pay(bob, 60_000_00)).status_code == 201
    over = await alice.pay(bob, 1)
    assert (over.status_code, over.json()["left"]) == (402, 0)
    assert "verify" not in over.json()["detail"]


async def test_the_window_rolls_to_the_second(strict_fresh: World) -> None:
    alice, bob = await _sender(strict_fresh)
    paid = (await alice.pay(bob, 200_00)).json()
    strict_fresh.clock.advance(timedelta(hours=1))
    await alice.pay(bob, 99_99)
    told = (await _limits(alice))["sent"]
    assert (told["used"], told["left"]) == (MOST, 0)
    slices = told["slices"]
    assert isinstance(slices, list)
    assert [part["amount"] for part in slices] == [200_00, 99_99]
    told_at = datetime.fromisoformat(slices[0]["frees_at"])
    assert told_at - datetime.fromisoformat(paid["created_at"]) == timedelta(days=7)
    [used] = await run(strict_fresh, "SELECT at FROM limit_uses WHERE user_id = $1 AND amount = 20000", user_id(alice))
    frees_at = used["at"] + timedelta(days=7)
    for moment, left in ((frees_at - timedelta(microseconds=1), 0), (frees_at, 200_00)):
        standings = await strict_fresh.app.database.read(service.standings, _at(strict_fresh, moment), user_id(alice))
        assert standings[0].left == left
        meter = await strict_fresh.app.database.read(_meter, _at(strict_fresh, moment), user_id(alice))
        with pytest.raises(LimitExceeded) as refused:
            meter.use(ONE, user_id(alice), left + 1, at=moment, verified=False)
        assert refused.value.extra["left"] == left


async def test_what_frees_may_be_sent_again(strict_fresh: World) -> None:
    alice, bob = await _sender(strict_fresh)
    await alice.pay(bob, 200_00)
    strict_fresh.clock.advance(timedelta(days=3))
    await alice.pay(bob, 99_99)
    assert (await alice.pay(bob, 1, note="over")).status_code == 402
    strict_fresh.clock.advance(timedelta(days=4, seconds=1))
    assert (await alice.pay(bob, 200_01, note="over")).status_code == 402
    assert (await alice.pay(bob, 200_00, note="freed")).status_code == 201
    assert (await alice.pay(bob, 1, note="over")).status_code == 402


async def test_what_was_authorised_counts_whatever_becomes_of_it(strict: World) -> None:
    alice, bob = await _sender(strict)
    pending = (await pay_contact(alice, new_email(), MOST)).json()
    assert pending["status"] == "pending"
    await alice.post(f"/transfers/{pending['id']}/cancel")
    assert await alice.balance() == 1_000_00
    assert (await alice.pay(bob, 1)).status_code == 402
    assert (await _limits(alice))["sent"]["used"] == MOST


async def test_what_was_refused_or_rehearsed_does_not_count(strict: World) -> None:
    alice, bob = await _sender(strict, 100_00)
    assert (await alice.pay(bob, 100_01)).status_code == 402
    assert (await alice.pay(bob, 100_00, dry_run=True)).status_code == 200
    assert (await _limits(alice))["sent"]["used"] == 0


async def test_everybody_is_told_their_own(strict: World) -> None:
    alice, bob = await _sender(strict)
    await alice.pay(bob, 10_00)
    told = {name: (one["limit_amount"], one["used"], one["left"]) for name, one in (await _limits(bob)).items()}
    assert told["sent"] == (MOST, 0, MOST)
    assert told["cashed_out"] == (999_99, 0, 999_99)
    assert told["topped_up"] == (10_000_00, 0, 10_000_00)
    assert (await strict.client.get("/v1/limits")).status_code == 401


def _at(world: World, moment: datetime) -> Adapters:
    """The bundle, with a clock that stands still."""
    clock = TestClock()
    clock.now = lambda: moment  # type: ignore[method-assign]
    return dataclasses.replace(world.app, clock=clock)


async def _meter(tx: Transaction, app: Adapters, person: UUID) -> Meter:
    return await service.read(tx, Flow.SENT, [(ONE, person, app.clock.now())], app.figures)
