"""The contract of Idempotency-Key on POST /v1/transfers, clause by clause."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest

from tests.conftest import Person, World, new_key


async def _raw(person: Person, key: str | bytes | None, body: bytes) -> Any:
    headers: list[tuple[bytes, bytes]] = [(b"content-type", b"application/json")]
    headers += [(name.encode(), value.encode()) for name, value in person.headers.items()]
    if key is not None:
        headers.append((b"idempotency-key", key.encode("latin-1") if isinstance(key, str) else key))
    return await person.client.post("/v1/transfers", content=body, headers=headers)


def _body(other: Person, amount: int = 10, note: str = "lunch") -> bytes:
    return json.dumps({"recipient": {"user_id": other.id}, "amount": amount, "note": note}).encode()


@pytest.mark.parametrize(
    "key",
    [
        None,
        "",
        "short67",
        "x" * 256,
        "has a space",
        "tab\tinside",
        "café-café",
        b"\xf0\x9f\x8d\x95\xf0\x9f\x8d\x95",
        "\x7f" * 8,
        "        ",
    ],
    ids=ascii,
)
async def test_a_key_that_is_missing_or_not_8_to_255_visible_ascii_is_400(
    world: World, key: str | bytes | None
) -> None:
    alice, bob = await world.person("alice", money=100), await world.person("bob")
    answer = await _raw(alice, key, _body(bob))
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_invalid")
    assert answer.headers["content-type"] == "application/problem+json"
    assert await alice.balance() == 100


async def test_keys_of_8_and_of_255_and_of_every_visible_character_are_taken(world: World) -> None:
    alice, bob = await world.person("alice", money=100), await world.person("bob")
    for key in ("12345678", "k" * 255, "".join(chr(code) for code in range(0x21, 0x7F))):
        first, again = await _raw(alice, key, _body(bob)), await _raw(alice, key, _body(bob))
        assert (first.status_code, again.status_code, again.content) == (201, 201, first.content)
    assert await bob.balance() == 30


async def test_keys_differ_in_case_and_in_every_character(world: World) -> None:
    alice, bob = await world.person("alice", money=100), await world.person("bob")
    for key in ("Same-Key", "same-key", "same-kez", "same-key0"):
        assert "idempotent-replayed" not in (await _raw(alice, key, _body(bob))).headers
    assert await bob.balance() == 40


@pytest.mark.parametrize(
    "other",
    [{"amount": 11}, {"note": "dinner"}, {"audience": "private"}, {"recipient": "carol"}],
    ids=lambda other: next(iter(other)),
)
async def test_the_same_key_with_another_body_is_422_and_moves_nothing(world: World, other: dict[str, Any]) -> None:
    alice, bob, carol = await world.person("alice", money=100), await world.person("bob"), await world.person("carol")
    key = new_key()
    first = await alice.pay(bob, 10, key=key)
    body = {"recipient": {"user_id": bob.id}, "amount": 10, "note": "lunch"} | other
    if "recipient" in other:
        body["recipient"] = {"user_id": carol.id}
    refused = await alice.post("/transfers", body, key=key)
    assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_reused")
    again = await alice.pay(bob, 10, key=key)
    assert (again.status_code, again.content) == (201, first.content)
    assert (await alice.balance(), await bob.balance(), await carol.balance()) == (90, 10, 0)


async def test_keys_belong_to_their_user(world: World) -> None:
    alice, bob = await world.person("alice", money=100), await world.person("bob", money=100)
    carol, key = await world.person("carol"), new_key()
    one, other = await alice.pay(carol, 10, key=key), await bob.pay(carol, 10, key=key)
    assert (one.status_code, other.status_code) == (201, 201)
    assert one.json()["id"] != other.json()["id"]
    assert "idempotent-replayed" not in other.headers
    assert await carol.balance() == 20


async def test_keys_belong_to_their_route(world: World) -> None:
    alice, bob = await world.person("alice", money=100), await world.person("bob")
    key, source = new_key(), (await alice.post("/wallet/funding-sources", {"token": "sandbox_bank_ok"})).json()["id"]
    assert (await alice.pay(bob, 10, key=key)).status_code == 201
    topped_up = await alice.post("/wallet/top-ups", {"funding_source_id": source, "amount": 7}, key=key)
    assert (topped_up.status_code, topped_up.headers.get("idempotent-replayed")) == (201, None)
    assert await alice.balance() == 97


async def test_a_refusal_for_lack_of_money_is_remembered(world: World) -> None:
    alice, bob = await world.person("alice", money=5), await world.person("bob")
    key = new_key()
    first = await alice.pay(bob, 10, key=key)
    await alice.top_up(100)
    again = await alice.pay(bob, 10, key=key)
    assert (first.status_code, again.status_code) == (402, 402)
    assert again.content == first.content
    assert again.headers["content-type"] == first.headers["content-type"] == "application/problem+json"
    assert (first.headers.get("idempotent-replayed"), again.headers["idempotent-replayed"]) == (None, "true")
    assert (await alice.pay(bob, 10, key=new_key())).status_code == 201
    assert (await alice.balance(), await bob.balance()) == (95, 10)


async def test_a_body_that_fails_validation_burns_no_key(world: World) -> None:
    alice, bob = await world.person("alice", money=100), await world.person("bob")
    key = new_key()
    for bad in (b"", b"{", b"[]", _body(bob, amount=0), _body(bob, note=""), _body(alice)):
        assert (await _raw(alice, key, bad)).status_code in (400, 422)
    answer = await _raw(alice, key, _body(bob))
    assert (answer.status_code, answer.headers.get("idempotent-replayed")) == (201, None)
    assert await bob.balance() == 10


async def test_a_payment_is_replayed_after_redis_lost_everything(fresh: World) -> None:
    alice, bob = await fresh.person("alice", money=100), await fresh.person("bob")
    key = new_key()
    first = await alice.pay(bob, 10, key=key)
    await fresh.app.redis.client.flushdb()  # all this app has there; others share the server
    again = await alice.pay(bob, 10, key=key)
    assert (again.status_code, again.content, again.headers["idempotent-replayed"]) == (201, first.content, "true")
    assert await bob.balance() == 10


async def test_a_payment_is_replayed_23_hours_later_also_after_the_purge(world: World) -> None:
    from venmo_api.idempotency import jobs

    alice, bob = await world.person("alice", money=100), await world.person("bob")
    key = new_key()
    first = await alice.pay(bob, 10, key=key)
    world.clock.advance(timedelta(hours=23, minutes=59))
    await jobs.forget_old(world.app)
    world.clock.advance(-timedelta(hours=23, minutes=59))  # the token would have run out
    again = await alice.pay(bob, 10, key=key)
    assert (again.status_code, again.content) == (201, first.content)
    assert await bob.balance() == 10


async def test_twenty_sends_at_once_under_one_key_are_one_payment_with_one_answer(world: World) -> None:
    alice, bob = await world.person("alice", money=1000), await world.person("bob")
    key = new_key()
    answers = await asyncio.gather(*(alice.pay(bob, 10, key=key) for _ in range(20)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert sum("idempotent-replayed" not in answer.headers for answer in answers) == 1
    assert (await alice.balance(), await bob.balance()) == (990, 10)


async def test_a_hundred_retries_of_one_key_are_one_payment(world: World) -> None:
    alice, bob = await world.person("alice", money=1000), await world.person("bob")
    key = new_key()
    bodies = set()
    for _ in range(10):
        answers = await asyncio.gather(*(alice.pay(bob, 10, key=key) for _ in range(10)))
        bodies |= {answer.content for answer in answers}
    assert len(bodies) == 1
    assert len((await alice.get("/transfers")).json()["data"]) == 1
    assert await bob.balance() == 10


async def test_of_two_bodies_at_once_under_one_key_one_is_paid_and_the_other_refused(world: World) -> None:
    alice, bob = await world.person("alice", money=1000), await world.person("bob")
    key = new_key()
    answers = await asyncio.gather(*(alice.pay(bob, 10 + number % 2, key=key) for number in range(10)))
    paid = {answer.content for answer in answers if answer.status_code == 201}
    assert len(paid) == 1
    assert sorted(answer.status_code for answer in answers) == [201] * 5 + [422] * 5
    assert await bob.balance() in (10, 11)
