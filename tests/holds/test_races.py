"""Many steps of authorisations at once, through two apps: what of them happens, and that the money adds up."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

import httpx2

from tests.conftest import Person, World, new_key
from tests.holds.steps import authorise, capture, held, uuid_of, void
from tests.ledger import audit
from tests.races import storm
from tests.transfers.commands import user_id
from tests.transfers.steps import run, until_answered, wallet
from venmo_api.adapters.postgres import Transaction
from venmo_api.holds import service

Send = Callable[[], Awaitable[httpx2.Response]]


async def _at_once(sends: Sequence[Send]) -> list[httpx2.Response]:
    return list(await asyncio.gather(*(until_answered(send) for send in sends)))


def _both(person: Person, other: World, count: int) -> list[Person]:
    """The same person as so many clients, in turn of this and the other app."""
    return [storm.at(other, person) if number % 2 else person for number in range(count)]


def _statuses(answers: Sequence[httpx2.Response]) -> Counter[int]:
    return Counter(answer.status_code for answer in answers)


async def _ended(world: World) -> list[str]:
    rows = await run(world, "SELECT payload ->> 'status' AS status FROM events WHERE topic = 'HoldEnded'")
    return [row["status"] for row in rows]


async def test_of_six_parallel_holds_on_a_balance_for_three_exactly_three_are_placed(fresh: World) -> None:
    async with storm.second_app(fresh) as other:
        for _ in range(5):
            alice, bob = await fresh.person("alice", money=3000), await fresh.person("bob")
            sends = [partial(authorise, client, bob, 1000, key=new_key()) for client in _both(alice, other, 6)]
            answers = await _at_once(sends)
            assert _statuses(answers) == {201: 3, 402: 3}
            assert await wallet(alice) == (0, 3000, 0)
            assert len((await bob.get("/holds")).json()["data"]) == 3
    assert await audit.findings(fresh) == []


async def test_of_a_capture_and_a_void_at_the_same_moment_one_wins(fresh: World) -> None:
    won = Counter[str]()
    async with storm.second_app(fresh) as other:
        for turn in range(12):
            alice, bob, hold = await held(fresh, 1000)
            one, two = _both(bob, other, 2) if turn % 4 < 2 else _both(bob, other, 2)[::-1]
            sends = [partial(capture, one, hold, key=new_key()), partial(void, two, hold)]
            order = sends if turn % 2 else sends[::-1]
            found = {send.func.__name__: answer for send, answer in zip(order, await _at_once(order), strict=True)}
            status = (await alice.get(f"/holds/{hold}")).json()["status"]
            captured = status == "settled"
            assert found["capture"].status_code == (201 if captured else 409)
            assert found["void"].status_code == (409 if captured else 200)
            given = (0, 1000) if captured else (1000, 0)
            assert (await wallet(alice), await wallet(bob)) == ((given[0], 0, 0), (given[1], 0, 0))
            won[status] += 1
    assert set(won) <= {"settled", "cancelled"}
    assert Counter(await _ended(fresh)) == won
    assert await audit.findings(fresh) == []


async def test_of_twenty_parallel_captures_of_the_whole_exactly_one_happens(fresh: World) -> None:
    alice, bob, hold = await held(fresh, 1000, money=50_000)
    async with storm.second_app(fresh) as other:
        answers = await _at_once([partial(capture, client, hold, key=new_key()) for client in _both(bob, other, 20)])
    assert _statuses(answers) == {201: 1, 409: 19}
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"hold_ended"}
    assert (await wallet(alice), await wallet(bob)) == ((49_000, 0, 0), (1000, 0, 0))
    assert await _ended(fresh) == ["settled"]
    assert await audit.findings(fresh) == []


async def test_fifty_parallel_parts_never_capture_more_than_is_held(fresh: World) -> None:
    alice, bob, hold = await held(fresh, 1000, money=50_000)
    async with storm.second_app(fresh) as other:
        sends = [partial(capture, client, hold, 30, key=new_key()) for client in _both(bob, other, 50)]
        answers = await _at_once(sends)
    assert _statuses(answers) == {201: 33, 402: 17}
    assert {answer.json()["left"] for answer in answers if answer.status_code == 402} == {10}
    assert (await wallet(alice), await wallet(bob)) == ((49_000, 10, 0), (990, 0, 0))
    assert (await bob.get(f"/holds/{hold}")).json()["captured"] == 990
    assert await audit.findings(fresh) == []


async def test_one_key_sent_twenty_times_holds_once_and_captures_once(fresh: World) -> None:
    alice, bob = await fresh.person("alice", money=50_000), await fresh.person("bob")
    async with storm.second_app(fresh) as other:
        key = new_key()
        answers = await _at_once([partial(authorise, one, bob, 1000, key=key) for one in _both(alice, other, 20)])
        assert {(answer.status_code, answer.content) for answer in answers} == {(201, answers[0].content)}
        hold = answers[0].json()["id"]
        answers = await _at_once([partial(capture, one, hold, 300, key=key) for one in _both(bob, other, 20)])
        assert {(answer.status_code, answer.content) for answer in answers} == {(201, answers[0].content)}
    assert (await wallet(alice), await wallet(bob)) == ((49_000, 700, 0), (300, 0, 0))
    assert await audit.findings(fresh) == []


async def test_parallel_voids_give_back_once_and_all_say_so(fresh: World) -> None:
    alice, bob, hold = await held(fresh, 1000)
    async with storm.second_app(fresh) as other:
        answers = await _at_once([partial(void, client, hold) for client in _both(bob, other, 20)])
    assert {(answer.status_code, answer.content) for answer in answers} == {(200, answers[0].content)}
    assert await wallet(alice) == (1000, 0, 0)
    assert await _ended(fresh) == ["cancelled"]
    assert await audit.findings(fresh) == []


async def test_of_a_capture_a_void_and_the_expiry_at_the_same_moment_one_wins(fresh: World) -> None:
    won = Counter[str]()
    async with storm.second_app(fresh) as other:
        other.clock.advance(timedelta(hours=1))  # its hour has come there, and here it has not
        for turn in range(12):
            alice, bob, hold = await held(fresh, 1000, expires_in_seconds=60)
            steps: list[Any] = [
                until_answered(partial(capture, bob, hold, key=new_key())),
                other.app.database.transact(service.expire, other.app, uuid_of(hold)),
                until_answered(partial(void, bob, hold)),
            ]
            await asyncio.gather(*(steps[(at + turn) % 3] for at in range(3)))
            await other.app.database.transact(service.expire, other.app, uuid_of(hold))  # it skips what is locked
            status = (await alice.get(f"/holds/{hold}")).json()["status"]
            given = (0, 1000) if status == "settled" else (1000, 0)
            assert (await wallet(alice), await wallet(bob)) == ((given[0], 0, 0), (given[1], 0, 0))
            won[status] += 1
    assert set(won) <= {"settled", "cancelled", "expired"}
    assert Counter(await _ended(fresh)) == won
    assert await audit.findings(fresh) == []


async def test_what_is_held_is_not_spent_by_payments_at_the_same_moment(fresh: World) -> None:
    alice, bob = await fresh.person("alice", money=3000), await fresh.person("bob")
    async with storm.second_app(fresh) as other:
        clients = _both(alice, other, 20)
        holding: list[Send] = [partial(authorise, client, bob, 1000, key=new_key()) for client in clients]
        paying: list[Send] = [partial(client.pay, bob, 1000, key=new_key()) for client in clients[::-1]]
        answers = await _at_once([send for two in zip(holding, paying, strict=True) for send in two])
    assert _statuses(answers) == {201: 3, 402: 37}
    placed, paid = (sum(answer.status_code == 201 for answer in answers[start::2]) for start in (0, 1))
    assert (await wallet(alice), await wallet(bob)) == ((0, placed * 1000, 0), (paid * 1000, 0, 0))
    for hold in (await bob.get("/holds")).json()["data"]:
        assert (await capture(bob, hold["id"])).status_code == 201
    assert await wallet(bob) == (3000, 0, 0)
    assert await audit.findings(fresh) == []


async def test_steps_both_ways_and_payments_do_not_deadlock_and_lose_nothing(fresh: World) -> None:
    dice = storm.seeded()
    people = [await fresh.person(money=20_000) for _ in range(4)]
    async with storm.second_app(fresh) as other:

        async def client(number: int) -> None:
            for _ in range(6):
                payer, payee = dice.sample(people, 2)
                payer, payee = (storm.at(other, one) if number % 2 else one for one in (payer, payee))
                placed = await until_answered(partial(authorise, payer, payee, 500, key=new_key()))
                hold = placed.json()["id"]
                parts = [partial(capture, payee, hold, 200, key=new_key()) for _ in range(3)]
                ends = partial(void, payee, hold)
                await _at_once([*parts, partial(payee.pay, payer, 50, key=new_key()), ends])

        await asyncio.gather(*(client(number) for number in range(8)))
    assert await storm.total(people) == 80_000
    assert (await run(fresh, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"))[0][0] == 0
    assert (await run(fresh, "SELECT count(*) FROM ledger_holds WHERE open"))[0][0] == 0
    assert await audit.findings(fresh) == []


async def test_a_capture_that_waits_for_a_void_finds_it_voided(fresh: World) -> None:
    """No luck needed: the capture is sent while the other holds the row."""
    alice, bob, hold = await held(fresh, 1000)

    async def slow(tx: Transaction) -> asyncio.Task[httpx2.Response]:
        await service.void(tx, fresh.app, user_id(bob), uuid_of(hold))
        waiting = asyncio.create_task(capture(bob, hold))
        await asyncio.sleep(0.3)
        assert not waiting.done()
        return waiting

    answer = await (await fresh.app.database.transact(slow))
    assert (answer.status_code, answer.json()["hold_status"]) == (409, "cancelled")
    assert await wallet(alice) == (1000, 0, 0)
    assert await audit.findings(fresh) == []
