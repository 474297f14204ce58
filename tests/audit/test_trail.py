"""The audit trail: what is noted, that it cannot be changed, and that the proof names the first break of any kind."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tests.conftest import World
from venmo_api.adapters.postgres import Transaction
from venmo_api.archive import proof, rules, service, trail
from venmo_api.audit import jobs
from venmo_api.audit import service as audit
from venmo_api.audit.rules import Act, Link, Result, follow
from venmo_api.core.origin import origin
from venmo_api.core.paging import PageRequest

ORIGIN = origin("203.0.113.77", "curl/8.5")


async def note(world: World, act: Act = Act.SIGN_IN, **more: Any) -> None:
    await world.app.database.transact(audit.note, world.app, act, origin=ORIGIN, **more)


async def meddle(world: World, statement: str) -> None:
    """As nobody should be able to: no trigger looks."""
    url = world.app.database.engine.url.set(drivername="postgresql")
    connection = await asyncpg.connect(url.render_as_string(hide_password=False))
    try:
        await connection.execute("SET session_replication_role = replica; " + statement)
    finally:
        await connection.close()


async def chained(world: World, entries: int = 6) -> Link:
    """A chain of so many more entries; its head."""
    await jobs.chain(world.app)
    for _ in range(entries):
        await note(world, subject=uuid4())
    assert await jobs.chain(world.app) == entries
    found = await trail.verify(world.app)
    assert (found.first_break, found.waiting) == (None, 0)
    return found.head


async def test_an_entry_says_who_whom_what_whence_and_how_it_ended(world: World) -> None:
    who, whom = uuid4(), uuid4()
    await note(world, Act.STEP_UP, actor=who, subject=whom, result=Result.WRONG, details={"factor": "totp", "tries": 2})
    await note(world, Act.SIGN_OUT, actor=who, subject=whom)
    later, entry = (await world.app.database.read(audit.entries, PageRequest(), subject=whom)).rows
    assert (later.act, entry.act, entry.result) == ("sign_out", "step_up", "wrong")
    assert (entry.actor_id, entry.subject_id) == (who, whom)
    assert (entry.network, entry.agent) == ("203.0.113.0/24", "curl")
    assert entry.details == {"factor": "totp", "tries": 2}
    assert abs((entry.at - world.wall_clock.now()).total_seconds()) < 60
    assert (await world.app.database.read(audit.entries, PageRequest(), actor=who)).rows == [later, entry]


@pytest.mark.parametrize(
    "details", [{"email": "ann@example.com"}, {"name": "Ann Ant"}, {"phone": "+14155550123"}, {"a b": 1}, {"x": ""}]
)
async def test_what_may_be_text_of_a_person_is_not_kept(world: World, details: dict[str, str | int]) -> None:
    with pytest.raises(ValueError, match="is not an id, a number or a word"):
        await note(world, details=details)


async def test_what_is_rolled_back_was_not_done_and_is_not_noted(world: World) -> None:
    whom = uuid4()

    async def fail(tx: Transaction) -> None:
        await audit.note(tx, world.app, Act.SIGN_UP, subject=whom)
        raise LookupError

    with pytest.raises(LookupError):
        await world.app.database.transact(fail)
    assert (await world.app.database.read(audit.entries, PageRequest(), subject=whom)).rows == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_log SET result = 'ok'",
        "DELETE FROM audit_log",
        "TRUNCATE audit_log",
        "UPDATE audit_chain SET hash = ''",
        "DELETE FROM audit_chain",
        "INSERT INTO staff_roles (user_id, role, granted_at) SELECT id, 'admin', now() FROM users",
        "DELETE FROM staff_roles",
    ],
)
async def test_the_service_may_only_add(world: World, statement: str) -> None:
    async def change(tx: Transaction) -> None:
        await tx.execute(text(statement))

    with pytest.raises(DBAPIError, match="permission denied"):
        await world.app.database.transact(change)


async def test_the_owner_of_the_tables_may_not_change_them_either(fresh: World) -> None:
    await chained(fresh)
    url = fresh.app.database.engine.url.set(drivername="postgresql")
    connection = await asyncpg.connect(url.render_as_string(hide_password=False))
    for table in ("audit_log", "audit_chain"):
        for verb in (f"DELETE FROM {table}", f"TRUNCATE {table}"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
                await connection.execute(verb)
    await connection.close()


async def test_entries_are_chained_once_in_whatever_order_they_commit(fresh: World) -> None:
    hold = asyncio.Event()

    async def slow(tx: Transaction) -> None:
        await audit.note(tx, fresh.app, Act.SIGN_IN)
        await tx.flush()
        await hold.wait()

    late = asyncio.create_task(fresh.app.database.transact(slow))
    await asyncio.sleep(0.1)
    await asyncio.gather(*(note(fresh) for _ in range(12)), *(jobs.chain(fresh.app) for _ in range(5)))
    await jobs.chain(fresh.app)
    hold.set()
    await late
    waiting = await trail.verify(fresh.app)
    assert (len(waiting.links), waiting.waiting, waiting.first_break) == (12, 1, None)
    assert await jobs.chain(fresh.app) == 1
    found = await trail.verify(fresh.app)
    assert (sorted(found.links), found.waiting, found.first_break) == (list(range(1, 14)), 0, None)


AT_THREE = "(SELECT entry_id FROM audit_chain WHERE position = 3)"
BREAKS = {
    "an entry changed": (
        f"UPDATE audit_log SET result = 'ok', act = 'x' WHERE id = {AT_THREE}",
        "place 3, or its hash",
    ),
    "details changed": (
        f"""UPDATE audit_log SET details = '{{"a": 1}}' WHERE id = {AT_THREE}""",
        "place 3, or its hash",
    ),
    "a moment moved": (f"UPDATE audit_log SET at = at + interval '1 us' WHERE id = {AT_THREE}", "place 3, or its hash"),
    "an entry removed": (f"DELETE FROM audit_log WHERE id = {AT_THREE}", "place 3 was removed"),
    "an entry and its link removed": (
        f"DELETE FROM audit_log WHERE id = {AT_THREE}; DELETE FROM audit_chain WHERE position = 3",
        "nothing is at place 3 of 6",
    ),
    "an entry put in": (
        "INSERT INTO audit_log (id, at, act, result) VALUES (gen_random_uuid(), now(), 'sign_in', 'ok')",
        "was put in: nothing chains it",
    ),
    "a link changed": ("UPDATE audit_chain SET hash = sha256('x') WHERE position = 4", "place 4, or its hash"),
    "two entries changed places": (
        "UPDATE audit_chain SET position = -position WHERE position IN (2, 5);"
        "UPDATE audit_chain SET position = CASE position WHEN -2 THEN 5 ELSE 2 END WHERE position < 0",
        "place 2, or its hash",
    ),
    "the end cut off": (
        "DELETE FROM audit_log WHERE id IN (SELECT entry_id FROM audit_chain WHERE position > 4);"
        "DELETE FROM audit_chain WHERE position > 4",
        "it ends at place 4, and went to 6",
    ),
    "all of it gone": ("DELETE FROM audit_log; DELETE FROM audit_chain", "it ends at place 0, and went to 6"),
}


@pytest.mark.parametrize("harm", BREAKS)
async def test_the_proof_names_the_first_break(fresh: World, harm: str) -> None:
    head = await chained(fresh)
    statement, told = BREAKS[harm]
    await meddle(fresh, statement)
    found = await trail.verify(fresh.app, kept=head)
    assert told in (found.first_break or ""), found.breaks
    assert "BROKEN" in trail.report(found)


async def test_a_chain_that_was_written_anew_is_told_by_a_head_that_was_kept(fresh: World) -> None:
    head = await chained(fresh)
    assert head.position == 6
    await chained(fresh, 2)
    assert (await trail.verify(fresh.app, kept=head)).first_break is None
    await meddle(fresh, f"UPDATE audit_log SET result = 'wrong' WHERE id = {AT_THREE}")
    await _write_anew(fresh)
    assert (await trail.verify(fresh.app)).first_break is None
    found = await trail.verify(fresh.app, kept=head)
    assert found.first_break == "place 6 was written anew: it had another hash"


async def _write_anew(world: World) -> None:
    """Make the chain fit what the log says now, as somebody who may write everything could."""

    async def documents(tx: Transaction) -> list[Any]:
        return list(await trail.audit.documents(tx, after=UUID(int=0), most=1000))

    texts = {row.id: row.document for row in await world.app.database.read(documents)}
    found = await trail.verify(world.app)
    link, statements = Link(), []
    for entry_id, _ in sorted(found.places.items(), key=lambda item: item[1]):
        link = follow(link, texts[entry_id])
        statements.append(f"UPDATE audit_chain SET hash = '\\x{link.hash.hex()}' WHERE position = {link.position}")
    await meddle(world, ";".join(statements))


async def test_what_is_archived_is_proved_with_what_is_not(fresh: World) -> None:
    head = await chained(fresh)
    moved = await service.archive(fresh.app, before=fresh.wall_clock.now())
    assert (moved.audit_entries, moved.transactions) == (6, 0)
    await chained(fresh, 3)
    await note(fresh)
    found = await trail.verify(fresh.app, kept=head)
    assert (found.first_break, len(found.links), found.waiting) == (None, 9, 1)
    waits = await service.archive(fresh.app, before=fresh.wall_clock.now())
    assert (waits.audit_entries, len(waits.waiting)) == (0, 1)
    await chained(fresh, 0)
    assert (await service.archive(fresh.app, before=fresh.wall_clock.now())).audit_entries == 4
    assert (await trail.verify(fresh.app, kept=head)).first_break is None
    assert (await proof.verify(fresh.app)).passed
    await meddle(fresh, "UPDATE audit_chain SET hash = sha256('x') WHERE position = 6")
    found = await trail.verify(fresh.app)
    assert found.first_break == "place 6 was written anew: the archive holds another hash"


async def test_an_archived_file_that_is_gone_is_named(fresh: World) -> None:
    await chained(fresh)
    await service.archive(fresh.app, before=fresh.wall_clock.now())
    (key,) = await fresh.app.objects.keys(f"{rules.AUDIT}/")
    await asyncio.to_thread(fresh.app.objects._client.delete_object, Bucket=fresh.app.objects.bucket, Key=key)
    found = await trail.verify(fresh.app)
    assert found.first_break == f"{key} is missing, or does not have the bytes that were archived"
