"""Funded payments survive crashes between their two transactions, and races over keys and money."""

import asyncio
from collections import Counter
from functools import partial
from typing import Any

import httpx2
import pytest

from tests.conftest import Person, World, new_key
from tests.ledger import audit
from tests.races import storm
from tests.transfers.steps import run, until_answered
from tests.wallet import steps
from tests.wallet.steps import LATER, FlakyBank, cash_out, settle, source, told
from tests.wallet.steps import wallet as balances
from venmo_api.transfers import funding, jobs, parts

"""True of a payment whose key is in flight."""


async def _pay(payer: Person, payee: Person, amount: int, source_id: str, **more: Any) -> httpx2.Response:
    return await payer.pay(payee, amount, funding_source_id=source_id, **more)


async def test_one_whose_process_died_is_pending_then_ends_once_and_answers(fresh: World) -> None:
    bank = FlakyBank()
    async with steps.town_in(fresh, bank) as town:
        alice, bob = await town.person("alice", money=400), await town.person("bob")
        card, declined = await source(alice, "sandbox_card_ok"), await source(alice, "sandbox_card_declined")
        keys = [new_key(), new_key()]
        bank.broken, bank.asked = True, []
        assert (await _pay(alice, bob, 1000, card, key=keys[0])).status_code == 500
        assert (await _pay(alice, bob, 2000, declined, key=keys[1])).status_code == 500
        assert await balances(alice) == (0, 0, 400)
        assert told(await _pay(alice, bob, 1000, card, key=keys[0])) == (409, "operation_in_flight")
        assert told(await alice.pay(bob, 1)) == (402, "insufficient_funds")
        assert await audit.findings(town) == []
        bank.broken = False
        assert await jobs.settle_fundings(town.app) == 0  # it may still be running
        town.clock.advance(LATER)
        assert sum(await asyncio.gather(*(jobs.settle_fundings(town.app) for _ in range(3)))) == 2
        assert len(set(bank.asked)) == 2
        assert (await balances(alice), await bob.balance()) == ((0, 0, 0), 1000)
        paid = await _pay(alice, bob, 1000, card, key=keys[0])
        assert (paid.status_code, paid.json()["status"], paid.headers["idempotent-replayed"]) == (
            201,
            "settled",
            "true",
        )
        assert paid.json()["funding"] == {"balance": 400, "funding_source": 600, "fee": 18}
        assert told(await _pay(alice, bob, 2000, declined, key=keys[1])) == (402, "bank_declined")
        assert await audit.findings(town) == []


async def test_a_slow_answer_and_the_job_settle_it_once_between_them(fresh: World) -> None:
    bank = FlakyBank()
    async with steps.town_in(fresh, bank) as town:
        alice, bob, key = await town.person("alice"), await town.person("bob"), new_key()
        card = await source(alice, "sandbox_card_ok")
        bank.may_answer.clear()
        first = asyncio.create_task(_pay(alice, bob, 1000, card, key=key))
        await bank.entered.wait()
        town.clock.advance(LATER)
        settling = asyncio.create_task(jobs.settle_fundings(town.app))
        await bank.entered_again.wait()
        bank.may_answer.set()
        answer = await first
        await settling
        assert (await bob.balance(), answer.status_code) == (1000, 201)
        assert (await _pay(alice, bob, 1000, card, key=key)).content == answer.content
        assert await audit.findings(town) == []


