"""Processes die under load: what was acknowledged is there, once, and the service comes back by itself."""

import asyncio
import random
import signal

import asyncpg
import pytest

from tests.conftest import new_key
from tests.faults.crowd import Crowd, Payment, sound
from tests.faults.town import LONG, Town, figure, until

pytestmark = pytest.mark.xdist_group("faults")
CLIENTS = 24
ROUNDS = 12 if LONG else 1
START_SECONDS, RECOVERY_SECONDS = 60, 60
"""To give up after; what is promised are the gaps."""
WAITING = "SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"


async def test_postgres_runs_with_every_durability_setting_on(town: Town) -> None:
    for setting in ("fsync", "full_page_writes", "synchronous_commit", "data_checksums"):
        assert await town.ask(f"SHOW {setting}") == "on"


@pytest.mark.parametrize("number", range(ROUNDS))
async def test_postgres_killed_under_load_loses_and_doubles_nothing(
    town: Town, crowd: Crowd, dice: random.Random, number: int
) -> None:
    async def harm() -> None:
        await crowd.acknowledged(dice.randint(50, 300), seconds=START_SECONDS)
        await town.kill_postgres()
        assert await asyncio.to_thread(town.stack.restart_dead) == ["postgres"]
        await crowd.acknowledged(100, seconds=RECOVERY_SECONDS)

    await crowd.rage(CLIENTS, harm=harm)
    assert sum(crowd.retried.values()) > 0, "the kill was not felt"
    assert await sound(town, crowd, gap=10) == []
    await _drained(town)


@pytest.mark.parametrize("number", range(ROUNDS))
async def test_the_api_killed_under_load_loses_and_doubles_nothing(
    town: Town, crowd: Crowd, dice: random.Random, number: int
) -> None:
    async def harm() -> None:
        await crowd.acknowledged(dice.randint(50, 300), seconds=START_SECONDS)
        town.signal("api", signal.SIGKILL)
        assert await town.ended("api", seconds=5) == -signal.SIGKILL
        town.start("api")
        await crowd.acknowledged(100, seconds=RECOVERY_SECONDS)

    await crowd.rage(CLIENTS, harm=harm)
    assert await sound(town, crowd, gap=5) == []


@pytest.mark.parametrize("number", range(ROUNDS))
async def test_the_worker_killed_under_load_delivers_every_event_in_the_end(
    town: Town, crowd: Crowd, dice: random.Random, number: int
) -> None:
    async def harm() -> None:
        await crowd.acknowledged(dice.randint(50, 150), seconds=START_SECONDS)
        town.signal("worker", signal.SIGKILL)
        assert await town.ended("worker", seconds=5) == -signal.SIGKILL
        await crowd.acknowledged(100, seconds=RECOVERY_SECONDS)

    await crowd.rage(CLIENTS, harm=harm)
    town.start("worker")
    assert await sound(town, crowd, gap=1) == []
    await _drained(town)


async def test_all_of_them_killed_at_once_lose_and_double_nothing(
    town: Town, crowd: Crowd, dice: random.Random
) -> None:
    async def harm() -> None:
        for _ in range(ROUNDS):
            await crowd.acknowledged(dice.randint(20, 200), seconds=START_SECONDS)
            for name in ("api", "worker"):
                town.signal(name, signal.SIGKILL)
            await town.kill_postgres()
            for name in ("api", "worker"):
                await town.ended(name, seconds=5)
                town.start(name)
            await asyncio.to_thread(town.stack.restart_dead)
        await crowd.acknowledged(50, seconds=RECOVERY_SECONDS)

    await crowd.rage(CLIENTS, harm=harm)
    assert await sound(town, crowd) == []
    await _drained(town)


async def test_sigterm_lets_every_request_in_flight_be_answered(town: Town, crowd: Crowd) -> None:
    """A lock on the payer's account holds thirty requests in flight until the signal has been sent."""
    payer_id = crowd.people[0][0].removeprefix("usr_")
    payments = [Payment(f"in flight {number}", 1) for number in range(30)]
    holder = await asyncpg.connect(town.database_url)
    lock = holder.transaction()
    await lock.start()
    await holder.execute("SELECT 1 FROM ledger_accounts WHERE id = $1::uuid FOR UPDATE", payer_id)
    sent = [asyncio.create_task(crowd.pay(0, 1, payment, new_key())) for payment in payments]
    await until(lambda: town.ask(WAITING), seconds=5)
    await town.ready()
    await town.ready()
    assert not any(task.done() for task in sent)
    town.signal("api", signal.SIGTERM)
    await until(lambda: _refuses(town), seconds=2)
    await lock.rollback()
    await holder.close()
    answers = await asyncio.gather(*sent, return_exceptions=True)
    await town.ended("api", seconds=30)
    town.start("api")
    await town.ready()
    assert [getattr(answer, "status_code", repr(answer)) for answer in answers] == [201] * 30
    for payment, answer in zip(payments, answers, strict=True):
        assert not isinstance(answer, BaseException)
        payment.answers.append((answer.status_code, answer.content))
    crowd.payments += payments
    assert await sound(town, crowd) == []


@pytest.mark.parametrize("number", range(ROUNDS))
async def test_a_restart_under_load_loses_and_doubles_nothing(
    town: Town, crowd: Crowd, dice: random.Random, number: int
) -> None:
    async def harm() -> None:
        await crowd.acknowledged(dice.randint(50, 300), seconds=START_SECONDS)
        town.signal("api", signal.SIGTERM)
        await town.ended("api", seconds=30)
        town.start("api")
        await crowd.acknowledged(100, seconds=RECOVERY_SECONDS)

    await crowd.rage(CLIENTS, harm=harm)
    assert await sound(town, crowd, gap=5) == []


async def test_the_proof_is_content_with_all_of_it(town: Town, crowd: Crowd) -> None:
    await _drained(town)
    assert await asyncio.to_thread(town.verify) == ""


async def _drained(town: Town) -> None:
    """Every event reaches its subscribers, once."""
    await until(lambda: town.ask("SELECT count(*) = 0 FROM outbox_queue"), seconds=figure(10))
    assert (
        await town.ask("""
        SELECT count(*) FROM transfers t FULL JOIN stories s ON s.id = t.id WHERE s.id IS NULL OR t.id IS NULL""")
        == 0
    )


async def _refuses(town: Town) -> bool:
    """Whether the API lets nobody new in."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", int(town.url.rpartition(":")[2]))
    except ConnectionRefusedError:
        return True
    writer.close()
    return False
