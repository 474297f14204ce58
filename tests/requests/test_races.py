"""Steps of one request at the same moment, through two apps: exactly one of them ends it, and the money agrees."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Sequence
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from sqlalchemy import text

from tests.conftest import Person, World, new_key
from tests.ledger import audit
from tests.races import storm
from tests.requests.steps import accept, asked, status, take, told, uuid
from tests.transfers.steps import run, until_answered
from venmo_api.requests import jobs, queries

ROUNDS_LEAST, ROUNDS_MOST = 40, 300
UNLOCKED = text("SELECT * FROM payment_requests WHERE id = :id AND :user_id IN (requester_id, payer_id)")
UNGUARDED = text("""
    UPDATE payment_requests
    SET status = :status, transfer_id = :transfer_id, ended_at = :ended_at, ended_by = :ended_by
    WHERE id = :id RETURNING id
""")


async def disagreements(world: World, request_id: str, answers: Sequence[httpx2.Response]) -> list[str]:
    """Where the answers to steps of one request, its row, its events and its payment do not fit together."""
    found = [f"answered {answer.status_code}" for answer in answers if answer.status_code not in (200, 409)]
    winners = [answer.json() for answer in answers if answer.status_code == 200]
    query = "SELECT status, transfer_id FROM payment_requests WHERE id = $1"
    [row] = await run(world, query, uuid(request_id))
    paid = await run(world, "SELECT id FROM transfers WHERE request_id = $1", uuid(request_id))
    ends = [how for topic, how in await told(world, request_id) if topic == "RequestEnded"]
    if len(winners) != (row["status"] in ("settled", "cancelled")):
        found.append(f"{len(winners)} steps succeeded and it is {row['status']}")
    if any(winner["status"] != row["status"] for winner in winners):
        found.append(f"it is {row['status']} and somebody was told otherwise")
    if ends != [row["status"]]:
        found.append(f"it is {row['status']} and was announced as {ends}")
    if [each["id"] for each in paid] != ([row["transfer_id"]] if row["transfer_id"] else []):
        found.append(f"it is {row['status']} and was paid {len(paid)} times")
    refused = {answer.json().get("request_status") for answer in answers if answer.status_code == 409}
    if not refused <= {row["status"]}:
        found.append(f"it is {row['status']} and {refused} was named as the reason")
    return found


@pytest.mark.parametrize("step", ["cancel", "decline"])
async def test_accept_and_an_end_at_once_one_wins_and_either_may(fresh: World, step: str) -> None:
    alice, bob = await fresh.person("alice"), await fresh.person("bob", money=100_000)
    won: Counter[str] = Counter()
    async with storm.second_app(fresh) as other:
        for number in range(ROUNDS_MOST):
            request_id = await asked(alice, bob, 10)
            here, there = (fresh, other) if number % 4 < 2 else (other, fresh)
            ender = alice if step == "cancel" else bob
            # To accept takes longer than to end: it has a head start, of another length each time.
            ending = _after(0.001 * (number % 12), _surely(storm.at(there, ender), request_id, step))
            answers = await asyncio.gather(_surely(storm.at(here, bob), request_id), ending)
            assert await disagreements(fresh, request_id, answers) == []
            won[await status(alice, request_id)] += 1
            if number >= ROUNDS_LEAST and len(won) == 2:
                break
    assert set(won) == {"settled", "cancelled"}, won
    assert (await alice.balance(), await bob.balance()) == (10 * won["settled"], 100_000 - 10 * won["settled"])
    assert await audit.findings(fresh) == []


async def test_accept_and_expiry_at_once_one_wins_and_either_may(fresh: World) -> None:
    """The clock of the worker is a month ahead: for it the request is overdue, for the payer's app it is not."""
    alice, bob = await fresh.person("alice"), await fresh.person("bob", money=100_000)
    won: Counter[str] = Counter()
    async with storm.second_app(fresh) as other:
        other.clock.advance(timedelta(days=31))
        for number in range(ROUNDS_MOST):
            request_id = await asked(alice, bob, 10)
            head_start = 0.0002 * (number % 10)
            [answer, _] = await asyncio.gather(_surely(bob, request_id), _after(head_start, _expire(other)))
            assert await disagreements(fresh, request_id, [answer]) == []
            won[await status(alice, request_id)] += 1
            if number >= ROUNDS_LEAST and len(won) == 2:
                break
    assert set(won) == {"settled", "expired"}, won
    assert await alice.balance() == 10 * won["settled"]
    assert await audit.findings(fresh) == []


async def test_every_step_of_everybody_at_once(fresh: World) -> None:
    alice, bob = await fresh.person("alice"), await fresh.person("bob", money=100_000)
    async with storm.second_app(fresh) as other:
        for _ in range(15):
            request_id = await asked(alice, bob, 10)
            steps = [(bob, "accept"), (bob, "decline"), (alice, "cancel")] * 2
            sends = [
                _surely(storm.at((fresh, other)[n % 2], one), request_id, step) for n, (one, step) in enumerate(steps)
            ]
            answers = await asyncio.gather(*sends)
            twice = [answer for answer in answers if answer.status_code == 200]
            # Decline and cancel are answered the same when they are sent again.
            assert len({answer.content for answer in twice}) == 1
            once = [*twice[:1], *(answer for answer in answers if answer.status_code != 200)]
            assert await disagreements(fresh, request_id, once) == []
    assert await audit.findings(fresh) == []


