"""Making and reading requests over HTTP."""

import random
from datetime import timedelta
from typing import Any

import pytest

from tests.conftest import Person, World, new_key
from tests.requests.steps import accept, ask, asked, told
from tests.transfers.commands import user_id
from tests.transfers.steps import run


async def _two(world: World, money: int = 5000) -> tuple[Person, Person]:
    return await world.person("alice"), await world.person("bob", money=money)


async def test_a_request_is_made_and_both_see_it(world: World) -> None:
    alice, bob = await _two(world)
    answer = await ask(alice, bob, 1250, note="pizza 🍕", audience="public")
    document = answer.json()
    assert answer.status_code == 201
    assert document["id"].startswith("req_")
    expected = {
        "status": "pending",
        "amount": 1250,
        "currency": "USD",
        "note": "pizza 🍕",
        "audience": "public",
        "transfer_id": None,
        "split_id": None,
        "reminders": 0,
        "reminded_at": None,
        "ended_at": None,
        "ended_by": None,
    }
    assert {name: document[name] for name in expected} == expected
    assert (document["requester"]["id"], document["payer"]["id"]) == (alice.id, bob.id)
    for person in (alice, bob):
        found = await person.get(f"/requests/{document['id']}")
        assert (found.status_code, found.json()) == (200, document)
    assert await told(world, document["id"]) == [("RequestMade", None)]
    assert await bob.balance() == 5000


async def test_it_expires_thirty_days_after_it_was_made(world: World) -> None:
    alice, bob = await _two(world)
    request_id = await asked(alice, bob)
    [row] = await run(
        world, "SELECT expires_at - created_at AS lasts FROM payment_requests WHERE payer_id = $1", user_id(bob)
    )
    assert row["lasts"] == timedelta(days=30)
    world.clock.advance(timedelta(days=30, seconds=-5))
    assert (await alice.get(f"/requests/{request_id}")).json()["status"] == "pending"
    world.clock.advance(timedelta(seconds=6))
    document = (await alice.get(f"/requests/{request_id}")).json()
    assert (document["status"], document["ended_at"]) == ("expired", document["expires_at"])


@pytest.mark.parametrize("name", ["user_id", "username", "email", "phone"])
async def test_the_payer_is_named_by_any_name(world: World, name: str) -> None:
    alice = await world.person("alice")
    phone = f"+1646{random.SystemRandom().randrange(2_000_000, 9_999_999)}"
    bob = await world.person("bob", phone=phone)
    await bob.verify("email")
    await bob.verify("phone")
    names = {"user_id": bob.id, "username": bob.username, "email": bob.email.upper(), "phone": phone}
    answer = await ask(alice, bob, payer={name: names[name]})
    assert (answer.status_code, answer.json()["payer"]["id"]) == (201, bob.id)


@pytest.mark.parametrize(
    "payer",
    [
        {"user_id": "usr_" + "0" * 32},
        {"username": "nobody_at_all"},
        {"email": "nobody-at-all@example.com"},
        {"phone": "+14155559999"},
    ],
)
async def test_a_payer_nobody_knows_is_404_and_burns_no_key(world: World, payer: dict[str, str]) -> None:
    alice, bob = await _two(world)
    key = new_key()
    answer = await ask(alice, bob, payer=payer, key=key)
    assert (answer.status_code, answer.json()["code"]) == (404, "payer_not_found")
    assert answer.json()["errors"][0]["pointer"] == "/payer"
    unproved = await ask(alice, bob, payer={"email": bob.email}, key=key)
    assert (unproved.status_code, unproved.json()["code"]) == (404, "payer_not_found")
    assert (await ask(alice, bob, key=key)).status_code == 201


async def test_nobody_asks_themselves(world: World) -> None:
    alice, _ = await _two(world)
    for payer in ({"user_id": alice.id}, {"username": alice.username}):
        answer = await ask(alice, alice, payer=payer)
        assert (answer.status_code, answer.json()["code"]) == (422, "cannot_request_from_self")
        assert answer.json()["errors"][0]["pointer"] == "/payer"


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"amount": 0}, "/amount"),
        ({"amount": "12"}, "/amount"),
        ({"amount": True}, "/amount"),
        ({"amount": 100_000_001}, "/amount"),
        ({"note": ""}, "/note"),
        ({"note": "x" * 281}, "/note"),
        ({"currency": "EUR"}, "/currency"),
        ({"audience": "everybody"}, "/audience"),
        ({"payer": {}}, "/payer"),
        ({"payer": {"username": "bob", "email": "b@example.com"}}, "/payer"),
        ({"payer": {"username": "bob", "email": None}}, "/payer"),
        ({"extra": 1}, "/extra"),
    ],
)
async def test_a_body_that_is_not_right_is_422(world: World, change: dict[str, Any], pointer: str) -> None:
    alice, bob = await _two(world)
    answer = await ask(alice, bob, **change)
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")
    assert answer.json()["errors"][0]["pointer"] == pointer


