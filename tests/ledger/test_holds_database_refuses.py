"""Holds, checked the second time: what the book would never write, the database refuses, whoever asks."""

import dataclasses
from collections.abc import AsyncIterator

import asyncpg
import pytest

from tests.conftest import World, world_over
from tests.ledger import audit
from tests.ledger.test_database_refuses import Bench
from tests.transfers.commands import user_id
from venmo_api.settings import Settings

ROLES = pytest.mark.parametrize("role", ["venmo_app", None], ids=["service", "superuser"])
HOLD = """
    WITH held AS (UPDATE ledger_accounts SET held = held + {held} WHERE id = $1)
    INSERT INTO ledger_holds (id, account_id, amount, captured, open, created_at)
    VALUES (gen_random_uuid(), $1, {amount}, {captured}, {open}, now())
"""
SOUND = {"held": 300, "amount": 300, "captured": 0, "open": "true"}
# Of the hold of 300 cents that the bench has; 700 are available.
STEP = """
    WITH held AS (UPDATE ledger_accounts SET held = held + ({held}) WHERE id = $1)
    UPDATE ledger_holds SET {set} WHERE account_id = $1
"""


@pytest.fixture(scope="module")
async def opened(settings: Settings) -> AsyncIterator[Bench]:
    async with world_over(settings) as world:
        alice, bob = user_id(await world.person("alice", money=1000)), user_id(await world.person("bob"))
        connection = await audit.connect(world)
        yield Bench(connection, alice, bob)
        await connection.close()


@pytest.fixture
async def bench(opened: Bench) -> AsyncIterator[Bench]:
    """A ledger where 300 of Alice's 1000 cents are held. Whatever a test does, role and all, is rolled back."""
    transaction = opened.connection.transaction()
    await transaction.start()
    await opened.connection.execute(HOLD.format(**SOUND), opened.alice)
    yield dataclasses.replace(opened)
    await transaction.rollback()


async def _as(bench: Bench, role: str | None, statement: str) -> None:
    if role:
        await bench.connection.execute(f"SET ROLE {role}")
    await bench.connection.execute(statement, bench.alice)


@ROLES
async def test_a_sound_hold_is_accepted(bench: Bench, role: str | None) -> None:
    await _as(bench, role, HOLD.format(**SOUND))
    found = await bench.connection.fetchrow("SELECT balance, held FROM ledger_accounts WHERE id = $1", bench.alice)
    assert tuple(found) == (1000, 600)


@ROLES
@pytest.mark.parametrize(
    ("held", "changed"),
    [(-300, "open = false"), (-100, "captured = 100"), (-300, "captured = 300, open = false")],
    ids=["released", "captured in part", "captured"],
)
async def test_sound_steps_are_accepted(bench: Bench, role: str | None, held: int, changed: str) -> None:
    await _as(bench, role, STEP.format(held=held, set=changed))


@ROLES
@pytest.mark.parametrize(
    "wrong",
    [
        {"held": 299},
        {"held": 301},
        {"held": 0},
        {"held": -300},
        {"amount": 299},
        {"captured": 1},
        {"open": "false"},
        {"held": 701, "amount": 701},
        {"held": 0, "amount": 0},
        {"held": -1, "amount": -1},
        {"held": -1, "captured": 301},
        {"held": 301, "captured": -1},
    ],
    ids=str,
)
async def test_a_hold_with_one_thing_wrong_is_refused(bench: Bench, role: str | None, wrong: dict[str, object]) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        await _as(bench, role, HOLD.format(**(SOUND | wrong)))


@ROLES
@pytest.mark.parametrize(
    ("held", "changed"),
    [
        (0, "open = false"),
        (-299, "open = false"),
        (-301, "captured = 301"),
        (-300, "captured = 301, open = false"),
        (1, "captured = -1"),
        (0, "captured = 100"),
        (-100, "captured = 101"),
        (-100, "captured = 100, open = false"),
    ],
    ids=str,
)
async def test_a_step_with_one_thing_wrong_is_refused(bench: Bench, role: str | None, held: int, changed: str) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        await _as(bench, role, STEP.format(held=held, set=changed))


@ROLES
async def test_money_is_not_held_without_a_hold_or_freed_without_its_end(bench: Bench, role: str | None) -> None:
    for change in ("held + 1", "held - 1", "0"):
        with pytest.raises(asyncpg.CheckViolationError):
            async with bench.connection.transaction():
                await _as(bench, role, f"UPDATE ledger_accounts SET held = {change} WHERE id = $1")


@ROLES
async def test_what_is_held_cannot_leave(bench: Bench, role: str | None) -> None:
    if role:
        await bench.connection.execute(f"SET ROLE {role}")
    spent = {"a_balance": 299, "a_after": 299, "a_amount": -701, "b_balance": 701, "b_after": 701, "b_amount": 701}
    with pytest.raises(asyncpg.CheckViolationError, match="ck_ledger_accounts_floor"):
        async with bench.connection.transaction():
            await bench.post(**spent)
    await bench.post(a_balance=300, a_after=300, a_amount=-700, b_balance=700, b_after=700, b_amount=700)


@pytest.mark.parametrize("changed", ["amount = 400", "account_id = gen_random_uuid()", "created_at = now()"])
async def test_the_service_cannot_change_what_was_authorised(bench: Bench, changed: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await _as(bench, "venmo_app", f"UPDATE ledger_holds SET {changed} WHERE account_id = $1")


async def test_the_service_cannot_delete_a_hold(bench: Bench) -> None:
    for table in ("ledger_holds", "holds"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with bench.connection.transaction():
                await _as(bench, "venmo_app", f"DELETE FROM {table} WHERE $1::uuid IS NOT NULL")


PLACE = """
    INSERT INTO holds (id, payer_id, payee_id, amount, captured, currency, note, audience, status, created_at,
                       expires_at, ended_at)
    VALUES (gen_random_uuid(), {payer}, {payee}, {amount}, {captured}, 'USD', 'x', {audience}, {status}, now(), now(),
            {ended_at})
"""
PLACED = {
    "payer": "$1::uuid",
    "payee": "$2::uuid",
    "amount": 10,
    "captured": 0,
    "audience": "'private'",
    "status": "'held'",
    "ended_at": "NULL",
}


@ROLES
async def test_authorisations_that_cannot_be_are_refused(bench: Bench, role: str | None) -> None:
    if role:
        await bench.connection.execute(f"SET ROLE {role}")
    for wrong in (
        {"amount": 0},
        {"captured": 11},
        {"captured": -1},
        {"payee": "coalesce($1::uuid, $2::uuid)"},
        {"audience": "'everybody'"},
        {"status": "'waiting'"},
        {"status": "'settled'"},
        {"ended_at": "now()"},
    ):
        with pytest.raises(asyncpg.CheckViolationError):
            async with bench.connection.transaction():
                await bench.connection.execute(PLACE.format(**(PLACED | wrong)), bench.alice, bench.bob)
    await bench.connection.execute(PLACE.format(**PLACED), bench.alice, bench.bob)
    unknown = PLACED | {"payee": "coalesce(gen_random_uuid(), $2::uuid)"}
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await bench.connection.execute(PLACE.format(**unknown), bench.alice, bench.bob)


async def test_an_authorisation_that_is_not_in_the_ledger_is_found(fresh: World) -> None:
    alice, bob = user_id(await fresh.person("alice", money=10)), user_id(await fresh.person("bob"))
    connection = await audit.connect(fresh)
    try:
        await connection.execute(PLACE.format(**PLACED), alice, bob)
    finally:
        await connection.close()
    assert await audit.findings(fresh) == ["what waits and what is held differ"]