async def test_twenty_accepts_under_one_key_pay_once_and_under_many_keys_too(fresh: World) -> None:
    alice, bob = await fresh.person("alice"), await fresh.person("bob", money=100_000)
    async with storm.second_app(fresh) as other:
        clients = [storm.at((fresh, other)[number % 2], bob) for number in range(20)]
        key, request_id = new_key(), await asked(alice, bob, 10)
        answers = await asyncio.gather(*(_surely(client, request_id, key=key) for client in clients))
        assert {(answer.status_code, answer.content) for answer in answers} == {(200, answers[0].content)}
        assert sum("idempotent-replayed" not in answer.headers for answer in answers) == 1
        request_id = await asked(alice, bob, 10)
        answers = await asyncio.gather(*(_surely(client, request_id) for client in clients))
        assert Counter(answer.status_code for answer in answers) == {200: 1, 409: 19}
        assert await disagreements(fresh, request_id, answers) == []
    assert await alice.balance() == 20
    assert await audit.findings(fresh) == []


async def test_two_people_accept_each_other_s_requests_and_pay_each_other_without_a_deadlock(fresh: World) -> None:
    alice, bob = await fresh.person("alice", money=10_000), await fresh.person("bob", money=10_000)
    async with storm.second_app(fresh) as other:
        made = [await asked(*pair, 10) for pair in ((alice, bob), (bob, alice)) * 20]
        accepts = [
            _surely(storm.at((fresh, other)[number % 3 % 2], (bob, alice)[number % 2]), request_id)
            for number, request_id in enumerate(made)
        ]
        pays = [_paid(*pair) for pair in ((alice, bob), (bob, alice)) * 20]
        answers = await asyncio.gather(*accepts, *pays)
        assert await storm.deadlocks(fresh, other) == 0
    assert Counter(answer.status_code for answer in answers) == {200: 40, 201: 40}
    assert (await alice.balance(), await bob.balance()) == (10_000, 10_000)
    assert await audit.findings(fresh) == []


async def test_one_key_of_a_request_sent_many_times_asks_once(fresh: World) -> None:
    alice, bob = await fresh.person("alice"), await fresh.person("bob")
    key = new_key()
    async with storm.second_app(fresh) as other:
        body = {"payer": {"user_id": bob.id}, "amount": 10, "note": "x"}
        sends = [storm.at((fresh, other)[number % 2], alice).post("/requests", body, key=key) for number in range(20)]
        answers = await asyncio.gather(*sends)
    assert {(answer.status_code, answer.content) for answer in answers} == {(201, answers[0].content)}
    assert len((await bob.get("/requests")).json()["data"]) == 1


async def _at_once_without_the_lock(world: World, monkeypatch: pytest.MonkeyPatch) -> tuple[str, list[httpx2.Response]]:
    """Accept and cancel, both of which have read the request before either writes it."""
    alice, bob = await world.person("alice"), await world.person("bob", money=1000)
    request_id = await asked(alice, bob, 10)
    monkeypatch.setattr(queries, "LOCK", UNLOCKED)
    real, both_have_read = queries.lock, asyncio.Barrier(2)

    async def lock(*args: Any) -> Any:
        row = await real(*args)
        await both_have_read.wait()
        return row

    monkeypatch.setattr(queries, "lock", lock)
    async with asyncio.timeout(10):
        sends = [accept(bob, request_id), take(alice, request_id, "cancel")]
        return request_id, await asyncio.gather(*sends)


async def test_without_the_lock_the_second_end_of_a_request_fails(
    fresh: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    request_id, answers = await _at_once_without_the_lock(fresh, monkeypatch)
    assert sorted(answer.status_code for answer in answers) == [200, 500]
    assert await disagreements(fresh, request_id, answers) == ["answered 500"]
    assert await audit.findings(fresh) == []


async def test_without_the_lock_and_that_guard_two_steps_win_and_the_check_says_so(
    fresh: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "END", UNGUARDED)
    request_id, answers = await _at_once_without_the_lock(fresh, monkeypatch)
    assert [answer.status_code for answer in answers] == [200, 200]
    found = await disagreements(fresh, request_id, answers)
    assert any(what.startswith("2 steps succeeded") for what in found), found


async def _surely(person: Person, request_id: str, step: str = "accept", *, key: str | None = None) -> httpx2.Response:
    """A step, sent again while the service is too busy."""
    if step != "accept":
        return await until_answered(lambda: take(person, request_id, step))
    kept = key or new_key()
    return await until_answered(lambda: accept(person, request_id, key=kept))


async def _paid(payer: Person, payee: Person) -> httpx2.Response:
    key = new_key()
    return await until_answered(lambda: payer.pay(payee, 1, note="beside", key=key))


async def _expire(world: World) -> int:
    return await jobs.expire_requests(world.app)


async def _after(seconds: float, work: Awaitable[int]) -> int:
    await asyncio.sleep(seconds)
    return await work
