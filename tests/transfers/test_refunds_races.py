"""Many refunds of one payment at once, and that the checks behind them can fail."""

import asyncio
from collections import Counter
from functools import partial

import pytest
from sqlalchemy.exc import IntegrityError

from tests.conftest import Person, World, new_key
from tests.ledger import audit
from tests.races import storm
from tests.transfers.commands import user_id
from tests.transfers.steps import give_back, run, until_answered, wallet
from venmo_api.core import ids
from venmo_api.idempotency.rules import Claim
from venmo_api.transfers import refunds, returns, schemas
from venmo_api.transfers.rules import Refund, Transfer


async def _paid(world: World, amount: int) -> tuple[Person, Person, str]:
    alice, bob = await world.person("alice", money=amount), await world.person("bob")
    return alice, bob, (await alice.pay(bob, amount)).json()["id"]


async def test_of_fifty_parallel_refunds_of_all_of_it_exactly_one_happens(fresh: World) -> None:
    alice, bob, paid = await _paid(fresh, 1000)
    await bob.top_up(100_000)
    async with storm.second_app(fresh) as other:
        clients = [bob if number % 2 else storm.at(other, bob) for number in range(50)]
        sends = [partial(give_back, client, paid, key=new_key()) for client in clients]
        answers = await asyncio.gather(*(until_answered(send) for send in sends))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 49}
    assert {answer.json()["left"] for answer in answers if answer.status_code == 409} == {0}
    assert (await wallet(alice), await wallet(bob)) == ((1000, 0, 0), (100_000, 0, 0))
    assert await audit.findings(fresh) == []


async def test_fifty_parallel_parts_never_give_back_more_than_came(fresh: World) -> None:
    alice, bob, paid = await _paid(fresh, 1000)
    async with storm.second_app(fresh) as other:
        clients = [bob if number % 2 else storm.at(other, bob) for number in range(50)]
        sends = [partial(give_back, client, paid, 30, key=new_key()) for client in clients]
        answers = await asyncio.gather(*(until_answered(send) for send in sends))
    assert Counter(answer.status_code for answer in answers) == {201: 33, 409: 17}
    original = (await alice.get(f"/transfers/{paid}")).json()
    assert (original["refunded"], len(original["refunds"])) == (990, 33)
    assert (await wallet(alice), await wallet(bob)) == ((990, 0, 0), (10, 0, 0))
    assert await audit.findings(fresh) == []


async def test_one_key_sent_twenty_times_gives_back_once(fresh: World) -> None:
    alice, bob, paid = await _paid(fresh, 1000)
    key = new_key()
    async with storm.second_app(fresh) as other:
        clients = [bob if number % 2 else storm.at(other, bob) for number in range(20)]
        sends = [partial(give_back, client, paid, 10, key=key) for client in clients]
        answers = await asyncio.gather(*(until_answered(send) for send in sends))
    assert {(answer.status_code, answer.content) for answer in answers} == {(201, answers[0].content)}
    assert (await wallet(alice), await wallet(bob)) == ((10, 0, 0), (990, 0, 0))
    assert await audit.findings(fresh) == []


async def test_parallel_refunds_of_several_payments_never_owe_more_than_anybody_may(fresh: World) -> None:
    bob, shop = await fresh.person("bob", verified=True), await fresh.person("shop")
    payers = [await fresh.person("payer", money=40_000) for _ in range(5)]
    paid = [(await payer.pay(bob, 40_000)).json()["id"] for payer in payers]
    await bob.pay(shop, 200_000)
    async with storm.second_app(fresh) as other:
        clients = [bob, storm.at(other, bob), bob, storm.at(other, bob), bob]
        sends = [partial(give_back, client, each, key=new_key()) for client, each in zip(clients, paid, strict=True)]
        answers = await asyncio.gather(*(until_answered(send) for send in sends))
    assert Counter(answer.status_code for answer in answers) == {201: 2, 402: 3}
    assert await wallet(bob) == (0, 0, 80_000)
    assert await audit.findings(fresh) == []


async def test_refunds_payments_and_top_ups_at_once_lose_nothing(fresh: World) -> None:
    alice, bob, paid = await _paid(fresh, 1000)
    shop = await fresh.person("shop")
    await bob.pay(shop, 900)
    await shop.top_up(100)
    refunding = [partial(give_back, bob, paid, 50, key=new_key()) for _ in range(20)]
    paying = [partial(shop.pay, bob, 20, key=new_key()) for _ in range(20)]
    spending = [partial(bob.pay, alice, 15, key=new_key()) for _ in range(20)]
    answers = await asyncio.gather(
        *(until_answered(send) for three in zip(refunding, paying, spending, strict=True) for send in three),
        bob.top_up(70),
    )
    assert {answer.status_code for answer in answers if answer is not None} <= {201, 402}
    assert sum(answer.status_code == 201 for answer in answers[:60:3]) == 20
    held = [await wallet(person) for person in (alice, bob, shop)]
    assert sum(available - debt for available, _, debt in held) == 1000 + 100 + 70
    assert await audit.findings(fresh) == []


def _uncapped(original: Transfer, command: Refund) -> int:
    return command.amount or original.amount


async def _give_back_uncapped(world: World, bob: Person, paid: str, monkeypatch: pytest.MonkeyPatch) -> None:
    original = ids.decode(ids.TRANSFER, paid)
    assert original is not None
    now = world.clock.now()
    claim = Claim(user_id(bob), "refund", new_key(), (b"",), now)
    command = Refund(claim, world.app.new_id(), original, 600, None, "request", now)
    with monkeypatch.context() as planted:
        planted.setattr(returns, "refundable", _uncapped)
        await world.app.database.transact(refunds.refund, command, app=world.app, render=schemas.reply)


async def test_without_the_cap_in_the_rules_the_database_refuses(fresh: World, monkeypatch: pytest.MonkeyPatch) -> None:
    alice, bob, paid = await _paid(fresh, 1000)
    await _give_back_uncapped(fresh, bob, paid, monkeypatch)
    with pytest.raises(IntegrityError, match="ck_transfers_refunded"):
        await _give_back_uncapped(fresh, bob, paid, monkeypatch)
    assert (await wallet(alice), await wallet(bob)) == ((600, 0, 0), (400, 0, 0))
    assert await audit.findings(fresh) == []


async def test_without_either_cap_the_auditor_finds_it(fresh: World, monkeypatch: pytest.MonkeyPatch) -> None:
    alice, bob, paid = await _paid(fresh, 1000)
    await run(fresh, "ALTER TABLE transfers DROP CONSTRAINT ck_transfers_refunded")
    for _ in range(2):
        await _give_back_uncapped(fresh, bob, paid, monkeypatch)
    assert (await wallet(alice), await wallet(bob)) == ((1200, 0, 0), (0, 0, 200))
    assert len(await audit.findings(fresh)) == 1


async def test_refunds_that_are_not_counted_are_found_by_the_auditor(fresh: World) -> None:
    _, bob, paid = await _paid(fresh, 1000)
    await give_back(bob, paid, 300)
    await run(fresh, "UPDATE transfers SET refunded = 299 WHERE refunded = 300")
    assert len(await audit.findings(fresh)) == 1
