"""What a transaction gathers goes as one statement, in order, and nowhere unseen."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tests.conftest import World
from venmo_api.adapters.postgres import Transaction

RUN = text("INSERT INTO job_runs (name, started_at, runs) VALUES (:name, now(), CAST(:runs AS int))")
AGAIN = text("UPDATE job_runs SET runs = runs + 1 WHERE name = :name")
RUNS = text("SELECT runs FROM job_runs WHERE name = :name")


async def _runs(tx: Transaction, name: str) -> int | None:
    return (await tx.execute(RUNS, {"name": name})).scalar()


async def test_what_is_gathered_goes_before_the_next_statement_and_the_same_one_twice_in_turn(fresh: World) -> None:
    async def work(tx: Transaction) -> int | None:
        await tx.write(RUN, {"name": "gathered", "runs": 1})
        assert await _runs(tx, "gathered") == 1
        await tx.write(AGAIN, {"name": "gathered"})
        await tx.write(AGAIN, {"name": "gathered"})
        return await _runs(tx, "gathered")

    assert await fresh.app.database.transact(work) == 3


async def test_what_is_gathered_last_is_committed_and_rolled_back_by_a_rehearsal(fresh: World) -> None:
    async def work(tx: Transaction, name: str) -> None:
        await tx.write(RUN, {"name": name, "runs": 7})

    await fresh.app.database.rehearse(work, "rehearsed")
    await fresh.app.database.transact(work, "real")
    found = [await fresh.app.database.read(_runs, name) for name in ("rehearsed", "real")]
    assert found == [None, 7]


async def test_a_read_refuses_what_was_only_gathered(fresh: World) -> None:
    async def work(tx: Transaction) -> None:
        await tx.write(RUN, {"name": "read", "runs": 1})

    with pytest.raises(DBAPIError, match="read-only"):
        await fresh.app.database.read(work)
