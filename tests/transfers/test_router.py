"""POST and GET /v1/transfers, as a client sees them."""

from collections.abc import AsyncIterator
from itertools import product

import pytest

from tests.conftest import Person, World, new_key, world_over
from venmo_api.settings import Settings

PHONES = iter(f"+1415555{number:04d}" for number in range(100, 200))


async def test_money_moves_and_the_answer_is_replayed_byte_for_byte(world: World) -> None:
    alice, bob = await world.person("alice", money=10_000), await world.person("bob")
    key = new_key()
    first = await alice.pay(bob, 1250, key=key)
    again = await alice.pay(bob, 1250, key=key)
    assert first.status_code == again.status_code == 201
    assert first.content == again.content
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert (await alice.balance(), await bob.balance()) == (8750, 1250)


async def test_the_answer_tells_all_of_the_transfer(world: World) -> None:
    alice, bob = await world.person("alice", money=10_000), await world.person("bob")
    answer = await alice.pay(bob, 1250, note="pizza 🍕 עברית")
    document = answer.json()
    created_at = document.pop("created_at")
    assert document.pop("id").startswith("tr_")
    assert document == {
        "status": "settled",
        "amount": 1250,
        "currency": "USD",
        "note": "pizza 🍕 עברית",
        "audience": "friends",
        "sender": _card(alice),
        "recipient": _card(bob),
        "contact": None,
        "fee": 0,
        "seller_fee": 0,
        "goods_and_services": False,
        "refunded": 0,
        "refund_of": None,
        "request_id": None,
        "hold_id": None,
        "expires_at": None,
        "ended_at": None,
    }
    assert created_at.endswith("Z")
    assert answer.headers["content-type"] == "application/json"
    read = await alice.get("/transfers/" + answer.json()["id"])
    assert (read.status_code, read.json()) == (200, answer.json() | {"refunds": []})


async def test_not_enough_money_is_402_and_moves_nothing(world: World) -> None:
    alice, bob = await world.person("alice", money=100), await world.person("bob")
    answer = await alice.pay(bob, 101)
    assert (answer.status_code, answer.json()["code"]) == (402, "insufficient_funds")
    assert answer.headers["content-type"] == "application/problem+json"
    assert (await alice.balance(), await bob.balance()) == (100, 0)
    assert (await alice.get("/transfers")).json()["data"] == []


async def test_the_whole_balance_may_be_sent(world: World) -> None:
    alice, bob = await world.person("alice", money=100), await world.person("bob")
    assert (await alice.pay(bob, 100)).status_code == 201
    assert (await alice.pay(bob, 1)).status_code == 402
    assert (await alice.balance(), await bob.balance()) == (0, 100)


async def test_nobody_pays_themselves_by_any_name(world: World) -> None:
    alice = await world.person("alice", money=100, phone=next(PHONES))
    await alice.verify()
    names = ({"user_id": alice.id}, {"username": alice.username.upper()}, {"email": alice.email})
    for recipient in names:
        answer = await alice.post("/transfers", _body(recipient), key=new_key())
        assert (answer.status_code, answer.json()["code"]) == (422, "cannot_pay_self")
        assert answer.json()["errors"][0]["pointer"] == "/recipient"
    assert await alice.balance() == 100


async def test_people_are_paid_by_id_username_email_and_phone_in_any_case(world: World) -> None:
    phone = next(PHONES)
    alice, bob = await world.person("alice", money=100), await world.person("bob", phone=phone)
    await bob.verify("email")
    await bob.verify("phone")
    spaced = f"{phone[:2]} ({phone[2:5]}) {phone[5:8]}-{phone[8:]}"
    names = [
        {"user_id": bob.id},
        {"username": bob.username},
        {"username": bob.username.upper()},
        {"email": bob.email},
        {"email": bob.email.upper()},
        {"phone": phone},
        {"phone": spaced},
    ]
    for recipient in names:
        answer = await alice.post("/transfers", _body(recipient), key=new_key())
        assert (answer.status_code, answer.json().get("recipient")) == (201, _card(bob)), recipient
    assert await bob.balance() == len(names)


@pytest.mark.parametrize(
    "recipient",
    [
        {"user_id": "usr_" + "0" * 32},
        {"username": "nobody_has_this_name"},
    ],
    ids=lambda recipient: next(iter(recipient)),
)
async def test_an_unknown_recipient_is_404_and_burns_no_key(world: World, recipient: dict[str, str]) -> None:
    alice, bob = await world.person("alice", money=100), await world.person("bob")
    key = new_key()
    answer = await alice.post("/transfers", _body(recipient), key=key)
    assert (answer.status_code, answer.json()["code"]) == (404, "recipient_not_found")
    assert answer.json()["errors"][0]["pointer"] == "/recipient"
    corrected = await alice.pay(bob, 1, key=key)
    assert (corrected.status_code, corrected.headers.get("idempotent-replayed")) == (201, None)


