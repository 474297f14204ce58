"""Payments flat out while history is cut, frozen and dropped under them: none is lost, doubled, refused or broken."""

import asyncio
import random
from collections import Counter
from datetime import timedelta

from sqlalchemy import text

from tests.archive.test_partitions import MANIFEST
from tests.conftest import Person, World
from tests.ledger import audit
from tests.races import storm
from tests.transfers.steps import run
from venmo_api.adapters.postgres import Transaction
from venmo_api.archive import partitions, queries
from venmo_api.archive.partitions import Partition

KEPT = ("ledger_transactions", "ledger_entries", "events", "risk_decisions")
ROUNDS = 8


async def _pay(people: list[Person], stop: asyncio.Event, statuses: Counter[int]) -> None:
    dice = random.Random(len(statuses))
    while not stop.is_set():
        payer, payee = dice.sample(people, 2)
        answer = await payer.pay(payee, dice.randint(1, 5))
        statuses[answer.status_code] += 1


async def _jump(world: World, stop: asyncio.Event) -> None:
    """A machine whose clock is wrong by hours now and then."""
    dice = random.Random(7)
    while not stop.is_set():
        world.clock.ahead = timedelta(hours=dice.choice([-3, -1, 0, 0, 1, 2]))
        await asyncio.sleep(0.02)


async def _move(tx: Transaction, partition: Partition, sequence: int) -> None:
    """Keep the rows of a partition elsewhere, as the archive would, and let it go."""
    for table in await _tables(tx, partition.group):
        leaf = await partitions.leaf(tx, partition, table)
        await tx.execute(text("RESET ROLE"))
        await tx.execute(text(f"INSERT INTO kept_{table} SELECT * FROM {leaf}"))
    await queries.become_archivist(tx)
    row = {"sequence": sequence, "group": partition.group, "lower": partition.lower, "upper": partition.upper}
    await tx.execute(text(MANIFEST), row)
    await partitions.drop(tx, partition, sequence)


async def _tables(tx: Transaction, group: str) -> list[str]:
    return list(
        (await tx.execute(text("SELECT name FROM archive_tables WHERE group_name = :g"), {"g": group})).scalars()
    )


async def _archive(world: World, *, rounds: int) -> int:
    """Cut at now, freeze and drop, both groups, again and again; how many partitions went."""
    sequence = 0
    for _ in range(rounds):
        await asyncio.sleep(0.1)
        await world.drain()
        for group in ("events", "ledger", "risk"):
            at = world.clock.now()
            await partitions.cut(world.app, group, at)
            for partition in await world.app.database.read(partitions.closed, group, at):
                await partitions.freeze(world.app, partition)
                await world.drain()
                if group == "events" and await world.app.database.read(
                    queries.undelivered, partition.lower, partition.upper
                ):
                    continue
                sequence += 1
                await partitions.patiently(world.app, _move, partition, sequence)
    return sequence


async def test_payments_go_on_while_history_is_moved_under_them(fresh: World) -> None:
    people = [await fresh.person(money=100_000) for _ in range(6)]
    async with storm.second_app(fresh) as other:
        others = [storm.at(other, person) for person in people]
        for table in KEPT:
            await run(fresh, f"CREATE TABLE kept_{table} AS TABLE {table} WITH NO DATA")
            await run(fresh, f"GRANT INSERT ON kept_{table} TO venmo_app")
        stop, statuses = asyncio.Event(), Counter[int]()
        paying = [asyncio.create_task(_pay(these, stop, statuses)) for these in [people, others] * 4]
        jumping = asyncio.create_task(_jump(other, stop))
        went = await _archive(fresh, rounds=ROUNDS)
        stop.set()
        await asyncio.gather(*paying, jumping)
    await fresh.drain()
    assert went > ROUNDS
    assert set(statuses) == {201}
    assert statuses[201] > ROUNDS
    back = "".join(f"INSERT INTO {table} TABLE kept_{table};" for table in KEPT)
    connection = await audit.connect(fresh)
    await connection.execute("SET session_replication_role = replica;" + back)
    await connection.close()
    [paid] = await run(fresh, "SELECT count(*) AS transfers FROM ledger_transactions WHERE kind = 'transfer'")
    assert paid["transfers"] == statuses[201]
    assert await audit.findings(fresh) == []
