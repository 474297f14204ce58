"""Splits over HTTP: everybody's part to the cent, all requests or none."""

import asyncio
from typing import Any

import httpx2
import pytest

from tests.conftest import Person, World, new_key
from tests.ledger import audit
from tests.races import storm
from tests.requests.steps import accept, told
from tests.transfers.steps import run


async def _people(world: World, count: int = 4, money: int = 0) -> list[Person]:
    return [await world.person(f"p{number}", money=money) for number in range(count)]


async def divide(
    creator: Person, others: list[Person], total: int, method: str = "equal", /, *, key: str | None = None, **more: Any
) -> httpx2.Response:
    measures = more.pop("measures", [{} for _ in others])
    participants = [{"user_id": one.id} | measure for one, measure in zip(others, measures, strict=True)]
    body = {"total": total, "note": "dinner", "method": method, "participants": participants} | more
    return await creator.post("/splits", body, key=key or new_key())


def parts(document: dict[str, Any]) -> list[int]:
    return [request["amount"] for request in document["requests"]]


async def test_an_expense_is_shared_and_paid(fresh: World) -> None:
    alice, *others = await _people(fresh, money=5000)
    answer = await divide(alice, others, 10_001, audience="private")
    document = answer.json()
    assert answer.status_code == 201
    assert document["id"].startswith("spl_")
    assert (parts(document), document["own_share"]) == ([2501, 2500, 2500], 2500)
    assert (document["settled"], document["outstanding"]) == (0, 7501)
    assert (document["creator"]["id"], document["method"], document["currency"]) == (alice.id, "equal", "USD")
    for request, payer in zip(document["requests"], others, strict=True):
        assert (request["split_id"], request["note"], request["audience"]) == (document["id"], "dinner", "private")
        assert (request["requester"]["id"], request["payer"]["id"]) == (alice.id, payer.id)
        assert (await payer.get("/requests")).json()["data"] == [request]
        assert await told(fresh, request["id"]) == [("RequestMade", None)]
    assert (await accept(others[0], document["requests"][0]["id"])).status_code == 200
    await others[1].post(f"/requests/{document['requests'][1]['id']}/decline")
    found = (await alice.get(f"/splits/{document['id']}")).json()
    assert (found["settled"], found["outstanding"]) == (2501, 2500)
    assert [request["status"] for request in found["requests"]] == ["settled", "cancelled", "pending"]
    del found["requests"]
    assert (await alice.get("/splits")).json() == {"data": [found], "next_cursor": None, "has_more": False}
    assert await alice.balance() == 7501
    assert await audit.findings(fresh) == []


async def test_a_participant_sees_their_own_part_and_a_stranger_nothing(world: World) -> None:
    alice, bob, carol, stranger = await _people(world)
    document = (await divide(alice, [bob, carol], 300)).json()
    seen = (await bob.get(f"/splits/{document['id']}")).json()
    assert seen["requests"] == document["requests"][:1]
    assert (seen["total"], seen["settled"], seen["outstanding"]) == (300, 0, 100)
    assert (await bob.get("/splits")).json()["data"] == []
    for split_id in (document["id"], "spl_" + "0" * 32, "nonsense"):
        answer = await stranger.get(f"/splits/{split_id}")
        assert (answer.status_code, answer.json()["code"]) == (404, "split_not_found")
    assert (await world.client.get(f"/v1/splits/{document['id']}")).status_code == 401


@pytest.mark.parametrize(
    ("total", "method", "more", "expected", "own"),
    [
        (1000, "equal", {}, [334, 333], 333),
        (1000, "equal", {"include_self": False}, [500, 500], 0),
        (2, "equal", {}, [1, 1], 0),
        (1, "equal", {}, [1], 0),
        (1000, "exact", {"measures": [{"amount": 300}, {"amount": 200}]}, [300, 200], 500),
        (500, "exact", {"measures": [{"amount": 300}, {"amount": 200}]}, [300, 200], 0),
        (500, "exact", {"measures": [{"amount": 300}, {"amount": 200}], "include_self": False}, [300, 200], 0),
        (600, "shares", {"measures": [{"shares": 2}, {"shares": 3}]}, [200, 300], 100),
        (600, "shares", {"measures": [{"shares": 1}, {}], "own_shares": 4}, [100, 100], 400),
        (500, "shares", {"measures": [{"shares": 2}, {"shares": 3}], "include_self": False}, [200, 300], 0),
        (1, "shares", {"own_shares": 1000}, [], 1),
    ],
)
async def test_parts(
    world: World, total: int, method: str, more: dict[str, Any], expected: list[int], own: int
) -> None:
    alice, bob, carol = await _people(world, 3)
    answer = await divide(alice, [bob, carol], total, method, **more)
    document = answer.json()
    assert (answer.status_code, parts(document), document["own_share"]) == (201, expected, own)
    assert sum(parts(document)) + own == total
    assert document["outstanding"] == total - own


