"""The checks of the races can fail: each defect planted here is reported, by the database or by the auditor."""

import asyncio
import dataclasses
from collections.abc import Sequence
from functools import partial
from typing import Any
from uuid import UUID

import httpx2
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from tests.conftest import World, new_key
from tests.ledger import audit
from tests.races import storm
from tests.transfers.commands import AT, pay, user_id
from venmo_api.adapters.postgres import Transaction
from venmo_api.core.errors import AppError
from venmo_api.idempotency import service as idempotency
from venmo_api.idempotency.rules import Known, Reply
from venmo_api.ledger import queries
from venmo_api.ledger import service as ledger
from venmo_api.ledger.book import Posting
from venmo_api.transfers import schemas, service
from venmo_api.transfers.rules import Pay

UNLOCKED = text(
    "SELECT id, balance, held, floor, version, owes, moved_at, CAST(NULL AS timestamptz) AS frozen_through "
    "FROM ledger_accounts WHERE id = ANY(CAST(:ids AS uuid[]))"
)
UNGUARDED = """
    ALTER TABLE ledger_accounts DISABLE TRIGGER prove;
    ALTER TABLE ledger_entries DISABLE TRIGGER prove;
    ALTER TABLE ledger_entries DROP CONSTRAINT pk_ledger_entries;
"""


async def _unlocked_at_once(world: World, payer: UUID, payee: UUID) -> list[BaseException | None]:
    """Two books of the same accounts, both opened before either is closed."""
    both_open = asyncio.Barrier(2)

    async def one(number: int) -> None:
        async with world.app.database.engine.connect() as connection:
            tx = Transaction(connection)
            book = await ledger.open(tx, [payer, payee])
            await both_open.wait()
            book.post(Posting(UUID(int=number), "transfer", AT, ((payer, -600), (payee, 600))))
            await ledger.close(tx, book)
            await tx.flush()
            await connection.commit()

    async with asyncio.timeout(10):
        return list(await asyncio.gather(one(1), one(2), return_exceptions=True))


async def test_without_the_lock_the_database_refuses_the_second_book(
    fresh: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    payer, payee = user_id(await fresh.person(money=1000)), user_id(await fresh.person())
    monkeypatch.setattr(queries, "OPEN", UNLOCKED)
    outcomes = await _unlocked_at_once(fresh, payer, payee)
    assert sorted(type(outcome) for outcome in outcomes if outcome is not None) == [IntegrityError]
    assert await audit.balances(fresh) == {payer: 400, payee: 600}


async def test_without_the_lock_and_without_the_database_s_guards_the_auditor_finds_it(
    fresh: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    payer, payee = user_id(await fresh.person(money=1000)), user_id(await fresh.person())
    connection = await audit.connect(fresh)
    await connection.execute(UNGUARDED)
    await connection.close()
    monkeypatch.setattr(queries, "OPEN", UNLOCKED)
    assert await _unlocked_at_once(fresh, payer, payee) == [None, None]
    assert {
        "a stored balance is not what its entries say",
        "versions have a gap",
        "a running balance is wrong",
    } <= set(await audit.findings(fresh))


async def test_without_the_lock_a_balance_is_still_not_spent_twice(
    fresh: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob = await fresh.person("alice", money=1000), await fresh.person("bob")
    monkeypatch.setattr(queries, "OPEN", UNLOCKED)
    async with storm.second_app(fresh) as other:
        clients = [alice if number % 2 else storm.at(other, alice) for number in range(20)]
        answers = await asyncio.gather(*(client.pay(bob, 1000) for client in clients))
    assert sum(answer.status_code == 201 for answer in answers) == 1
    assert await audit.findings(fresh) == []


async def _twice(world: World, pays: Any) -> tuple[list[Any], int]:
    """One key sent three times through a payment function; its outcomes, and how often it was posted."""
    alice, bob = await world.person("alice", money=1000), await world.person("bob")
    group = world.app.database.grouped(partial(pays, app=world.app, render=schemas.reply))
    command = pay(1, user_id(alice), user_id(bob), 10, key="the-one-key", note="once")
    commands = [dataclasses.replace(command, transfer_id=UUID(int=number)) for number in range(1, 4)]
    outcomes = await asyncio.gather(*(group(one) for one in commands), return_exceptions=True)
    return outcomes, (await storm.posted(world))["once"]


async def test_the_real_payment_function_posts_a_key_once(fresh: World) -> None:
    outcomes, times = await _twice(fresh, service.pay)
    assert [outcome.status for outcome in outcomes] == [201, 201, 201]
    assert times == 1


async def test_a_payment_function_that_claims_no_key_posts_twice_and_is_found(fresh: World) -> None:
    async def keyless(tx: Transaction, commands: Sequence[Pay], **more: Any) -> list[Reply | AppError]:
        renamed = [
            dataclasses.replace(command, claim=dataclasses.replace(command.claim, key=new_key()))
            for command in commands
        ]
        return await service.pay(tx, renamed, **more)

    outcomes, times = await _twice(fresh, keyless)
    assert times == 3
    assert len({outcome.body for outcome in outcomes}) == 3


async def test_a_payment_function_that_never_looks_for_earlier_keys_is_stopped_by_the_database(
    fresh: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(tx: Transaction, claims: Sequence[Any]) -> dict[Any, Known]:
        return {}

    real = service.pay

    async def one_by_one(tx: Transaction, commands: Sequence[Pay], **more: Any) -> list[Reply | AppError]:
        return [answer for command in commands for answer in await real(tx, [command], **more)]

    monkeypatch.setattr(idempotency, "known", nothing)
    outcomes, times = await _twice(fresh, one_by_one)
    assert times == 1
    assert [type(outcome) for outcome in outcomes if not isinstance(outcome, Reply)] == [IntegrityError] * 2
    assert await audit.findings(fresh) == []


def _answer(status: int, body: bytes) -> httpx2.Response:
    return httpx2.Response(status, content=body)


async def test_the_comparison_of_answers_and_postings_finds_what_does_not_fit(fresh: World) -> None:
    alice, bob = await fresh.person("alice", money=1000), await fresh.person("bob")
    wanted = [storm.Payment(0, 1, 10, f"fixed-key-{number}") for number in range(6)]
    results = await storm.rage([fresh], [alice, bob], wanted)
    results.sort(key=lambda result: result.payment.key)
    assert await storm.disagreements(fresh, results) == []
    sound = results[0].answers[0]
    planted = [
        storm.Result(wanted[0], [sound, _answer(201, b"another body")]),
        storm.Result(wanted[1], [_answer(500, b"{}")]),
        storm.Result(wanted[2], [_answer(402, b"{}")]),
        storm.Result(storm.Payment(0, 1, 10, "acknowledged-and-lost"), [sound]),
        results[4],
    ]
    assert await storm.disagreements(fresh, planted) == [
        "payment fixed-key-0: 2 distinct bodies",
        "payment fixed-key-1: answered [500]",
        "payment fixed-key-1: posted 1 times, answered [500]",
        "payment fixed-key-2: posted 1 times, answered [402]",
        "payment acknowledged-and-lost: posted 0 times, answered [201]",
        "payment fixed-key-3: posted and never asked for",
        "payment fixed-key-5: posted and never asked for",
    ]
