"""A top-up survives what happens between writing it down and settling it: the money comes once, the key answers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta

import httpx2
import pytest

from tests.conftest import Person, World, new_key
from tests.ledger import audit
from tests.wallet import steps
from tests.wallet.steps import LATER, Crash, FlakyBank, refresh
from tests.wallet.steps import source as _source
from venmo_api import worker
from venmo_api.wallet import jobs


@pytest.fixture
def bank() -> FlakyBank:
    return FlakyBank()


@pytest.fixture
async def town(fresh: World, bank: FlakyBank) -> AsyncIterator[World]:
    async with steps.town_in(fresh, bank) as world:
        yield world


async def _top_up(person: Person, source: str, key: str, amount: int = 500) -> httpx2.Response:
    return await steps.top_up(person, source, amount, key=key)


async def _wallet(person: Person) -> tuple[int, int]:
    return (await steps.wallet(person))[:2]


async def test_a_top_up_whose_process_died_is_in_flight_then_settled_once_and_replayed(
    town: World, bank: FlakyBank
) -> None:
    alice, key = await town.person("alice"), new_key()
    source = await _source(alice)
    bank.broken = True
    first = await _top_up(alice, source, key)
    assert (first.status_code, first.json()["code"]) == (500, "internal_error")
    assert await _wallet(alice) == (0, 500)
    waiting = await _top_up(alice, source, key)
    assert (waiting.status_code, waiting.json()["code"]) == (409, "operation_in_flight")
    assert int(waiting.headers["retry-after"]) >= 1
    assert waiting.headers["content-type"] == "application/problem+json"
    other = await _top_up(alice, source, key, amount=501)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")

    bank.broken = False
    assert await jobs.settle_top_ups(town.app) == 0  # it may still be running
    town.clock.advance(LATER)
    assert await jobs.settle_top_ups(town.app) == 1
    assert await jobs.settle_top_ups(town.app) == 0
    assert await _wallet(alice) == (500, 0)
    assert len(set(bank.asked)) == 1
    assert list(bank.moved.values()) == [500]

    again = await _top_up(alice, source, key)
    assert (again.status_code, again.headers["idempotent-replayed"]) == (201, "true")
    document = again.json()
    assert (document["status"], document["amount"], document["funding_source_id"]) == ("settled", 500, source)
    assert await _wallet(alice) == (500, 0)


def test_the_worker_looks_for_stuck_top_ups_every_ten_seconds() -> None:
    assert worker.SCHEDULE["settle_stuck_top_ups"].every == timedelta(seconds=10)


async def test_a_stuck_top_up_the_bank_refuses_ends_as_402_and_pending_is_zero(town: World, bank: FlakyBank) -> None:
    alice, key = await town.person("alice"), new_key()
    source = await _source(alice, "sandbox_bank_no_funds")
    bank.broken = True
    await _top_up(alice, source, key)
    bank.broken = False
    town.clock.advance(LATER)
    assert await jobs.settle_top_ups(town.app) == 1
    assert await _wallet(alice) == (0, 0)
    again = await _top_up(alice, source, key)
    assert (again.status_code, again.json()["code"], again.headers["idempotent-replayed"]) == (
        402,
        "bank_declined",
        "true",
    )


async def test_a_slow_answer_and_the_job_settle_it_once_between_them(town: World, bank: FlakyBank) -> None:
    alice, key = await town.person("alice"), new_key()
    source = await _source(alice)
    bank.may_answer.clear()
    first = asyncio.create_task(_top_up(alice, source, key))
    await bank.entered.wait()
    town.clock.advance(LATER)
    settling = asyncio.create_task(jobs.settle_top_ups(town.app))
    await bank.entered_again.wait()
    bank.may_answer.set()
    answer = await first
    await settling
    assert answer.status_code == 201
    assert await _wallet(alice) == (500, 0)
    again = await _top_up(alice, source, key)
    assert (again.status_code, again.content) == (201, answer.content)


async def test_two_workers_settle_a_stuck_top_up_once(town: World, bank: FlakyBank) -> None:
    alice = await town.person("alice")
    source = await _source(alice)
    bank.broken = True
    for _ in range(5):
        await _top_up(alice, source, new_key())
    bank.broken = False
    assert await _wallet(alice) == (0, 2500)
    town.clock.advance(LATER)
    await asyncio.gather(*(jobs.settle_top_ups(town.app) for _ in range(4)))
    assert await _wallet(alice) == (2500, 0)


async def test_one_top_up_whose_bank_never_answers_does_not_hold_up_those_behind_it(
    town: World, bank: FlakyBank
) -> None:
    alice, bob = await town.person("alice"), await town.person("bob")
    bank.broken = True
    await _top_up(alice, await _source(alice), new_key(), amount=666)
    town.clock.advance(timedelta(seconds=1))
    await _top_up(bob, await _source(bob), new_key(), amount=100)
    bank.broken, bank.never = False, 666
    town.clock.advance(LATER)
    with suppress(Crash):
        await jobs.settle_top_ups(town.app)
    assert await _wallet(alice) == (0, 666)
    assert await _wallet(bob) == (100, 0)


async def test_pending_money_cannot_be_spent(town: World, bank: FlakyBank) -> None:
    alice, bob = await town.person("alice"), await town.person("bob")
    bank.broken = True
    await _top_up(alice, await _source(alice), new_key())
    assert (await alice.pay(bob, 1)).status_code == 402


async def test_a_key_in_flight_outlives_the_purge(town: World, bank: FlakyBank) -> None:
    from venmo_api.idempotency import jobs as idempotency

    alice, key = await town.person("alice"), new_key()
    source = await _source(alice)
    bank.broken = True
    await _top_up(alice, source, key)
    bank.broken = False
    town.clock.advance(timedelta(days=8))
    await idempotency.forget_old(town.app)
    await refresh(alice)
    assert (await _top_up(alice, source, key)).status_code == 409


async def test_after_crashes_and_settlement_the_ledger_is_sound(fresh: World) -> None:
    bank = FlakyBank()
    async with steps.town_in(fresh, bank) as town:
        alice = await town.person("alice")
        source = await _source(alice)
        keys = [new_key() for _ in range(6)]
        for number, key in enumerate(keys):
            bank.broken = number % 2 == 0
            await _top_up(alice, source, key)
        bank.broken = False
        town.clock.advance(LATER)
        assert await jobs.settle_top_ups(town.app) == 3
        assert {(await _top_up(alice, source, key)).status_code for key in keys} == {201}
        assert await _wallet(alice) == (3000, 0)
        assert await audit.findings(town) == []
