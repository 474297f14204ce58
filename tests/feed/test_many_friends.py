"""Without Redis, too, a feed costs little more with very many friends: it is not the sum of all they ever did."""

import json
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import TextClause, text

from tests.conftest import World
from venmo_api.adapters.postgres import Transaction
from venmo_api.feed import queries
from venmo_api.feed.rules import Scope, Timeline
from venmo_api.users import service as users

FRIENDS, EACH, MOST = 60, 80, 26
TOWN = f"""
    SET session_replication_role = replica;
    INSERT INTO users (id, username, display_name, created_at)
    SELECT uuidv7(), 'towner' || n, 'Towner', now() FROM generate_series(0, {FRIENDS}) n;
    CREATE TEMP TABLE town AS SELECT substr(username, 7)::int AS n, id FROM users WHERE username LIKE 'towner%';
    INSERT INTO friendships (low_id, high_id, asked_by, asked_at, accepted_at)
    SELECT least(a.id, b.id), greatest(a.id, b.id), a.id, now(), now() FROM town a, town b WHERE a.n = 0 AND b.n > 0;
    INSERT INTO stories (id, actor_id, target_id, action, amount, currency, note, audience, created_at)
    SELECT uuidv7(), a.id, t.id, 'paid', 1, 'USD', '', 'friends', now() FROM generate_series(1, {EACH}) s
    JOIN town a ON a.n > 0 JOIN town t ON t.n = 1 + (a.n * 7 + s) % {FRIENDS} AND t.n <> a.n;
    ANALYZE stories;
"""

PLAIN = text("""
    SELECT s.id FROM unnest(CAST(:friends AS uuid[])) AS f (id) CROSS JOIN LATERAL (
        SELECT id FROM stories WHERE actor_id = f.id ORDER BY id DESC LIMIT :most) s ORDER BY s.id DESC LIMIT :most
""")
READ_MOST = 2 * FRIENDS + 8 * MOST


def read_rows(node: dict[str, Any]) -> float:
    """How many rows of stories a plan took from the table, loops and all."""
    own = node["Actual Rows"] * node["Actual Loops"] if node.get("Relation Name") == "stories" else 0
    return float(own) + sum(map(read_rows, node.get("Plans", ())))


async def cost(world: World, statement: TextClause, parameters: dict[str, Any]) -> float:
    async def explained(tx: Transaction) -> Any:
        asked = text(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {statement.text}")
        return (await tx.execute(asked, parameters)).scalar_one()

    found = await world.app.database.read(explained)
    (plan,) = json.loads(found) if isinstance(found, str) else found
    return read_rows(plan["Plan"])


@pytest.fixture
async def reader(fresh: World) -> tuple[UUID, list[UUID]]:
    """Somebody with many friends, and the ids of all that these did, newest first."""
    url = fresh.app.database.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(TOWN)
        person = await connection.fetchval("SELECT id FROM town WHERE n = 0")
        ids = await connection.fetch("SELECT id FROM stories ORDER BY id DESC")
    finally:
        await connection.close()
    return UUID(str(person)), [UUID(str(row[0])) for row in ids]


async def test_the_newest_of_many_friends_are_found_without_reading_all_they_did(
    fresh: World, reader: tuple[UUID, list[UUID]]
) -> None:
    person, ids = reader
    relations = await fresh.app.database.read(users.relations, person)
    assert len(relations.friends) == FRIENDS
    for after in (None, ids[MOST - 1], ids[-MOST // 2]):
        expected = [id for id in ids if after is None or id < after][:MOST]
        asked: dict[str, Any] = {"after": after, "most": MOST}
        page = await fresh.app.database.read(queries.page, Scope.FRIENDS, person, relations, **asked)
        assert [row.id for row in page] == expected
        made = await fresh.app.database.read(queries.ids, Timeline.FRIENDS, person, friends=relations.friends, **asked)
        assert made == expected
        known = asked | {"friends": sorted(relations.friends)}
        for statement, parameters in (
            (queries.PAGES[Scope.FRIENDS], known | {"viewer": person, "hidden": []}),
            (queries.IDS[Timeline.FRIENDS], known | {"person": person}),
        ):
            assert await cost(fresh, statement, parameters) < READ_MOST
    plain = {"friends": sorted(relations.friends), "most": MOST}
    assert await cost(fresh, PLAIN, plain) > READ_MOST, "the newest few of every friend would be noticed"
