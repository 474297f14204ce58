"""The checks of this folder can fail: lies in a client's list are found, and so is a server that loses commits."""

import asyncio
import dataclasses

import asyncpg
import pytest

from tests.conftest import new_key
from tests.faults.crowd import Crowd, Payment, broken_promises
from tests.faults.town import Town

pytestmark = pytest.mark.xdist_group("faults")
LOSING = ("ALTER DATABASE venmo SET synchronous_commit = off", "ALTER SYSTEM SET wal_writer_delay = '10s'")
KEEPING = ("ALTER DATABASE venmo RESET synchronous_commit", "ALTER SYSTEM RESET wal_writer_delay")


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


async def test_commits_that_do_not_wait_for_the_disk_are_lost_by_a_kill_and_found(town: Town, crowd: Crowd) -> None:
    """Sessions keep their settings, so they are ended; the last acknowledged payments are still in memory only."""
    await _set(town, LOSING)
    lost: list[Payment] = []
    for number in range(20):
        last = Payment(f"planted unsafe {number}", 1)
        answer = await crowd.pay(0, 1, last, new_key())
        last.answers.append((answer.status_code, answer.content))
        lost.append(last)
    await town.kill_postgres()
    await asyncio.to_thread(town.stack.restart_dead)
    found = await broken_promises(town.database_url, [*crowd.payments, *lost])
    await _set(town, KEEPING)
    kept = {payment.note for payment in lost} - {one.removesuffix(": acknowledged and lost") for one in found}
    crowd.payments += [payment for payment in lost if payment.note in kept]
    assert found
    assert set(found) <= {f"{payment.note}: acknowledged and lost" for payment in lost}
    assert await broken_promises(town.database_url, crowd.payments) == []


async def _set(town: Town, statements: tuple[str, ...]) -> None:
    connection = await asyncpg.connect(town.database_url)
    try:
        for statement in statements:
            await connection.execute(statement)
        await connection.execute("SELECT pg_reload_conf()")
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'venmo-api'"
        )
    finally:
        await connection.close()
    await town.ready()
