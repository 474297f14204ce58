"""What limits cost, and what may be forgotten of them."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from tests.conftest import World
from tests.transfers.commands import user_id
from tests.transfers.steps import run
from venmo_api.limits import jobs, queries, service
from venmo_api.limits.rules import Flow

HISTORY = """
    INSERT INTO limit_uses (user_id, kind, at, total, amount)
    SELECT $1, 'sent', now() - interval '{ago}' - ({count} - n) * interval '5 minutes', n, 1
    FROM generate_series(1, {count}) n
"""


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from _nodes(inner)


async def _read(world: World, person: UUID) -> list[dict[str, Any]]:
    """The plan of the question that every payment asks, run, and how many rows each of its nodes read."""
    now = world.clock.now()
    asked = {"flow": Flow.SENT, "ids": [person], "users": [person], "horizons": [now - timedelta(days=7)]}
    statement = text("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + queries.WINDOWS.text)
    async with world.app.database.engine.connect() as connection:
        [[found]] = (await connection.execute(statement, asked)).all()
    plan = json.loads(found) if isinstance(found, str) else found
    return list(_nodes(plan[0]["Plan"]))


async def test_the_cost_of_a_payment_does_not_grow_with_history(fresh: World) -> None:
    alice = user_id(await fresh.person("alice"))
    await run(fresh, HISTORY.format(count=100_000, ago="1 minute"), alice)
    await run(fresh, "ANALYZE limit_uses")
    nodes = await _read(fresh, alice)
    tables = [node for node in nodes if node.get("Relation Name") == "limit_uses"]
    assert {node["Node Type"] for node in tables} <= {"Index Scan", "Index Only Scan"}
    assert len(tables) == 2
    assert all(node["Actual Rows"] * node["Actual Loops"] <= 1 for node in tables)
    assert all(node.get("Rows Removed by Filter", 0) == 0 for node in tables)
    assert nodes[0]["Shared Hit Blocks"] + nodes[0]["Shared Read Blocks"] < 40


async def test_a_planted_defect_is_seen_a_sum_over_the_window(fresh: World, monkeypatch: pytest.MonkeyPatch) -> None:
    alice = user_id(await fresh.person("alice"))
    await run(fresh, HISTORY.format(count=100_000, ago="1 minute"), alice)
    await run(fresh, "ANALYZE limit_uses")
    summed = text("""
        SELECT w.id, (SELECT sum(amount) FROM limit_uses WHERE user_id = w.user_id AND kind = :flow AND at > w.horizon)
        FROM unnest(CAST(:ids AS uuid[]), CAST(:users AS uuid[]), CAST(:horizons AS timestamptz[]))
             AS w (id, user_id, horizon)
    """)
    monkeypatch.setattr(queries, "WINDOWS", summed)
    tables = [node for node in await _read(fresh, alice) if node.get("Relation Name") == "limit_uses"]
    assert any(node["Actual Rows"] > 1 for node in tables)


async def test_what_is_forgotten_changes_no_answer(fresh: World) -> None:
    alice, bob = user_id(await fresh.person("alice")), user_id(await fresh.person("bob"))
    await run(fresh, HISTORY.format(count=500, ago="50 days"), bob)
    await run(
        fresh,
        """INSERT INTO limit_uses (user_id, kind, at, total, amount)
           SELECT $1, 'sent', now() - n * interval '1 day', (100 - n) * 7, 7 FROM generate_series(0, 99) n""",
        alice,
    )

    async def standing(person: UUID) -> Any:
        standings = await fresh.app.database.read(service.standings, fresh.app, person)
        return [(one.flow, one.used, [(part.amount, part.frees_at) for part in one.slices]) for one in standings]

    before = [await standing(person) for person in (alice, bob)]
    forgotten = await jobs.forget_old(fresh.app)
    assert [await standing(person) for person in (alice, bob)] == before
    assert forgotten == 499 + 62
    left = {
        row["user_id"]: row["left"]
        for row in await run(fresh, "SELECT user_id, count(*) AS left FROM limit_uses GROUP BY 1")
    }
    assert left == {bob: 1, alice: 38}
    assert await jobs.forget_old(fresh.app) == 0


async def test_the_base_that_stays_is_what_the_next_use_counts_from(fresh: World) -> None:
    alice = user_id(await fresh.person("alice"))
    await run(fresh, HISTORY.format(count=10, ago="50 days"), alice)
    await jobs.forget_old(fresh.app)
    [row] = await run(fresh, "SELECT total FROM limit_uses WHERE user_id = $1", alice)
    assert row["total"] == 10

    async def use(tx: Any) -> Any:
        now = fresh.clock.now()
        meter = await service.read(tx, Flow.SENT, [(UUID(int=1), alice, now)], fresh.app.figures)
        used = meter.use(UUID(int=1), alice, 5, at=now, verified=False)
        await service.write(tx, meter)
        return used

    assert (await fresh.app.database.transact(use)).total == 15
