"""What was asked is written down afterwards, by whom and how it ended, and nothing a person wrote."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text

from tests.conftest import World
from venmo_api.adapters.postgres import Transaction
from venmo_api.archive import partitions
from venmo_api.core import ids
from venmo_api.core.errors import Unavailable
from venmo_api.traffic import queries, service
from venmo_api.traffic.service import Recorder, recording


async def rows(world: World) -> Sequence[Any]:
    async def read(tx: Transaction) -> Sequence[Any]:
        return (await tx.execute(text("SELECT * FROM access_log ORDER BY at, request_id"))).all()

    return await world.app.database.read(read)


async def test_each_request_is_a_row_of_templates_and_words(fresh: World) -> None:
    recorder: Recorder = fresh.api.state.recorder
    alice = await fresh.person("alice")
    await recorder.write()
    before = len(await rows(fresh))

    await alice.get("/me")
    await alice.get("/users/usr_nobody/feed")
    await fresh.client.get("/v1/me")
    await fresh.client.get("/v1/nowhere/secret-words?q=secret")
    await fresh.client.get("/livez")
    await recorder.write()

    found = (await rows(fresh))[before:]
    told = sorted((row.route, row.status, row.actor_id is not None) for row in found)
    assert told == [
        ("-", 404, False),
        ("/v1/me", 200, True),
        ("/v1/me", 401, False),
        ("/v1/users/{user_id}/feed", 404, True),
    ]
    assert {row.actor_id for row in found} == {UUID(int=ids.decode(ids.USER, alice.id).int), None}  # type: ignore[union-attr]
    assert {row.method for row in found} == {"GET"}
    assert {row.network for row in found} == {"127.0.0.0/24"}
    assert all(row.duration_us > 0 for row in found)
    assert "secret" not in str(found)


async def test_what_cannot_be_written_waits_and_is_written_once(fresh: World, monkeypatch: Any) -> None:
    recorder = Recorder(fresh.app)
    asked = service.Asked(fresh.wall_clock.now(), "req-1", "GET", "/v1/me", 200, 5, None, "10.1.2.3")
    for _ in range(3):
        recorder.note(asked)

    async def away(tx: Transaction, found: Sequence[tuple[Any, ...]]) -> None:
        raise Unavailable("away")

    with monkeypatch.context() as patched:
        patched.setattr(queries, "insert", away)
        await recorder.write()
    assert await rows(fresh) == []
    await recorder.write()
    await recorder.write()
    assert [row.network for row in await rows(fresh)] == ["10.1.2.0/24"] * 3


async def test_memory_is_bounded_while_nothing_can_be_written(fresh: World, monkeypatch: Any) -> None:
    monkeypatch.setattr(service, "WAITING_MOST", 10)
    recorder = Recorder(fresh.app)
    for number in range(25):
        recorder.note(service.Asked(fresh.wall_clock.now(), str(number), "GET", "/v1/me", 200, 5, None, None))
    await recorder.write()
    assert len(await rows(fresh)) == 10


async def test_what_is_noted_is_written_by_itself_and_at_the_end(fresh: World, monkeypatch: Any) -> None:
    monkeypatch.setattr(service, "EVERY_SECONDS", 0.01)
    recorder = Recorder(fresh.app)
    asked = service.Asked(fresh.wall_clock.now(), "req", "GET", "/v1/me", 200, 5, None, None)
    async with recording(recorder):
        recorder.note(asked)
        for _ in range(500):
            if await rows(fresh):
                break
            await asyncio.sleep(0.01)
        recorder.note(asked)
    assert len(await rows(fresh)) == 2


async def test_who_comes_after_the_freeze_stands_behind_it(fresh: World) -> None:
    now = fresh.wall_clock.now()
    cut_at = now + timedelta(seconds=1)
    await partitions.cut(fresh.app, "access", cut_at)
    [closed] = await fresh.app.database.read(partitions.closed, "access", cut_at)
    await partitions.freeze(fresh.app, closed)
    recorder = Recorder(fresh.app)
    recorder.note(service.Asked(now, "late", "GET", "/v1/me", 200, 5, None, None))
    await recorder.write()
    [row] = await rows(fresh)
    assert row.at == cut_at
