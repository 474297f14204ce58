"""The wallet, funding sources and top-ups, as a client sees them."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from tests.conftest import Person, World, new_key, world_over
from venmo_api.settings import Settings


async def _source(person: Person, token: str = "sandbox_bank_ok") -> str:
    answer = await person.post("/wallet/funding-sources", {"type": "bank", "token": token})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def _top_up(person: Person, source: str, amount: Any, *, key: str | None = None, **more: Any) -> httpx2.Response:
    body = {"funding_source_id": source, "amount": amount, **more}
    return await person.post("/wallet/top-ups", body, key=key or new_key())


async def test_a_new_wallet_is_empty(world: World) -> None:
    alice = await world.person("alice")
    answer = await alice.get("/wallet")
    assert answer.json() == {"available": 0, "pending": 0, "on_hold": 0, "debt": 0, "currency": "USD"}
    assert (await world.client.get("/v1/wallet")).status_code == 401


async def test_a_funding_source_shows_the_last_four_digits_and_never_the_token(world: World) -> None:
    alice = await world.person("alice")
    answer = await alice.post("/wallet/funding-sources", {"type": "bank", "token": "sandbox_bank_ok"})
    document = answer.json()
    assert answer.status_code == 201
    assert document.keys() == {"id", "type", "label", "last4", "created_at"}
    assert document["id"].startswith("fs_")
    assert (document["type"], document["label"], document["last4"]) == ("bank", "Sandbox Bank", "0000")
    assert "sandbox_bank_ok" not in answer.text
    listed = await alice.get("/wallet/funding-sources")
    assert listed.json() == {"data": [document], "next_cursor": None, "has_more": False}


async def test_funding_sources_are_listed_in_pages_to_their_owner_alone(world: World) -> None:
    alice, bob = await world.person("alice"), await world.person("bob")
    made = [await _source(alice) for _ in range(5)]
    seen: list[str] = []
    params: dict[str, Any] = {"limit": 2}
    while True:
        page = (await alice.get("/wallet/funding-sources", **params)).json()
        seen += [source["id"] for source in page["data"]]
        if not page["has_more"]:
            break
        params["cursor"] = page["next_cursor"]
    assert seen == made[::-1]
    assert (await bob.get("/wallet/funding-sources")).json()["data"] == []


@pytest.mark.parametrize(
    "token", ["sandbox_bank_unknown", "4111111111111111", "x" * 200, "\u202e", "ab\x00cd"], ids=ascii
)
async def test_a_token_the_bank_does_not_know_is_refused_and_not_echoed(alice: Person, token: str) -> None:
    answer = await alice.post("/wallet/funding-sources", {"token": token})
    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_funding_token")
    assert answer.json()["errors"][0]["pointer"] == "/token"
    assert token not in answer.text


@pytest.mark.parametrize(
    "body",
    [{}, {"token": ""}, {"token": None}, {"token": 1}, {"token": "x" * 201}, {"type": "loan", "token": "x"},
     {"token": "x", "number": "4111111111111111"}],
    ids=repr,
)  # fmt: skip
async def test_a_funding_source_of_another_shape_is_refused(alice: Person, body: dict[str, Any]) -> None:
    answer = await alice.post("/wallet/funding-sources", body)
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")
    assert "4111111111111111" not in answer.text


async def test_a_top_up_is_settled_at_once_and_replayed_byte_for_byte(world: World) -> None:
    alice, key = await world.person("alice"), new_key()
    source = await _source(alice)
    first, again = await _top_up(alice, source, 12_345, key=key), await _top_up(alice, source, 12_345, key=key)
    document = first.json()
    assert first.status_code == again.status_code == 201
    assert document.pop("id").startswith("top_")
    assert document.pop("created_at") <= document.pop("ended_at")
    assert document == {"status": "settled", "amount": 12_345, "currency": "USD", "funding_source_id": source}
    assert again.content == first.content
    assert (first.headers.get("idempotent-replayed"), again.headers["idempotent-replayed"]) == (None, "true")
    assert (await alice.get("/wallet")).json() == {
        "available": 12_345,
        "pending": 0,
        "on_hold": 0,
        "debt": 0,
        "currency": "USD",
    }


async def test_a_refusal_of_the_bank_is_402_and_remembered(world: World) -> None:
    alice, key = await world.person("alice"), new_key()
    source = await _source(alice, "sandbox_bank_no_funds")
    first, again = await _top_up(alice, source, 100, key=key), await _top_up(alice, source, 100, key=key)
    assert (first.status_code, first.json()["code"]) == (402, "bank_declined")
    assert (again.status_code, again.content, again.headers["idempotent-replayed"]) == (402, first.content, "true")
    assert first.headers["content-type"] == again.headers["content-type"] == "application/problem+json"
    assert (await alice.get("/wallet")).json()["available"] == 0
    assert (await alice.get("/wallet")).json()["pending"] == 0


async def test_the_same_key_with_another_body_is_422(world: World) -> None:
    alice, key = await world.person("alice"), new_key()
    source, other = await _source(alice), await _source(alice)
    assert (await _top_up(alice, source, 100, key=key)).status_code == 201
    for answer in (await _top_up(alice, source, 101, key=key), await _top_up(alice, other, 100, key=key)):
        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    assert await alice.balance() == 100


async def test_keys_belong_to_their_user(world: World) -> None:
    alice, bob, key = await world.person("alice"), await world.person("bob"), new_key()
    for person in (alice, bob):
        answer = await _top_up(person, await _source(person), 100, key=key)
        assert (answer.status_code, answer.headers.get("idempotent-replayed")) == (201, None)
    assert (await alice.balance(), await bob.balance()) == (100, 100)


@pytest.mark.parametrize("key", [None, "short67", "x" * 256, "with space"])
async def test_a_top_up_needs_a_sound_key(alice: Person, key: str | None) -> None:
    body = {"funding_source_id": await _source(alice), "amount": 100}
    answer = await alice.post("/wallet/top-ups", body, key=key)
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_invalid")


async def test_anothers_funding_source_is_404_like_one_that_never_was_and_burns_no_key(world: World) -> None:
    alice, eve, key = await world.person("alice"), await world.person("eve"), new_key()
    hers = await _source(alice)
    answers = [await _top_up(eve, source, 100, key=key) for source in (hers, "fs_" + "0" * 32, "garbage", "", "usr_x")]
    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(404, "funding_source_not_found")}
    assert len({answer.json()["detail"] for answer in answers}) == 1
    assert (await alice.balance(), await eve.balance()) == (0, 0)
    corrected = await _top_up(eve, await _source(eve), 100, key=key)
    assert (corrected.status_code, corrected.headers.get("idempotent-replayed")) == (201, None)


@pytest.mark.parametrize("amount", [0, -1, True, "12", 1.0, 1.5, None, 100_000_001, 2**63, [1]], ids=repr)
async def test_an_amount_is_an_integer_of_cents_above_zero(alice: Person, amount: Any) -> None:
    answer = await _top_up(alice, await _source(alice), amount)
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")
    assert [field["pointer"] for field in answer.json()["errors"]] == ["/amount"]


@pytest.mark.parametrize(("field", "value"), [("currency", "EUR"), ("unknown", 1), ("funding_source_id", "x" * 65)])
async def test_a_field_that_is_wrong_or_unknown_is_named(alice: Person, field: str, value: Any) -> None:
    answer = await alice.post(
        "/wallet/top-ups",
        {"funding_source_id": await _source(alice), "amount": 1} | {field: value},
        key=new_key(),
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/" + field]


async def test_twenty_top_ups_at_once_under_one_key_bring_the_money_once(world: World) -> None:
    alice, key = await world.person("alice"), new_key()
    source = await _source(alice)
    answers = await asyncio.gather(*(_top_up(alice, source, 100, key=key) for _ in range(20)))
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len({answer.content for answer in answers if answer.status_code == 201}) == 1
    assert all("retry-after" in answer.headers for answer in answers if answer.status_code == 409)
    assert await alice.balance() == 100
    assert (await _top_up(alice, source, 100, key=key)).headers["idempotent-replayed"] == "true"


async def test_many_top_ups_at_once_all_arrive(world: World) -> None:
    """No more at once than the pool has connections: beyond that a 503 would be right."""
    people = [await world.person() for _ in range(4)]
    sources = [await _source(person) for person in people]
    for _ in range(5):
        answers = await asyncio.gather(
            *(_top_up(person, source, 100) for _ in range(2) for person, source in zip(people, sources, strict=True))
        )
        assert [answer.status_code for answer in answers] == [201] * 8
    assert [await person.balance() for person in people] == [1000] * 4


@pytest.fixture(scope="module")
async def alice(settings: Settings) -> AsyncIterator[Person]:
    """Somebody for tests that change nothing."""
    async with world_over(settings) as world:
        yield await world.person("alice")
