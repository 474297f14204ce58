"""A top-up survives what happens between writing it down and settling it: the money comes once, the key answers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from uuid import UUID

import httpx2
import pytest
from structlog.testing import capture_logs

from tests.conftest import Person, World, new_key, settings_for, world_over
from tests.ledger import audit
from venmo_api import worker
from venmo_api.adapters.bank import DebitState, SandboxBank
from venmo_api.settings import Settings
from venmo_api.wallet import jobs

LATER = timedelta(minutes=2)


class Crash(Exception):
    """The process dies while the bank is asked."""


class FlakyBank(SandboxBank):
    """A bank whose line breaks for what is asked while ``broken``, and which debits each reference once."""

    def __init__(self) -> None:
        self.broken = False
        self.never = 0
        self.asked: list[UUID] = []
        self.debited: dict[UUID, int] = {}
        self.entered = asyncio.Event()
        self.entered_again = asyncio.Event()
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def debit(self, token: str, *, amount_cents: int, reference: UUID) -> DebitState:
        self.asked.append(reference)
        if self.broken or amount_cents == self.never:
            raise Crash
        self.debited[reference] = amount_cents
        (self.entered_again if self.entered.is_set() else self.entered).set()
        await self.may_answer.wait()
        return await super().debit(token, amount_cents=amount_cents, reference=reference)


@pytest.fixture
def bank() -> FlakyBank:
    return FlakyBank()


@pytest.fixture
async def town(settings: Settings, bank: FlakyBank) -> AsyncIterator[World]:
    with capture_logs():
        async with world_over(settings, bank=bank) as world:
            await jobs.settle_stuck(world.app)
            yield world
            bank.broken, bank.never = False, 0
            world.clock.advance(LATER)
            await jobs.settle_stuck(world.app)


async def _top_up(person: Person, source: str, key: str, amount: int = 500) -> httpx2.Response:
    return await person.post("/wallet/top-ups", {"funding_source_id": source, "amount": amount}, key=key)


async def _source(person: Person, token: str = "sandbox_bank_ok") -> str:
    return str((await person.post("/wallet/funding-sources", {"token": token})).json()["id"])


async def _wallet(person: Person) -> tuple[int, int]:
    document = (await person.get("/wallet")).json()
    return document["available"], document["pending"]


async def _refresh(person: Person) -> None:
    """A new access token, since the test's clock has run past the first one."""
    tokens = await person.client.post("/v1/auth/refresh", json={"refresh_token": person.tokens["refresh_token"]})
    assert tokens.status_code == 200
    person.tokens = tokens.json()


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
    assert await jobs.settle_stuck(town.app) == 0  # it may still be running
    town.clock.advance(LATER)
    assert await jobs.settle_stuck(town.app) == 1
    assert await jobs.settle_stuck(town.app) == 0
    assert await _wallet(alice) == (500, 0)
    assert len(set(bank.asked)) == 1
    assert list(bank.debited.values()) == [500]

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
    assert await jobs.settle_stuck(town.app) == 1
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
    settling = asyncio.create_task(jobs.settle_stuck(town.app))
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
    await asyncio.gather(*(jobs.settle_stuck(town.app) for _ in range(4)))
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
        await jobs.settle_stuck(town.app)
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
    await _refresh(alice)
    assert (await _top_up(alice, source, key)).status_code == 409


async def test_after_crashes_and_settlement_the_ledger_is_sound(fresh: World) -> None:
    bank = FlakyBank()
    settings = settings_for(str(fresh.app.database.engine.url.database), redis_number=0, bucket="unused")
    with capture_logs():
        async with world_over(settings, bank=bank, redis=fresh.app.redis) as town:
            alice = await town.person("alice")
            source = await _source(alice)
            keys = [new_key() for _ in range(6)]
            for number, key in enumerate(keys):
                bank.broken = number % 2 == 0
                await _top_up(alice, source, key)
            bank.broken = False
            town.clock.advance(LATER)
            assert await jobs.settle_stuck(town.app) == 3
            assert {(await _top_up(alice, source, key)).status_code for key in keys} == {201}
            assert await _wallet(alice) == (3000, 0)
            assert await audit.findings(town) == []
