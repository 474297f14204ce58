"""The log tells everything: taken again, each decision comes out as it was; each feature is what history says."""

import dataclasses
import random
from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from tests.conftest import World
from tests.risk import history
from tests.risk.history import Done
from tests.risk.steps import block, snooze, wary
from tests.transfers.commands import AT, pay, user_id
from venmo_api.adapters.postgres import Transaction
from venmo_api.core.policy import Policy
from venmo_api.risk import decisions, rules
from venmo_api.risk.decisions import Logged
from venmo_api.risk.desk import EPOCH, MICROSECOND
from venmo_api.risk.features import INDEX
from venmo_api.settings import Settings
from venmo_api.transfers import schemas, service

PAYMENTS, BATCH, PEOPLE = 2_000, 100, 12
STRICT = Policy(
    velocity_hour_count=8,
    velocity_hour_sum=400,
    velocity_day_count=30,
    velocity_day_sum=2_000,
    mule_payers=5,
    mule_received=600,
    score_review=0.6,
    score_deny=0.9,
)
LOG = text("SELECT * FROM risk_decisions WHERE sender_id = ANY(:people) ORDER BY tx_id")


@dataclasses.dataclass
class Moody:
    """Fails for some amounts; else a score that every feature changes."""

    sha256: str | None = "d" * 64

    def score(self, rows: Sequence[Sequence[int]]) -> list[float]:
        if rows[0][INDEX["amount"]] == 13:
            raise ArithmeticError("no score")
        return [(hash(tuple(row)) % 1_000) / 1_000 for row in rows]


@dataclasses.dataclass
class Played:
    """What was logged of random payments, and when everybody signed up."""

    logged: list[Logged]
    policies: dict[str, Policy]
    opened: dict[UUID, int]


@pytest.fixture(scope="module")
async def played(settings: Settings) -> AsyncIterator[Played]:
    async with wary(settings, scorer=Moody(), policy=STRICT) as world:
        people = [await world.person(f"p{number}", money=100_000) for number in range(PEOPLE)]
        await block(world, people[0])
        await snooze(world, people[1], "velocity_hour", until=AT.replace(second=16))
        yield await _played(world, [user_id(person) for person in people])


async def _played(world: World, people: list[UUID]) -> Played:
    """Paid in batches, in a transaction that is rolled back."""
    rng = random.Random(7)
    commands = [
        pay(n, *rng.sample(people, 2), rng.choice((1, 13, 40, 90)), note=str(n), key=f"replayed-{n}")
        for n in range(PAYMENTS)
    ]
    work = partial(service.pay, app=world.app, render=schemas.reply)
    async with world.app.database.engine.connect() as connection:
        tx = Transaction(connection)
        for start in range(0, PAYMENTS, BATCH):
            await work(tx, commands[start : start + BATCH])
        rows = (await tx.execute(LOG, {"people": people})).all()
        known = await decisions.policies(tx)
        since = await tx.execute(text("SELECT id, created_at FROM users WHERE id = ANY(:people)"), {"people": people})
        opened = {row.id: (row.created_at - EPOCH) // MICROSECOND for row in since}
        await connection.rollback()
    return Played([decisions.from_row(row) for row in rows], known, opened)


def _different(logged: Sequence[Logged], known: dict[str, Policy]) -> list[UUID]:
    return [one.tx_id for one in logged if not decisions.stands(one, known)]


async def test_every_decision_comes_out_as_it_was(played: Played) -> None:
    assert len(played.logged) == PAYMENTS
    verdicts = [one.decision.verdict for one in played.logged]
    assert {verdict: verdicts.count(verdict) > 50 for verdict in rules.Verdict} == dict.fromkeys(rules.Verdict, True)
    reasons = {reason for one in played.logged for reason in one.decision.reasons}
    assert reasons >= {"velocity_hour", "score_high", "score_very_high", "sender_blocked", "recipient_blocked"}
    assert any(one.facts.degraded for one in played.logged)
    assert any(one.facts.snoozed for one in played.logged)
    assert _different(played.logged, played.policies) == []


@pytest.mark.parametrize(
    "change",
    [
        {"verdict": rules.Verdict.DENY},
        {"reasons": (rules.Reason.STRUCTURING,)},
        {"score": 0.95},
        {"amount": 500_000},
        {"listed": (rules.Reason.SENDER_BLOCKED,)},
        {"degraded": True, "amount": STRICT.degraded_most + 1},
        {"policy": "unknown"},
    ],
)
async def test_a_planted_difference_is_found(played: Played, change: dict[str, Any]) -> None:
    spoilt = next(
        at
        for at, one in enumerate(played.logged)
        if one.decision == rules.ALLOWED and one.facts.features[INDEX["sender_sent_count_2h"]] >= 8
    ) if "amount" in change and "degraded" not in change else next(
        at for at, one in enumerate(played.logged) if one.decision == rules.ALLOWED
    )  # fmt: skip
    one = played.logged[spoilt]
    changed = dataclasses.replace(
        one,
        facts=dataclasses.replace(one.facts, **_of(change, one.facts)),
        decision=dataclasses.replace(one.decision, **_of(change, one.decision)),
        **_of(change, one),
    )
    logged = [*played.logged[:spoilt], changed, *played.logged[spoilt + 1 :]]
    assert _different(logged, played.policies) == [one.tx_id]


async def test_a_policy_that_is_not_the_one_of_then_is_found(played: Played) -> None:
    other = dict.fromkeys(played.policies, Policy(score_review=0.3))
    assert len(_different(played.logged, other)) > 100


async def test_each_feature_in_the_log_is_what_the_whole_history_says(played: Played) -> None:
    in_order = sorted(played.logged, key=lambda one: one.decided_at)[:400]
    done = [
        Done(
            (one.decided_at - EPOCH) // MICROSECOND,
            one.sender_id,
            one.recipient_id,
            one.facts.amount,
            denied=one.decision.verdict is rules.Verdict.DENY,
        )
        for one in in_order
    ]
    different = sum(
        history.vector(done[:at], done[at], played.opened) != list(one.facts.features)
        for at, one in enumerate(in_order)
    )
    assert different == 0


def _of(change: dict[str, Any], thing: Any) -> dict[str, Any]:
    names = {each.name for each in dataclasses.fields(thing)}
    return {name: value for name, value in change.items() if name in names}
