"""Sends at the edge of a limit, many at once: never above; and that the check can fail."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from functools import partial

import pytest

from tests.conftest import Person, World, new_key, settings_for, world_over
from tests.ledger import audit
from tests.races import storm
from tests.races.test_planted import UNLOCKED
from tests.transfers.steps import run, until_answered
from venmo_api.core.figures import Figures
from venmo_api.ledger import queries as ledger

MOST = 1000


@pytest.fixture
async def two_apps(fresh: World) -> AsyncIterator[tuple[World, World]]:
    """Two apps over one database, where only the limit is strict."""
    settings = settings_for(str(fresh.app.database.engine.url.database), redis_number=0, bucket="unused")
    figures = Figures(sent_unverified=MOST, confirm_payee_above=10**9, duplicate_seconds=0)
    strict = settings.model_copy(update={"figures": figures})
    async with world_over(strict, redis=fresh.app.redis) as one, world_over(strict, redis=fresh.app.redis) as other:
        yield one, other


async def _storm(one: World, other: World, amount: int) -> tuple[Person, Counter[int]]:
    alice, payees = await one.person("alice", money=100_000), [await one.person("bob") for _ in range(5)]
    clients = [alice if number % 2 else storm.at(other, alice) for number in range(50)]
    sends = [partial(client.pay, payees[number % 5], amount, key=new_key()) for number, client in enumerate(clients)]
    answers = await asyncio.gather(*(until_answered(send) for send in sends))
    assert {answer.json()["code"] for answer in answers if answer.status_code != 201} <= {"limit_exceeded"}
    return alice, Counter(answer.status_code for answer in answers)


@pytest.mark.parametrize(("amount", "fit"), [(MOST, 1), (300, 3), (30, 33)])
async def test_fifty_parallel_sends_never_pass_the_limit(two_apps: tuple[World, World], amount: int, fit: int) -> None:
    alice, statuses = await _storm(*two_apps, amount)
    assert statuses == {201: fit, 402: 50 - fit}
    assert await alice.balance() == 100_000 - fit * amount
    assert await audit.findings(two_apps[0]) == []


async def test_without_the_lock_and_the_proof_of_the_ledger_two_apps_pass_it_and_the_auditor_finds_it(
    two_apps: tuple[World, World], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit leans on the lock of the account."""
    one, other = two_apps
    await run(one, "ALTER TABLE ledger_accounts DISABLE TRIGGER prove")
    await run(one, "ALTER TABLE ledger_entries DISABLE TRIGGER prove")
    await run(one, "ALTER TABLE ledger_entries DROP CONSTRAINT pk_ledger_entries")
    await run(one, "ALTER TABLE limit_uses DROP CONSTRAINT pk_limit_uses")
    monkeypatch.setattr(ledger, "OPEN", UNLOCKED)
    passed = False
    for _ in range(5):
        _, statuses = await _storm(one, other, MOST)
        passed = passed or statuses[201] > 1
    assert passed
    assert await audit.findings(one) != []
