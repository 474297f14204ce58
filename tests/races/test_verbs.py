"""Every verb at once, on few accounts and through two apps; and that the checks of it can fail."""

import asyncio
from collections.abc import Sequence
from itertools import count
from typing import Any
from uuid import UUID

import httpx2
import pytest

from tests.conftest import World
from tests.races import storm
from tests.races.mess import Mess
from venmo_api.adapters.postgres import Transaction
from venmo_api.ledger import queries

VERBS = {"transfers", "refund", "requests", "accept", "decline", "cancel", "holds", "capture", "void"}


def _done(mess: Mess) -> set[str]:
    return {path.rpartition("/")[2] for path, answers in mess.answers if answers[0].status_code < 300}


async def test_64_clients_on_8_accounts_with_every_verb_through_two_apps(fresh: World) -> None:
    people = [await fresh.person(money=2000) for _ in range(8)]
    async with storm.second_app(fresh) as other:
        mess = Mess([fresh, other], people, storm.seeded())
        await mess.rage(200)
        for _ in range(10):  # chance may have left out a verb
            if _done(mess) != VERBS:
                await mess.rage(40)
        assert await mess.disagreements() == []
        assert await mess.money() == 8 * 2000
        assert await storm.deadlocks(fresh, other) == 0
    assert _done(mess) == VERBS
    assert sum(len(answers) == 3 for _, answers in mess.answers) > 40


async def test_opposite_payments_through_two_apps_with_accounts_locked_in_order_of_mention_deadlock_and_are_counted(
    fresh: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody is told: the loser runs again. So the count is what shows it."""
    real, turns = queries.lock_accounts, count()

    async def as_mentioned(tx: Transaction, ids: Sequence[UUID]) -> list[Any]:
        rows: list[Any] = []
        for one in ids if next(turns) % 2 else reversed(ids):
            rows += await real(tx, [one])
            await asyncio.sleep(0.01)
        return rows

    people = [await fresh.person(money=1000) for _ in range(2)]
    monkeypatch.setattr(queries, "lock_accounts", as_mentioned)
    async with storm.second_app(fresh) as other:
        mess = Mess([fresh, other], people, storm.seeded())
        for _ in range(5):
            await asyncio.gather(*(mess.pay(*pair, 1) for pair in ((people[0], people[1]), (people[1], people[0])) * 4))
        assert await storm.deadlocks(fresh, other) > 0
    assert await mess.money() == 2000


async def test_what_does_not_fit_is_found_when_planted(fresh: World) -> None:
    people = [await fresh.person(money=1000) for _ in range(2)]
    mess = Mess([fresh], people, storm.seeded(), tripled=0)
    for _ in range(3):
        await mess.pay(*people, 1)
    assert await mess.disagreements() == []
    (path, [sound]), (_, [other]), (_, [unclaimed]) = mess.answers
    mess.answers = [
        (path, [sound, other]),
        ("/lost", [httpx2.Response(201, content=b'{"id":"tr_nobody"}')]),
        ("/broken", [httpx2.Response(500, content=b"{}")]),
    ]
    assert sorted(await mess.disagreements()) == sorted(
        [
            f"{path}: told differently under one key",
            "tr_nobody: told and not there",
            "/broken: answered [500]",
            f"{other.json()['id']}: there and told to nobody",
            f"{unclaimed.json()['id']}: there and told to nobody",
        ]
    )