async def test_keys_sent_three_times_at_once_through_two_apps_are_charged_once(fresh: World) -> None:
    alice, bob = await fresh.person("alice", money=50), await fresh.person("bob")
    card, keys = await source(alice, "sandbox_card_ok"), [new_key() for _ in range(5)]
    async with storm.second_app(fresh) as other:
        people = [alice, storm.at(other, alice), alice]
        answers = await asyncio.gather(*(_pay(one, bob, 100, card, key=key) for key in keys for one in people))
    assert {answer.status_code for answer in answers} <= {201, 409, 503}
    ended = [await until_answered(partial(_pay, alice, bob, 100, card, key=key)) for key in keys]
    assert {answer.content for answer in answers if answer.status_code == 201} <= {answer.content for answer in ended}
    assert len({answer.json()["id"] for answer in ended}) == 5
    assert await bob.balance() == 500
    [charged] = await run(fresh, "SELECT count(*) AS times, sum(amount) AS cents FROM fundings")
    assert tuple(charged) == (5, 450 + 14)  # 3 % of 50 is 1.5, rounded up, and four times 3
    assert await audit.findings(fresh) == []


async def test_of_one_balance_paid_out_paid_and_topped_up_by_a_card_at_once_each_cent_goes_once(fresh: World) -> None:
    alice, bob = await fresh.person("alice", money=600), await fresh.person("bob")
    bank, card = await source(alice), await source(alice, "sandbox_card_ok")
    async with storm.second_app(fresh) as other:
        there = storm.at(other, alice)
        sends: list[Any] = [partial(cash_out, there, bank, 600, key=new_key()) for _ in range(4)]
        sends += [partial(alice.pay, bob, 600, key=new_key()) for _ in range(4)]
        sends += [partial(_pay, there, bob, 700, card, key=new_key()) for _ in range(4)]
        answers = await asyncio.gather(*(until_answered(send) for send in sends))
    assert Counter(answer.status_code for answer in answers[8:]) == {201: 4}
    own = [answer for answer in answers[:8] if answer.status_code == 201]
    by_balance = [answer.json()["funding"]["balance"] for answer in answers[8:]]
    assert sum(answer.json()["amount"] for answer in own) + sum(by_balance) == 600
    assert await balances(alice) == (0, 0, 0)
    assert await audit.findings(fresh) == []


async def test_funded_payments_to_and_fro_and_their_dry_runs_deadlock_with_nobody(fresh: World) -> None:
    people = [await fresh.person(), await fresh.person()]
    cards = [await source(person, "sandbox_card_ok") for person in people]
    for _ in range(5):
        sends = [
            partial(_pay, people[one], people[1 - one], 300, cards[one], key=new_key(), dry_run=dry_run)
            for one in (0, 1)
            for dry_run in (False, True, False)
        ]
        answers = await asyncio.gather(*(until_answered(send) for send in sends))
        assert Counter(answer.status_code for answer in answers) == {201: 4, 200: 2}
    [row] = await run(fresh, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    assert row["deadlocks"] == 0
    assert await audit.findings(fresh) == []


async def test_a_planted_defect_is_seen_money_of_a_card_that_repays_a_debt(
    fresh: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob = await fresh.person("alice"), await fresh.person("bob", money=500)
    earned = (await bob.pay(alice, 500)).json()["id"]
    await alice.pay(bob, 500, note="spent")
    await alice.post(f"/transfers/{earned}/refund", {}, key=new_key())
    real = parts.Book.post
    monkeypatch.setattr(parts.Book, "post", lambda self, posting, **_: real(self, posting))
    key, card = new_key(), await source(alice, "sandbox_card_ok")
    assert told(await _pay(alice, bob, 1000, card, key=key)) == (402, "insufficient_funds")
    monkeypatch.undo()
    fresh.clock.advance(LATER)
    assert await settle(fresh) == 1
    assert (await _pay(alice, bob, 1000, card, key=key)).status_code == 201
    assert await audit.findings(fresh) == []


async def test_a_planted_defect_is_seen_a_charge_without_its_row(fresh: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def forgotten(*_: Any, **__: Any) -> None:
        return None

    alice, bob = await fresh.person("alice"), await fresh.person("bob")
    monkeypatch.setattr(funding.queries, "end_funding", forgotten)
    assert (await _pay(alice, bob, 1000, await source(alice, "sandbox_card_ok"))).status_code == 201
    assert "a funding and its entries differ" in await audit.findings(fresh)
