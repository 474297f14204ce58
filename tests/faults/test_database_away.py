"""The database hangs, is gone, or has no connection left: clients are told soon, and served again soon after."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from statistics import median
from typing import Any

import asyncpg
import httpx2
import pytest

from tests.conftest import new_key
from tests.faults.crowd import Crowd, sound
from tests.faults.town import LONG, Town, figure

pytestmark = pytest.mark.xdist_group("faults")
CLIENTS = 24
ROUNDS = 6 if LONG else 1
AWAY_SECONDS = 15 if LONG else 4
GIVE_UP_SECONDS = 60


async def _away(town: Town, crowd: Crowd, dice: random.Random, gone: Callable[[], Awaitable[None]]) -> None:
    """Pay while the database goes, stays away and comes back."""
    back: list[float] = []

    async def harm() -> None:
        await crowd.acknowledged(dice.randint(50, 300), seconds=GIVE_UP_SECONDS)
        await gone()
        back.append(time.monotonic())
        await crowd.acknowledged(100, seconds=GIVE_UP_SECONDS)

    await crowd.rage(CLIENTS, harm=harm)
    recovered = next(moment for moment in crowd.acknowledged_at if moment > back[0]) - back[0]
    print(f"recovered after {recovered:.2f} s, longest wait {max(crowd.waits):.2f} s, {dict(crowd.retried)}")
    assert crowd.retried["503"] > 0, "it was not felt"
    assert await sound(town, crowd) == []
    assert max(crowd.waits) <= figure(5)
    assert recovered <= figure(2)


@pytest.mark.parametrize("number", range(ROUNDS))
async def test_a_database_that_hangs(town: Town, crowd: Crowd, dice: random.Random, number: int) -> None:
    async def gone() -> None:
        with town.frozen_postgres():
            await asyncio.sleep(AWAY_SECONDS)

    await _away(town, crowd, dice, gone)


@pytest.mark.parametrize("number", range(ROUNDS))
async def test_a_database_whose_port_is_closed(town: Town, crowd: Crowd, dice: random.Random, number: int) -> None:
    async def gone() -> None:
        await town.kill_postgres()
        await asyncio.sleep(AWAY_SECONDS)
        await asyncio.to_thread(town.stack.restart_dead)

    await _away(town, crowd, dice, gone)


async def test_without_a_connection_left_clients_are_told_and_the_process_lives(town: Town, crowd: Crowd) -> None:
    """Top-ups of a person whose account is locked hold every connection; others find none."""
    town.start("small", VENMO_DATABASE_POOL_SIZE="5")
    await town.ready("small")
    user_id, headers = crowd.people[0]
    keys = [new_key() for _ in range(15)]
    async with httpx2.AsyncClient(base_url=town.url_of("small"), timeout=30) as client:
        source = await client.post("/v1/wallet/funding-sources", json={"token": "sandbox_bank_ok"}, headers=headers)
        before = (await client.get("/v1/wallet", headers=headers)).json()["available"]

        async def top_up(key: str) -> httpx2.Response:
            body = {"funding_source_id": source.json()["id"], "amount": 100}
            return await client.post("/v1/wallet/top-ups", json=body, headers=headers | {"Idempotency-Key": key})

        holder = await asyncpg.connect(town.database_url)
        async with holder.transaction():
            await holder.execute(
                "SELECT 1 FROM ledger_accounts WHERE id = $1::uuid FOR UPDATE", user_id.removeprefix("usr_")
            )
            blocked = [asyncio.create_task(top_up(key)) for key in keys]
            await asyncio.sleep(0.3)
            told, lives = await asyncio.gather(_timed(client, "/v1/wallet", 10, crowd), _livez(client, seconds=1.5))
            answers = await asyncio.gather(*blocked)
        await holder.close()
        assert {answer.status_code for answer in answers} == {503}
        retried = await asyncio.gather(*(top_up(key) for key in keys))
        while any(answer.status_code == 503 for answer in retried):
            retried = [await top_up(key) for key in keys]
        after = (await client.get("/v1/wallet", headers=headers)).json()["available"]
    print(f"503 after {max(told):.2f} s, /livez {median(lives) * 1000:.0f} ms, at most {max(lives) * 1000:.0f} ms")
    assert after - before == 100 * len(keys)
    assert max(told) <= figure(2)
    assert median(lives) <= figure(0.1)
    assert await sound(town, crowd) == []


async def _timed(client: httpx2.AsyncClient, path: str, times: int, crowd: Crowd) -> list[float]:
    """How long each of many waited for its 503."""

    async def one() -> float:
        sent_at = time.monotonic()
        answer = await client.get(path, headers=crowd.people[1][1])
        problem: dict[str, Any] = answer.json()
        assert (answer.status_code, problem["code"]) == (503, "unavailable")
        assert int(answer.headers["retry-after"]) >= 1
        return time.monotonic() - sent_at

    return list(await asyncio.gather(*(one() for _ in range(times))))


async def _livez(client: httpx2.AsyncClient, *, seconds: float) -> list[float]:
    waited, until = [], time.monotonic() + seconds
    while time.monotonic() < until:
        sent_at = time.monotonic()
        assert (await client.get("/livez")).status_code == 200
        waited.append(time.monotonic() - sent_at)
        await asyncio.sleep(0.02)
    return waited
