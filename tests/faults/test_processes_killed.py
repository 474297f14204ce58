"""Processes die under load: what was acknowledged is there, once, and the service comes back by itself."""

import asyncio
import dataclasses
import random
import signal

import asyncpg
import pytest

from tests.conftest import new_key
from tests.faults.town import Crowd, Payment, Town, broken_promises, until

pytestmark = pytest.mark.xdist_group("faults")
CLIENTS = 24
RECOVERY_SECONDS = 10
WAITING = "SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"


@pytest.fixture
def dice() -> random.Random:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    return random.Random(seed)


async def _drained(town: Town) -> None:
    """Every event reaches its subscribers within ten seconds, once."""
    await until(lambda: town.ask("SELECT count(*) = 0 FROM outbox_queue"), seconds=RECOVERY_SECONDS)
    assert (
        await town.ask("""
        SELECT count(*) FROM transfers t FULL JOIN stories s ON s.id = t.id WHERE s.id IS NULL OR t.id IS NULL""")
        == 0
    )


async def test_postgres_runs_with_every_durability_setting_on(town: Town) -> None:
    for setting in ("fsync", "full_page_writes", "synchronous_commit", "data_checksums"):
        assert await town.ask(f"SHOW {setting}") == "on"


async def test_postgres_killed_under_load_loses_and_doubles_nothing(
    town: Town, crowd: Crowd, dice: random.Random
) -> None:
    async def harm() -> None:
        await crowd.acknowledged(dice.randint(100, 300), seconds=20)
        await town.kill_postgres()
        assert await asyncio.to_thread(town.stack.restart_dead) == ["postgres"]
        await crowd.acknowledged(100, seconds=RECOVERY_SECONDS)

    await crowd.rage(CLIENTS, harm=harm)
    assert crowd.retried["500"] == 0, crowd.retried
    assert sum(crowd.retried.values()) > 0, "the kill was not felt"
    assert await broken_promises(town.database_url, crowd.payments) == []
    await _drained(town)


async def test_the_api_killed_under_load_loses_and_doubles_nothing(
    town: Town, crowd: Crowd, dice: random.Random
) -> None:
    async def harm() -> None:
        await crowd.acknowledged(dice.randint(100, 300), seconds=20)
        town.signal("api", signal.SIGKILL)
        assert await town.ended("api", seconds=5) == -signal.SIGKILL
        town.start("api")
        await crowd.acknowledged(100, seconds=RECOVERY_SECONDS)

    await crowd.rage(CLIENTS, harm=harm)
    assert crowd.retried["500"] == 0, crowd.retried
    assert await broken_promises(town.database_url, crowd.payments) == []


async def test_the_worker_killed_under_load_delivers_every_event_in_the_end(
    town: Town, crowd: Crowd, dice: random.Random
) -> None:
    async def harm() -> None:
        await crowd.acknowledged(dice.randint(50, 150), seconds=20)
        town.signal("worker", signal.SIGKILL)
        assert await town.ended("worker", seconds=5) == -signal.SIGKILL
        await crowd.acknowledged(100, seconds=RECOVERY_SECONDS)
        town.start("worker")

    await crowd.rage(CLIENTS, harm=harm)
    assert await broken_promises(town.database_url, crowd.payments) == []
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
    assert await broken_promises(town.database_url, crowd.payments) == []


async def test_what_an_outsider_would_hold_against_us_is_found_when_planted(town: Town, crowd: Crowd) -> None:
    one, other = Payment("planted one", 5), Payment("planted other", 6)
    for payment in (one, other):
        answer = await crowd.pay(0, 1, payment, new_key())
        payment.answers.append((answer.status_code, answer.content))
    crowd.payments += [one, other]
    assert await broken_promises(town.database_url, crowd.payments) == []

    lost = Payment("planted lost", 5, [(201, one.answers[0][1].replace(b'"tr_', b'"tr_f'))])
    denied = dataclasses.replace(other, answers=[(402, b"{}")])
    assert await broken_promises(town.database_url, [*crowd.payments[:-2], denied, lost]) == [
        "planted other: posted and not acknowledged",
        "planted lost: acknowledged and lost",
        "planted one: nobody sent this",
    ]
    rename = "UPDATE transfers SET note = $2 WHERE id IN (SELECT id FROM transfers WHERE note = $1 LIMIT 1)"
    await town.ask(rename, "planted other", "planted one")
    doubled = await broken_promises(town.database_url, crowd.payments)
    await town.ask("UPDATE transfers SET note = 'planted other' WHERE note = 'planted one' AND amount = 6")
    assert doubled == ["planted one: posted 2 times", "planted other: acknowledged and lost"]


async def _refuses(town: Town) -> bool:
    """Whether the API lets nobody new in."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", int(town.url.rpartition(":")[2]))
    except ConnectionRefusedError:
        return True
    writer.close()
    return False
