"""What a transaction gathers goes as one statement: writes in order and nowhere unseen, reads in one round trip."""

from typing import Any

import pytest
from sqlalchemy import event, text
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


NUMBERS = text("SELECT n, CAST(:word AS text) || n, CAST(NULL AS uuid) FROM generate_series(1, CAST(:most AS int)) n")


async def _numbers(tx: Transaction, most: int, word: str) -> list[tuple[int, str]]:
    return [(number, told) for number, told, _ in await tx.rows(NUMBERS, {"most": most, "word": word})]


async def _nothing_to_ask() -> str:
    return "nothing"


async def test_reads_asked_together_answer_as_alone_in_one_round_trip(fresh: World) -> None:
    sent: list[str] = []

    async def work(tx: Transaction) -> None:
        alone = [await _numbers(tx, 2, "a"), await _numbers(tx, 0, "b"), await _numbers(tx, 3, "c")]
        event.listen(fresh.app.database.engine.sync_engine, "before_cursor_execute", noted)
        found = await tx.together(_numbers(tx, 2, "a"), _numbers(tx, 0, "b"), _nothing_to_ask(), _numbers(tx, 3, "c"))
        assert found == [alone[0], alone[1], "nothing", alone[2]]
        assert alone[2] == [(1, "c1"), (2, "c2"), (3, "c3")]

    def noted(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        sent.append(statement)

    try:
        await fresh.app.database.read(work)
    finally:
        event.remove(fresh.app.database.engine.sync_engine, "before_cursor_execute", noted)
    assert len(sent) == 1


async def test_reads_asked_together_see_what_was_gathered_before(fresh: World) -> None:
    async def count(tx: Transaction) -> int:
        return len(await tx.rows(RUNS, {"name": "seen"}))

    async def work(tx: Transaction) -> list[int]:
        await tx.write(RUN, {"name": "seen", "runs": 1})
        return await tx.together(count(tx), count(tx))

    assert await fresh.app.database.transact(work) == [1, 1]
