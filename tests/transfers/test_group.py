"""Group commit: a lone command never waits, those that wait share a commit, and only the one to blame fails."""

import asyncio
from collections.abc import Sequence
from functools import partial
from uuid import UUID

import pytest
from sqlalchemy import text

from tests.conftest import World, world_over
from tests.ledger import audit
from tests.transfers.commands import pay, user_id
from venmo_api.adapters import postgres
from venmo_api.adapters.postgres import Group, Transaction
from venmo_api.core.errors import AppError, Unavailable
from venmo_api.idempotency.rules import Reply
from venmo_api.settings import Settings
from venmo_api.transfers import schemas, service
from venmo_api.transfers.rules import Pay, Transfer


class Poison(Exception):
    """What the work function raises for the command to blame."""


class Doubler:
    """Doubles numbers in batches, and remembers which batches it was given."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []

    async def __call__(self, tx: Transaction, commands: Sequence[int]) -> list[int]:
        self.batches.append(list(commands))
        await tx.execute(text("SELECT 1"))
        if 13 in commands:
            raise Poison
        if 14 in commands:
            await tx.execute(text("SELECT 1 / 0"))
        if 15 in commands:
            raise Unavailable("away")
        return [command * 2 for command in commands]


async def _all(group: Group[int, int], commands: Sequence[int]) -> list[int | BaseException]:
    return list(await asyncio.gather(*(group(command) for command in commands), return_exceptions=True))


async def test_a_lone_command_is_a_batch_of_one(world: World) -> None:
    work = Doubler()
    assert await world.app.database.grouped(work)(21) == 42
    assert work.batches == [[21]]


async def test_commands_that_wait_together_share_a_batch_and_get_their_own_answers(world: World) -> None:
    work = Doubler()
    group: Group[int, int] = world.app.database.grouped(work)
    assert await _all(group, range(20, 30)) == [number * 2 for number in range(20, 30)]
    assert sorted(command for batch in work.batches for command in batch) == list(range(20, 30))
    assert len(work.batches) < 10


async def test_a_batch_has_a_bound(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "GROUP_MOST", 3)
    work = Doubler()
    assert await _all(world.app.database.grouped(work), range(20, 30)) == [number * 2 for number in range(20, 30)]
    assert max(map(len, work.batches)) == 3


async def test_more_than_may_wait_are_told_to_come_back(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "GROUP_WAITING_MOST", 5)
    outcomes = await _all(world.app.database.grouped(Doubler()), range(20, 40))
    told = [outcome for outcome in outcomes if isinstance(outcome, Unavailable)]
    assert len(told) + sum(isinstance(outcome, int) for outcome in outcomes) == 20
    assert 1 <= len(told) <= 15
    assert {error.retry_after_seconds for error in told} == {1}


@pytest.mark.parametrize("bad", [13, 14])
async def test_an_unexpected_failure_fails_only_the_command_to_blame(world: World, bad: int) -> None:
    work = Doubler()
    outcomes = await _all(world.app.database.grouped(work), [1, 2, bad, 3, 4])
    assert [outcome for outcome in outcomes if not isinstance(outcome, BaseException)] == [2, 4, 6, 8]
    assert isinstance(outcomes[2], Exception)
    assert not isinstance(outcomes[2], Unavailable)
    assert [batch for batch in work.batches if len(batch) > 1 and bad in batch], "the poison was never in a batch"


async def test_a_group_goes_on_after_a_failure(world: World) -> None:
    group: Group[int, int] = world.app.database.grouped(Doubler())
    assert isinstance((await _all(group, [13]))[0], Poison)
    assert await group(4) == 8


async def test_when_the_database_is_away_the_whole_batch_is_told_and_not_tried_one_by_one(world: World) -> None:
    work = Doubler()
    outcomes = await _all(world.app.database.grouped(work), [1, 15, 2])
    assert all(isinstance(outcome, Unavailable) for outcome in outcomes)
    assert all(len(batch) > 1 for batch in work.batches)


async def test_a_caller_who_goes_away_takes_nobody_along(world: World) -> None:
    work = Doubler()
    group: Group[int, int] = world.app.database.grouped(work)
    callers = [asyncio.create_task(_one(group, number)) for number in range(1, 6)]
    await asyncio.sleep(0)
    callers[2].cancel()
    outcomes = await asyncio.gather(*callers, return_exceptions=True)
    assert [outcome for outcome in outcomes if isinstance(outcome, int)] == [2, 4, 8, 10]
    assert isinstance(outcomes[2], asyncio.CancelledError)
    assert await group(7) == 14


async def test_a_payment_that_breaks_the_batch_leaves_its_neighbours_paid_once(fresh: World) -> None:
    alice, bob = await fresh.person("alice", money=1000), await fresh.person("bob")
    payer, payee = user_id(alice), user_id(bob)

    def render(command: Pay, outcome: Transfer | AppError) -> Reply:
        if command.note == "poison":
            raise Poison
        return schemas.reply(command, outcome)

    group = fresh.app.database.grouped(partial(service.pay, app=fresh.app, render=render))
    commands = [pay(number, payer, payee, 10, note="poison" if number == 3 else "fine") for number in range(8)]
    outcomes = await asyncio.gather(*(group(command) for command in commands), return_exceptions=True)
    assert [outcome.status for outcome in outcomes if isinstance(outcome, Reply)] == [201] * 7
    assert isinstance(outcomes[3], Poison)
    assert await audit.balances(fresh) == {payer: 930, payee: 70}
    assert await audit.findings(fresh) == []
    replies = await asyncio.gather(*(group(command) for command in commands if command.note == "fine"))
    assert [reply.replayed for reply in replies if isinstance(reply, Reply)] == [True] * 7
    assert await audit.balances(fresh) == {payer: 930, payee: 70}


async def test_a_command_of_somebody_who_does_not_exist_harms_nobody(fresh: World) -> None:
    alice, bob = await fresh.person("alice", money=1000), await fresh.person("bob")
    payer, payee = user_id(alice), user_id(bob)
    group = fresh.app.database.grouped(partial(service.pay, app=fresh.app, render=schemas.reply))
    commands = [pay(1, payer, payee, 10), pay(2, UUID(int=404), payee, 10), pay(3, payer, payee, 20)]
    outcomes = await asyncio.gather(*(group(command) for command in commands), return_exceptions=True)
    assert [outcome.status for outcome in outcomes if isinstance(outcome, Reply)] == [201, 201]
    assert await audit.balances(fresh) == {payer: 970, payee: 30}


async def test_an_account_that_stays_locked_holds_up_only_those_who_need_it(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "LOCK_SECONDS", 0.2)
    async with world_over(settings) as world:
        alice, bob = await world.person("alice", money=1000), await world.person("bob")
        carol = await world.person("carol", money=1000)
        holder = await audit.connect(world)
        held = holder.transaction()
        await held.start()
        await holder.execute("SELECT 1 FROM ledger_accounts WHERE id = $1 FOR UPDATE", user_id(carol))
        answers = await asyncio.gather(*(payer.pay(bob, 10) for payer in (alice, alice, carol, alice)))
        await held.rollback()
        await holder.close()
    assert answers[2].status_code == 503
    assert int(answers[2].headers["retry-after"]) >= 1
    assert [answers[number].status_code for number in (0, 1, 3)] == [201, 201, 201]


async def test_a_lone_payment_on_a_locked_account_fails_nobody_who_waits_behind_it(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "LOCK_SECONDS", 0.5)
    async with world_over(settings) as world:
        alice, bob = await world.person("alice", money=1000), await world.person("bob")
        carol = await world.person("carol", money=1000)
        holder = await audit.connect(world)
        held = holder.transaction()
        await held.start()
        await holder.execute("SELECT 1 FROM ledger_accounts WHERE id = $1 FOR UPDATE", user_id(carol))
        stuck = asyncio.create_task(carol.pay(bob, 10))
        await asyncio.sleep(0.2)  # her payment is a batch of its own by now, waiting for the lock
        behind = await asyncio.gather(*(alice.pay(bob, 10) for _ in range(3)))
        assert (await stuck).status_code == 503
        await held.rollback()
        await holder.close()
    assert [answer.status_code for answer in behind] == [201, 201, 201]


async def _one(group: Group[int, int], number: int) -> int:
    return await group(number)