async def test_a_key_is_needed_and_answers_the_same_again(world: World) -> None:
    alice, bob = await _two(world)
    body = {"payer": {"user_id": bob.id}, "amount": 10, "note": "x"}
    assert (await alice.post("/requests", body)).json()["code"] == "idempotency_key_invalid"
    key = new_key()
    first = await alice.post("/requests", body, key=key)
    await bob.post(f"/requests/{first.json()['id']}/decline")
    again = await alice.post("/requests", body, key=key)
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["idempotent-replayed"] == "true"
    other = await alice.post("/requests", body | {"amount": 11}, key=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    operation = (await alice.get(f"/operations/{key}")).json()
    assert (operation["state"], operation["route"], operation["result"]) == ("committed", "request", first.json())


async def test_a_dry_run_asks_nobody(world: World) -> None:
    alice, bob = await _two(world)
    key = new_key()
    answer = await ask(alice, bob, key=key, dry_run=True)
    assert (answer.status_code, answer.json()["status"]) == (200, 201)
    assert answer.json()["answer"]["status"] == "pending"
    assert (await bob.get("/requests")).json()["data"] == []
    assert (await ask(alice, bob, key=key)).status_code == 201
    assert (await ask(alice, alice, dry_run=True)).json()["code"] == "cannot_request_from_self"


async def test_a_stranger_finds_nothing(world: World) -> None:
    alice, bob = await _two(world)
    carol = await world.person("carol", money=5000)
    request_id = await asked(alice, bob)
    for found in (request_id, "req_" + "0" * 32, "nonsense"):
        answers = [
            await carol.get(f"/requests/{found}"),
            await accept(carol, found),
            *[await carol.post(f"/requests/{found}/{step}") for step in ("decline", "cancel", "remind")],
        ]
        assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(404, "request_not_found")}
    assert (await carol.get("/requests")).json()["data"] == []
    assert (await world.client.get(f"/v1/requests/{request_id}")).status_code == 401
    assert await carol.balance() == 5000


async def test_lists_by_direction_and_status(world: World) -> None:
    alice, bob = await _two(world)
    first, second, third = [await asked(alice, bob, amount) for amount in (1, 2, 3)]
    back = await asked(bob, alice, 4)
    await accept(bob, first)
    await bob.post(f"/requests/{second}/decline")
    expected: list[tuple[Person, dict[str, str], list[str]]] = [
        (alice, {}, [back, third, second, first]),
        (alice, {"direction": "all"}, [back, third, second, first]),
        (alice, {"direction": "outgoing"}, [third, second, first]),
        (alice, {"direction": "incoming"}, [back]),
        (bob, {"direction": "incoming"}, [third, second, first]),
        (bob, {"direction": "incoming", "status": "settled"}, [first]),
        (bob, {"direction": "incoming", "status": "cancelled"}, [second]),
        (bob, {"status": "pending"}, [back, third]),
        (bob, {"direction": "outgoing", "status": "settled"}, []),
    ]
    for person, params, wanted in expected:
        page = (await person.get("/requests", **params)).json()
        assert [row["id"] for row in page["data"]] == wanted, params
    world.clock.advance(timedelta(days=31))
    for status, wanted in {"expired": [back, third], "pending": []}.items():
        page = (await alice.get("/requests", status=status)).json()
        assert [row["id"] for row in page["data"]] == wanted


async def test_pages_meet_and_stay_right_while_requests_are_made(world: World) -> None:
    alice, bob = await _two(world)
    made = [await asked(*((alice, bob) if number % 2 else (bob, alice)), 10 + number) for number in range(7)]
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = (await alice.get("/requests", limit=3, **cursor)).json()
        seen += [row["id"] for row in page["data"]]
        await asked(alice, bob, 99)
        assert page["has_more"] is (page["next_cursor"] is not None)
        if not page["has_more"]:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert seen == made[::-1]


@pytest.mark.parametrize("params", [{"direction": "up"}, {"status": "paid"}, {"limit": 101}, {"cursor": "x"}, {"a": 1}])
async def test_a_query_that_is_not_right_is_422(world: World, params: dict[str, Any]) -> None:
    alice, _ = await _two(world)
    assert (await alice.get("/requests", **params)).status_code == 422
