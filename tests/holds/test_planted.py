"""The checks behind authorisations can fail: each planted defect is stopped by the database or found by the auditor."""

import asyncio
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.exc import IntegrityError

from tests.conftest import Person, World, new_key
from tests.holds.steps import authorise, capture, held, uuid_of, void
from tests.ledger import audit
from tests.races.test_planted import UNLOCKED
from tests.transfers.commands import AT, user_id
from tests.transfers.steps import run, wallet
from venmo_api.adapters.postgres import Transaction
from venmo_api.holds import queries, rules, schemas, service
from venmo_api.holds.rules import Capture, Hold
from venmo_api.idempotency.rules import Claim, Reply
from venmo_api.ledger import queries as ledger_queries
from venmo_api.ledger import service as ledger
from venmo_api.ledger.book import Book, OpenAccount
from venmo_api.ledger.rules import HoldEnded

GUARDS = (("ledger_accounts", "prove_held"), ("ledger_holds", "prove_insert"), ("ledger_holds", "prove_update"))


async def _unguard(world: World) -> None:
    for table, trigger in GUARDS:
        await run(world, f"ALTER TABLE {table} DISABLE TRIGGER {trigger}")


async def _capture(world: World, bob: Person, hold: str, amount: int | None = None) -> Reply:
    claim = Claim(user_id(bob), "capture", new_key(), (b"",), world.clock.now())
    command = Capture(claim, uuid_of(hold), world.app.new_id(), amount, final=False, note=None, request_id="request")
    return await world.app.database.transact(service.capture, command, app=world.app, render=schemas.captured)


async def _two_holds_unlocked(world: World, payer: UUID) -> list[BaseException | None]:
    """Two books of the same account, both opened before either is closed; each holds more than half."""
    both_open = asyncio.Barrier(2)

    async def one(number: int) -> None:
        async with world.app.database.engine.connect() as connection:
            tx = Transaction(connection)
            book = await ledger.open(tx, [payer])
            await both_open.wait()
            book.hold(UUID(int=number), payer, 600, at=AT)
            await ledger.close(tx, book)
            await tx.flush()
            await connection.commit()

    async with asyncio.timeout(10):
        return list(await asyncio.gather(one(1), one(2), return_exceptions=True))