@pytest.mark.parametrize(
    ("method", "more", "code"),
    [
        ("exact", {"measures": [{"amount": 300}, {"amount": 201}]}, "parts_exceed_total"),
        ("exact", {"measures": [{"amount": 300}, {"amount": 199}], "include_self": False}, "parts_below_total"),
        ("exact", {"measures": [{"amount": 300}, {}]}, "validation_failed"),
        ("exact", {"measures": [{"amount": 300}, {"amount": 0}]}, "validation_failed"),
        ("exact", {"measures": [{"amount": 3}, {"amount": 3}], "own_shares": 1}, "validation_failed"),
        ("equal", {"measures": [{"amount": 300}, {}]}, "validation_failed"),
        ("equal", {"measures": [{"shares": 1}, {}]}, "validation_failed"),
        ("equal", {"own_shares": 1}, "validation_failed"),
        ("shares", {"measures": [{"shares": 0}, {}]}, "validation_failed"),
        ("shares", {"own_shares": 1, "include_self": False}, "validation_failed"),
        ("shares", {"measures": [{"shares": 1, "amount": 1}, {}]}, "validation_failed"),
        ("thirds", {}, "validation_failed"),
        ("equal", {"currency": "EUR"}, "validation_failed"),
        ("equal", {"note": " "}, "validation_failed"),
        ("equal", {"total": 0}, "validation_failed"),
        ("equal", {"participants": []}, "validation_failed"),
        ("equal", {"participants": [{}]}, "validation_failed"),
        ("equal", {"participants": [{"username": "a_b", "email": "a@example.com"}]}, "validation_failed"),
        ("equal", {"participants": [{"username": f"user_{number}"} for number in range(51)]}, "validation_failed"),
        ("equal", {"more": 1}, "validation_failed"),
    ],
)
async def test_what_does_not_add_up_is_422_and_asks_nobody(
    world: World, method: str, more: dict[str, Any], code: str
) -> None:
    alice, bob, carol = await _people(world, 3)
    key = new_key()
    answer = await divide(alice, [bob, carol], 500, method, key=key, **more)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert (await bob.get("/requests")).json()["data"] == []
    assert (await divide(alice, [bob, carol], 500, key=key)).status_code == 201


async def test_who_cannot_take_part_is_named(world: World) -> None:
    alice, bob, carol = await _people(world, 3)
    await bob.verify()
    names = [{"user_id": bob.id}, {"username": carol.username}]
    wrong: list[tuple[list[dict[str, str]], int, str, list[int]]] = [
        ([{"username": "nobody_at_all"}, {"user_id": "usr_" + "0" * 32}], 404, "payer_not_found", [2, 3]),
        ([{"email": bob.email}], 422, "participant_twice", [2]),
        ([{"username": alice.username}], 422, "cannot_request_from_self", [2]),
    ]
    for added, status, code, places in wrong:
        answer = await divide(alice, [], 500, participants=names + added)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert [error["pointer"] for error in answer.json()["errors"]] == [f"/participants/{n}" for n in places]
    assert (await bob.get("/requests")).json()["data"] == []


async def test_fifty_people_share_in_the_order_given(world: World) -> None:
    alice, *others = await _people(world, 51)
    document = (await divide(alice, others, 100_007)).json()
    assert [request["payer"]["id"] for request in document["requests"]] == [one.id for one in others]
    assert sum(parts(document)) + document["own_share"] == 100_007
    assert parts(document) == sorted(parts(document), reverse=True)
    assert (await alice.get(f"/splits/{document['id']}")).json() == document


async def test_a_key_divides_once(fresh: World) -> None:
    alice, bob, carol = await _people(fresh, 3)
    key = new_key()
    async with storm.second_app(fresh) as other:
        sends = [divide(storm.at((fresh, other)[n % 2], alice), [bob, carol], 500, key=key) for n in range(10)]
        answers = await asyncio.gather(*sends)
    assert {(answer.status_code, answer.content) for answer in answers} == {(201, answers[0].content)}
    [row] = await run(fresh, "SELECT count(*) AS requests, count(DISTINCT split_id) AS splits FROM payment_requests")
    assert (row["requests"], row["splits"]) == (2, 1)
    changed = await divide(alice, [carol, bob], 500, key=key)
    assert (changed.status_code, changed.json()["code"]) == (422, "idempotency_key_reused")
    missing = await alice.post("/splits", {"total": 1})
    assert (missing.status_code, missing.json()["code"]) == (400, "idempotency_key_invalid")


async def test_a_dry_run_divides_and_asks_nobody(world: World) -> None:
    alice, bob, carol = await _people(world, 3)
    key = new_key()
    rehearsed = (await divide(alice, [bob, carol], 500, key=key, dry_run=True)).json()
    assert (rehearsed["status"], parts(rehearsed["answer"])) == (201, [167, 167])
    assert (await bob.get("/requests")).json()["data"] == []
    assert (await alice.get("/splits")).json()["data"] == []
    assert (await divide(alice, [bob, carol], 500, key=key)).status_code == 201


async def test_pages_of_one_s_own_splits(world: World) -> None:
    alice, bob = await _people(world, 2)
    made = [(await divide(alice, [bob], 100 + number)).json()["id"] for number in range(5)]
    first = (await alice.get("/splits", limit=3)).json()
    rest = (await alice.get("/splits", limit=3, cursor=first["next_cursor"])).json()
    assert [split["id"] for split in first["data"] + rest["data"]] == made[::-1]
    assert (first["has_more"], rest["has_more"]) == (True, False)
