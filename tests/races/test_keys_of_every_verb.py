"""One key on every verb that takes one: however often it is sent it is done once and answered with the same bytes."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from tests.conftest import Person, World, new_key
from tests.transfers.steps import run
from venmo_api.idempotency import jobs
from venmo_api.idempotency import service as idempotency

Body = dict[str, Any]
Prepared = tuple[Person, str, Body]
"""Who sends what where."""
SENDS = 10
ROWS = """
    SELECT (SELECT count(*) FROM ledger_transactions) AS posted, (SELECT count(*) FROM transfers) AS transfers,
           (SELECT count(*) FROM payment_requests) AS requests, (SELECT count(*) FROM ledger_holds) AS holds,
           (SELECT count(*) FROM events) AS events
"""


async def _pay(alice: Person, bob: Person) -> Prepared:
    return alice, "/transfers", {"recipient": {"user_id": bob.id}, "amount": 10, "note": "x"}


async def _refund(alice: Person, bob: Person) -> Prepared:
    paid = (await alice.pay(bob, 500)).json()["id"]
    return bob, f"/transfers/{paid}/refund", {"amount": 10}


async def _ask(alice: Person, bob: Person) -> Prepared:
    return bob, "/requests", {"payer": {"user_id": alice.id}, "amount": 10, "note": "x"}


async def _split(alice: Person, bob: Person) -> Prepared:
    return (
        bob,
        "/splits",
        {"total": 10, "note": "x", "method": "equal", "participants": [{"user_id": alice.id}]},
    )


async def _accept(alice: Person, bob: Person) -> Prepared:
    asked = (await bob.post("/requests", (await _ask(alice, bob))[2], key=new_key())).json()["id"]
    return alice, f"/requests/{asked}/accept", {"audience": "private"}


async def _hold(alice: Person, bob: Person) -> Prepared:
    return alice, "/holds", {"payee": {"user_id": bob.id}, "amount": 10, "note": "x"}


async def _capture(alice: Person, bob: Person) -> Prepared:
    body = {"payee": {"user_id": bob.id}, "amount": 500, "note": "x"}
    held = (await alice.post("/holds", body, key=new_key())).json()["id"]
    return bob, f"/holds/{held}/capture", {"amount": 10}


async def _top_up(alice: Person, bob: Person) -> Prepared:
    source = (await alice.post("/wallet/funding-sources", {"token": "sandbox_bank_ok"})).json()["id"]
    return alice, "/wallet/top-ups", {"funding_source_id": source, "amount": 10}


async def _cash_out(alice: Person, bob: Person) -> Prepared:
    source = (await alice.post("/wallet/funding-sources", {"token": "sandbox_bank_ok"})).json()["id"]
    return alice, "/wallet/cash-outs", {"funding_source_id": source, "amount": 10, "speed": "standard"}


VERBS = [_pay, _refund, _ask, _split, _accept, _hold, _capture, _top_up, _cash_out]
every_verb = pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.__name__.strip("_"))
Verb = Callable[[Person, Person], Awaitable[Prepared]]


async def _people(world: World) -> tuple[Person, Person]:
    return await world.person("alice", money=1000), await world.person("bob", money=1000)


async def _counts(world: World) -> dict[str, int]:
    [row] = await run(world, ROWS)
    return dict(row)


async def _sent(world: World, who: Person, path: str, body: Body, key: str) -> list[httpx2.Response]:
    """The same request many times at once; one that finds the first still running waits for it, as clients do."""

    async def one() -> httpx2.Response:
        answer = await who.post(path, body, key=key)
        while answer.status_code in (409, 503):
            assert answer.json()["code"] in ("operation_in_flight", "unavailable"), answer.text
            await asyncio.sleep(0.05)
            answer = await who.post(path, body, key=key)
        return answer

    return list(await asyncio.gather(*(one() for _ in range(SENDS))))


@every_verb
async def test_many_sends_at_once_and_later_are_one(fresh: World, verb: Verb) -> None:
    who, path, body = await verb(*await _people(fresh))
    before, key = await _counts(fresh), new_key()
    answers = await _sent(fresh, who, path, body, key)
    once = await _counts(fresh)
    assert once != before
    assert {answer.status_code for answer in answers} <= {200, 201}, answers[0].text
    assert len({answer.content for answer in answers}) == 1

    await fresh.app.redis.client.flushdb()
    fresh.clock.advance(timedelta(hours=23))
    await jobs.forget_old(fresh.app)
    again = await who.post(path, body, key=key)
    assert (again.status_code, again.content) == (answers[0].status_code, answers[0].content)
    assert again.headers["idempotent-replayed"] == "true"
    assert await _counts(fresh) == once


@every_verb
async def test_another_body_no_key_and_another_person(fresh: World, verb: Verb) -> None:
    alice, bob = await _people(fresh)
    (who, path, body), key = await verb(alice, bob), new_key()
    first = await who.post(path, body, key=key)
    assert first.status_code in (200, 201), first.text
    once = await _counts(fresh)
    changed = body | ({"audience": "friends"} if "audience" in body else {name: 11 for name in body if "mo" in name})
    changed = changed if changed != body else body | {"note": "y"}
    reused = await who.post(path, changed, key=key)
    assert (reused.status_code, reused.json()["code"]) == (422, "idempotency_key_reused")
    missing = await who.post(path, body)
    assert (missing.status_code, missing.json()["code"]) == (400, "idempotency_key_invalid")
    assert await _counts(fresh) == once

    other = bob if who is alice else alice
    theirs = await other.post(path, body, key=key)
    assert "idempotent-replayed" not in theirs.headers
    assert theirs.content != first.content


@every_verb
async def test_without_the_memory_of_keys_each_send_is_another(
    fresh: World, monkeypatch: pytest.MonkeyPatch, verb: Verb
) -> None:
    """The planted defect: what was answered is neither looked for nor kept."""

    async def nothing(*_: Any, **__: Any) -> dict[Any, Any]:
        return {}

    who, path, body = await verb(*await _people(fresh))
    for name in ("known", "remember", "complete"):
        monkeypatch.setattr(idempotency, name, nothing)
    key = new_key()
    answers = [await who.post(path, body, key=key) for _ in range(2)]
    assert len({answer.content for answer in answers}) == 2
