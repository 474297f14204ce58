"""The clock that can be driven: forward only, for every process, across restarts, and nobody is signed out."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import httpx2
import pytest

from tests.conftest import Person, World, settings_for
from tests.feed.oracle import moment
from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.system import DrivenClock
from venmo_api.core.clock import rfc3339
from venmo_api.main import adapters, create_app
from venmo_api.settings import Settings

DAY = 24 * 3600


@asynccontextmanager
async def process(world: World) -> AsyncIterator[tuple[Adapters, httpx2.AsyncClient]]:
    """Another API process over the same database, started as a server starts it."""
    database = world.app.database.engine.url.database
    assert database is not None
    settings = settings_for(database, redis_number=15, bucket=world.app.objects.bucket)
    bundle = adapters(settings)
    app = create_app(settings, bundle)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://test") as client,
    ):
        yield bundle, client
    await bundle.close()


def ahead(bundle: Adapters) -> timedelta:
    assert isinstance(bundle.clock, DrivenClock)
    return bundle.clock.ahead


async def drive(person: Person, **body: Any) -> dict[str, Any]:
    answer = await person.post("/sandbox/clock", body)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def test_time_passes_by_so_many_seconds(fresh: World) -> None:
    alice = await fresh.person("alice")
    before = (await alice.get("/sandbox/clock")).json()
    assert before["ahead_seconds"] == 0
    told = await drive(alice, advance_seconds=3 * DAY)
    assert told["ahead_seconds"] == 3 * DAY
    assert 3 * DAY <= (moment(told["now"]) - moment(before["now"])).total_seconds() < 3 * DAY + 60
    assert (await drive(alice, advance_seconds=1))["ahead_seconds"] == 3 * DAY + 1
    assert (await alice.get("/sandbox/clock")).json()["ahead_seconds"] == 3 * DAY + 1


async def test_the_clock_is_put_to_a_moment(fresh: World) -> None:
    alice = await fresh.person("alice")
    wanted = (fresh.clock.now() + timedelta(days=8)).replace(microsecond=0)  # answers are to the millisecond
    for spelled in (rfc3339(wanted), (wanted + timedelta(days=1)).isoformat()):
        told = await drive(alice, now=spelled)
        assert timedelta(0) <= moment(told["now"]) - datetime.fromisoformat(spelled) < timedelta(seconds=60)


async def test_it_drives_the_time_of_business(fresh: World) -> None:
    alice, bob = await fresh.person("alice", money=100), await fresh.person("bob")
    told = await drive(alice, advance_seconds=40 * DAY)
    paid = (await alice.pay(bob, 1)).json()
    assert moment(paid["created_at"]) >= moment(told["now"])
    assert await fresh.drain() > 0


@pytest.mark.parametrize("past", [timedelta(days=-1), timedelta(days=1)])
async def test_it_never_goes_back(fresh: World, past: timedelta) -> None:
    alice = await fresh.person("alice")
    await drive(alice, advance_seconds=2 * DAY)
    answer = await alice.post("/sandbox/clock", {"now": rfc3339(fresh.wall_clock.now() + past)})
    assert (answer.status_code, answer.json()["code"]) == (422, "clock_only_moves_forward")
    assert answer.json()["errors"][0]["pointer"] == "/now"
    assert (await alice.get("/sandbox/clock")).json()["ahead_seconds"] == 2 * DAY


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"advance_seconds": 0},
        {"advance_seconds": -1},
        {"advance_seconds": 400 * DAY + 1},
        {"advance_seconds": 1.5},
        {"advance_seconds": "60"},
        {"advance_seconds": True},
        {"advance_seconds": 10**30},
        {"advance_seconds": None},
        {"now": "tomorrow"},
        {"now": "2099-01-01T00:00:00"},
        {"now": 4070908800},
        {"now": "9999-12-31T23:59:59Z"},
        {"now": "9999-12-31T23:59:59-12:00"},
        {"now": "0001-01-01T00:00:00Z"},
        {"now": "0001-01-01T00:00:00+12:00"},
        {"advance_seconds": 1, "now": "2099-01-01T00:00:00Z"},
        {"ahead": 1},
    ],
)
async def test_what_is_no_way_for_a_clock_is_refused(fresh: World, body: dict[str, object]) -> None:
    alice = await fresh.person("alice")
    answer = await alice.post("/sandbox/clock", body)
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert (await alice.get("/sandbox/clock")).json()["ahead_seconds"] == 0


async def test_it_is_for_those_who_signed_in(world: World) -> None:
    assert (await world.client.get("/v1/sandbox/clock")).status_code == 401
    assert (await world.client.post("/v1/sandbox/clock", json={"advance_seconds": 1})).status_code == 401


async def test_parallel_drives_all_count(fresh: World) -> None:
    alice = await fresh.person("alice")
    told = await asyncio.gather(*(drive(alice, advance_seconds=60) for _ in range(20)))
    assert max(one["ahead_seconds"] for one in told) == 20 * 60
    assert (await alice.get("/sandbox/clock")).json()["ahead_seconds"] == 20 * 60


async def test_nobody_is_signed_out_by_it(fresh: World) -> None:
    alice = await fresh.person("alice")
    for _ in range(3):
        await drive(alice, advance_seconds=400 * DAY)
    assert (await alice.get("/me")).status_code == 200
    answer = await fresh.client.post("/v1/auth/refresh", json={"refresh_token": alice.tokens["refresh_token"]})
    assert answer.status_code == 200
    fresh.wall_clock.advance(timedelta(hours=2))
    assert (await alice.get("/me")).status_code == 401


async def test_every_process_follows_within_a_second_and_none_goes_back(fresh: World) -> None:
    alice = await fresh.person("alice")
    async with AsyncExitStack() as stack:
        (one, client), (other, _) = [await stack.enter_async_context(process(fresh)) for _ in range(2)]
        there = Person(client, alice.id, alice.username, alice.email, alice.tokens)
        for step in (1, 2):
            await drive(there, advance_seconds=DAY)
            assert ahead(one) == timedelta(days=step)
            async with asyncio.timeout(1.5):
                while ahead(other) != timedelta(days=step):  # noqa: ASYNC110 - what is polled is another process
                    await asyncio.sleep(0.02)
            assert ahead(one) == timedelta(days=step)


async def test_it_survives_a_restart(fresh: World) -> None:
    alice = await fresh.person("alice")
    await drive(alice, advance_seconds=5 * DAY)
    async with process(fresh) as (bundle, _):
        assert ahead(bundle) == timedelta(days=5)


async def test_a_process_starts_and_stops_while_the_database_is_away(settings: Settings) -> None:
    nowhere = settings.model_copy(update={"database_url": "postgresql+asyncpg://x:y@127.0.0.1:1/z"})
    bundle = adapters(nowhere)
    app = create_app(nowhere, bundle)
    async with asyncio.timeout(20), app.router.lifespan_context(app):
        assert ahead(bundle) == timedelta()
    await bundle.close()