async def test_the_banks_account_is_nobody_to_pay(world: World) -> None:
    alice = await world.person("alice", money=100)
    stripe = "usr_" + f"{(0xBA << 64) + 3:032x}"
    answer = await alice.post("/transfers", _body({"user_id": stripe}), key=new_key())
    assert (answer.status_code, answer.json()["code"]) == (404, "recipient_not_found")


@pytest.mark.parametrize(
    "recipient",
    [
        {},
        None,
        "bob",
        {"user_id": None},
        {"user_id": "usr_1"},
        {"user_id": "tr_" + "0" * 32},
        {"user_id": 1},
        {"username": "a b"},
        {"username": ""},
        {"username": "bob\n"},
        {"email": "no address"},
        {"phone": "555"},
        {"username": "bob", "email": "bob@example.com"},
        {"username": "bob", "email": None},
        {"handle": "bob"},
    ],
    ids=repr,
)
async def test_a_recipient_is_named_by_exactly_one_sound_name(alice: Person, recipient: object) -> None:
    answer = await alice.post("/transfers", _body(recipient), key=new_key())
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")
    assert all(field["pointer"].startswith("/recipient") for field in answer.json()["errors"])


@pytest.mark.parametrize(("own", "theirs"), list(product(["public", "friends", "private"], repeat=2)))
async def test_the_audience_is_the_stricter_of_both_settings(
    pair: tuple[Person, Person], own: str, theirs: str
) -> None:
    alice, bob = pair
    order = ["public", "friends", "private"]
    await bob.patch("/me", {"default_audience": theirs})
    await alice.patch("/me", {"default_audience": own})
    assert (await alice.pay(bob, 1)).json()["audience"] == max(own, theirs, key=order.index)
    await alice.patch("/me", {"default_audience": "friends"})
    assert (await alice.pay(bob, 1, audience=own)).json()["audience"] == max(own, theirs, key=order.index)


async def test_no_payment_without_signing_in(world: World, pair: tuple[Person, Person]) -> None:
    body = _body({"user_id": pair[1].id})
    for headers in ({}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Basic eDp5"}):
        answer = await world.client.post("/v1/transfers", json=body, headers=headers | {"Idempotency-Key": new_key()})
        assert (answer.status_code, answer.json()["code"]) == (401, "not_signed_in")
        assert (await world.client.get("/v1/transfers", headers=headers)).status_code == 401


async def test_a_transfer_is_seen_by_its_two_parties_and_nobody_else(world: World, pair: tuple[Person, Person]) -> None:
    (alice, bob), carol = pair, await world.person("carol")
    await carol.befriend(alice)
    made = await alice.pay(bob, 5, audience="public")
    path = "/transfers/" + made.json()["id"]
    assert (await alice.get(path)).json() == (await bob.get(path)).json() == made.json() | {"refunds": []}
    refused = await carol.get(path)
    assert (refused.status_code, refused.json()["code"]) == (404, "transfer_not_found")
    never = await carol.get("/transfers/tr_" + "0" * 32)
    assert _without_request_id(never.json()) == _without_request_id(refused.json())
    assert (await carol.get("/transfers")).json()["data"] == []
    assert (await world.client.get("/v1" + path)).status_code == 401


@pytest.mark.parametrize(
    "garbage",
    [
        "x",
        "tr_",
        "usr_" + "0" * 32,
        "tr_" + "0" * 31,
        "tr_" + "G" * 32,
        "%F0%9F%8D%95",
        "1",
    ],
)
async def test_a_garbage_id_is_404(alice: Person, garbage: str) -> None:
    answer = await alice.get("/transfers/" + garbage)
    assert (answer.status_code, answer.json()["code"]) == (404, "transfer_not_found")
    assert answer.headers["content-type"] == "application/problem+json"


async def test_an_id_is_read_in_its_one_spelling_only(alice: Person, pair: tuple[Person, Person]) -> None:
    made = (await alice.pay(pair[1], 1)).json()["id"]
    assert (await alice.get("/transfers/" + made)).status_code == 200
    for spelling in (made.upper(), "tr_" + made[3:].upper(), made + "%0A", "%20" + made):
        assert (await alice.get("/transfers/" + spelling)).status_code == 404


@pytest.fixture(scope="module")
async def pair(settings: Settings) -> AsyncIterator[tuple[Person, Person]]:
    """Two people for tests that leave nothing behind but payments of cents."""
    async with world_over(settings) as world:
        yield await world.person("alice", money=10_000), await world.person("bob")


@pytest.fixture
def alice(pair: tuple[Person, Person]) -> Person:
    return pair[0]


def _body(recipient: object) -> dict[str, object]:
    return {"recipient": recipient, "amount": 1, "note": "lunch"}


def _card(person: Person) -> dict[str, str | None]:
    return {
        "id": person.id,
        "username": person.username,
        "display_name": person.username.title(),
        "avatar_url": None,
    }


def _without_request_id(document: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in document.items() if name != "request_id"}