async def test_without_the_lock_the_database_refuses_the_second_hold(
    fresh: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = await fresh.person(money=1000)
    monkeypatch.setattr(ledger_queries, "OPEN", UNLOCKED)
    outcomes = await _two_holds_unlocked(fresh, user_id(alice))
    assert sorted(type(outcome) for outcome in outcomes if outcome is not None) == [IntegrityError]
    assert await wallet(alice) == (400, 600, 0)


async def test_without_the_lock_and_the_database_s_guards_the_auditor_finds_it(
    fresh: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = await fresh.person(money=1000)
    await _unguard(fresh)
    monkeypatch.setattr(ledger_queries, "OPEN", UNLOCKED)
    assert await _two_holds_unlocked(fresh, user_id(alice)) == [None, None]
    assert "what is held is not what is left of the holds" in await audit.findings(fresh)


def _unlocked_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    """A defect: two steps read a hold before either has locked anything."""
    both_read = asyncio.Barrier(2)
    unlocked = queries.text(queries.LOCK.text.replace("FOR UPDATE", ""))

    async def read(tx: Transaction, hold_id: UUID, user: UUID) -> Any:
        row = (await tx.execute(unlocked, {"id": hold_id, "user_id": user})).first()
        async with asyncio.timeout(5):
            await both_read.wait()
        return row

    monkeypatch.setattr(queries, "lock", read)


async def test_without_the_lock_on_the_hold_the_book_still_captures_it_once(
    fresh: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob, hold = await held(fresh, 1000)
    with monkeypatch.context() as planted:
        _unlocked_holds(planted)
        answers = await asyncio.gather(capture(bob, hold), void(bob, hold))
    assert sorted(answer.status_code for answer in answers) in ([200, 409], [201, 409])
    assert sum((*await wallet(alice), *await wallet(bob))) == 1000
    assert await audit.findings(fresh) == []


async def test_without_the_lock_on_the_hold_parts_are_miscounted_and_the_auditor_finds_it(
    fresh: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, bob, hold = await held(fresh, 1000)
    with monkeypatch.context() as planted:
        _unlocked_holds(planted)
        answers = await asyncio.gather(capture(bob, hold, 300), capture(bob, hold, 300))
    assert [answer.status_code for answer in answers] == [201, 201]
    assert "an authorisation and its captures differ" in await audit.findings(fresh)


def _uncapped(self: Book, hold_id: UUID, amount: int) -> None:
    """A defect: nobody asks how much is left."""
    found = self.holds[hold_id]
    self.accounts[found.account_id].held -= min(amount, found.left)
    found.captured += amount
    found.open = found.left > 0
    self.changed_holds.add(hold_id)


async def test_without_the_cap_in_the_book_the_database_refuses(fresh: World, monkeypatch: pytest.MonkeyPatch) -> None:
    alice, bob, hold = await held(fresh, 1000, money=5000)
    with monkeypatch.context() as planted:
        planted.setattr(Book, "capture", _uncapped)
        with pytest.raises(IntegrityError, match=r"ck_(ledger_)?holds_captured"):
            await _capture(fresh, bob, hold, 1001)
    assert (await wallet(alice), await wallet(bob)) == ((4000, 1000, 0), (0, 0, 0))
    assert await audit.findings(fresh) == []


async def test_without_either_cap_the_auditor_finds_it(fresh: World, monkeypatch: pytest.MonkeyPatch) -> None:
    alice, bob, hold = await held(fresh, 1000, money=5000)
    for table in ("holds", "ledger_holds"):
        await run(fresh, f"ALTER TABLE {table} DROP CONSTRAINT ck_{table}_captured")
    with monkeypatch.context() as planted:
        planted.setattr(Book, "capture", _uncapped)
        assert (await _capture(fresh, bob, hold, 1001)).status == 201
    assert (await wallet(alice), await wallet(bob)) == ((3999, 0, 0), (1001, 0, 0))
    assert await audit.findings(fresh) != []


def _as_if_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """A defect: steps do not look whether an authorisation has ended."""

    def anything(hold: Hold) -> None:
        """Goes."""

    monkeypatch.setattr(rules, "require_held", anything)


async def test_a_step_that_does_not_look_whether_it_has_ended_is_stopped_by_the_book(
    fresh: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob, hold = await held(fresh, 1000)
    await void(bob, hold)
    with monkeypatch.context() as planted:
        _as_if_held(planted)
        with pytest.raises(HoldEnded):
            await _capture(fresh, bob, hold, 1000)
    assert await wallet(alice) == (1000, 0, 0)
    assert await audit.findings(fresh) == []


async def test_a_book_that_does_not_look_either_is_found_by_the_auditor(
    fresh: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob, hold = await held(fresh, 1000)
    await void(bob, hold)

    def captured(self: Book, hold_id: UUID, amount: int) -> None:
        self.holds[hold_id].captured += amount
        self.changed_holds.add(hold_id)

    with monkeypatch.context() as planted:
        _as_if_held(planted)
        planted.setattr(Book, "capture", captured)
        assert (await _capture(fresh, bob, hold, 1000)).status == 201
    assert (await wallet(alice), await wallet(bob)) == ((0, 0, 0), (1000, 0, 0))
    assert await audit.findings(fresh) != []


async def test_a_release_that_keeps_the_money_is_refused_by_the_database_and_without_it_found(
    fresh: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, bob, hold = await held(fresh, 1000)

    def forgotten(self: Book, hold_id: UUID, *, at: datetime) -> int:
        self.holds[hold_id].open = False
        self.changed_holds.add(hold_id)
        return self.holds[hold_id].left

    monkeypatch.setattr(Book, "release", forgotten)
    voiding = service.void
    with pytest.raises(IntegrityError, match="holds do not meet their account"):
        await fresh.app.database.transact(voiding, fresh.app, user_id(bob), uuid_of(hold))
    await _unguard(fresh)
    await fresh.app.database.transact(voiding, fresh.app, user_id(bob), uuid_of(hold))
    assert await audit.findings(fresh) == ["what is held is not what is left of the holds"]


async def test_a_hold_that_does_not_ask_what_others_hold_is_refused_by_the_database(
    fresh: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob, _ = await held(fresh, 600, money=1000)
    monkeypatch.setattr(OpenAccount, "available", property(lambda account: account.balance - account.floor))
    assert (await authorise(alice, bob, 600)).status_code == 500
    assert await wallet(alice) == (400, 600, 0)
    assert await audit.findings(fresh) == []
