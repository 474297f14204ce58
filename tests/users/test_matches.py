"""Who of an address book is here: by hash, only who wants to be found, so many a day."""

import hashlib
import secrets
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from sqlalchemy import text

from tests.conftest import Person, World, world_over
from tests.users.steps import block, unblock, unknown_phone
from venmo_api.core.figures import Figures
from venmo_api.privacy import service as privacy
from venmo_api.settings import Settings
from venmo_api.users import queries


def hashed(address: str) -> str:
    return hashlib.sha256(address.encode()).hexdigest()


async def look_up(person: Person, *addresses: str) -> httpx2.Response:
    return await person.post("/contacts/matches", {"hashes": [hashed(address) for address in addresses]})


async def found(person: Person, *addresses: str) -> list[tuple[str, str]]:
    answer = await look_up(person, *addresses)
    assert answer.status_code == 200, answer.text
    return [(row["hash"], row["user"]["id"]) for row in answer.json()["data"]]


async def findable(world: World) -> tuple[Person, str, str]:
    """Somebody who has proved both their contacts, and wants to be found by them."""
    phone = unknown_phone()
    person = await world.person("bob", phone=phone)
    await person.verify("email")
    await person.verify("phone")
    assert (await person.patch("/me", {"findable": True})).status_code == 200
    return person, person.email, phone


async def test_who_wants_to_be_found_is_found_by_either_contact(world: World) -> None:
    alice, (bob, email, phone) = await world.person("alice"), await findable(world)
    nobodys = f"{secrets.token_hex(6)}@example.com"
    assert await found(alice, nobodys, phone, email) == [(hashed(phone), bob.id), (hashed(email), bob.id)]
    answer = (await look_up(alice, email)).json()
    assert answer == {"data": [{"hash": hashed(email), "user": (await alice.get(f"/users/{bob.id}")).json()}]}
    assert await found(alice, email, email) == [(hashed(email), bob.id)], "once, however often it is asked for"


async def test_the_canonical_form_is_what_counts(world: World) -> None:
    alice, (bob, email, phone) = await world.person("alice"), await findable(world)
    for spelled in (email.upper(), phone.removeprefix("+"), bob.username):
        assert await found(alice, spelled) == []


async def test_nobody_is_found_who_does_not_want_it_or_has_not_proved_it(world: World) -> None:
    alice = await world.person("alice")
    bob = await world.person("bob")
    assert await found(alice, bob.email) == []
    await bob.patch("/me", {"findable": True})
    assert await found(alice, bob.email) == [], "claimed only"
    await bob.verify("email")
    assert await found(alice, bob.email) == [(hashed(bob.email), bob.id)]
    await bob.patch("/me", {"findable": False})
    assert await found(alice, bob.email) == []


async def test_who_is_hidden_is_not_found_and_nobody_finds_themselves(world: World) -> None:
    alice, (bob, email, phone) = await world.person("alice"), await findable(world)
    for one, other in ((alice, bob), (bob, alice)):
        await block(one, other)
        assert await found(alice, email, phone) == []
        await unblock(one, other)
        assert len(await found(alice, email, phone)) == 2
    assert await found(bob, email) == []


async def test_a_contact_stays_found_while_the_index_key_is_exchanged(fresh: World) -> None:
    alice, (bob, email, _) = await fresh.person("alice"), await findable(fresh)
    await fresh.app.keys.rotate("index")
    assert await found(alice, email) == [(hashed(email), bob.id)]
    await privacy.seal_all(fresh.app, lambda _: None)
    assert await found(alice, email) == [(hashed(email), bob.id)]


@pytest.mark.parametrize(
    "hashes",
    [None, [], ["x"], ["A" * 64], ["a" * 63], [7], ["a" * 64] * 101, "a" * 64],
)
async def test_what_cannot_be_hashes_is_refused(world: World, hashes: Any) -> None:
    answer = await (await world.person()).post("/contacts/matches", {"hashes": hashes})
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")


async def test_it_is_for_those_who_signed_in(world: World) -> None:
    assert (await world.client.post("/v1/contacts/matches", json={"hashes": ["a" * 64]})).status_code == 401


@pytest.fixture
async def sparing(settings: Settings) -> AsyncIterator[World]:
    """A day's look-ups are five."""
    figures = Figures(quota_contacts=5)
    async with world_over(settings.model_copy(update={"figures": figures})) as made:
        yield made


async def test_each_hash_counts_as_a_look_up_of_the_day(sparing: World) -> None:
    alice = await sparing.person("alice")
    assert (await look_up(alice, "a", "b", "c")).status_code == 200
    refused = await look_up(alice, "d", "d", "d")
    assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
    assert (await look_up(alice, "e", "f")).status_code == 200, "what was refused has counted nothing"
    assert (await look_up(alice, "g")).status_code == 429
    named = {"recipient": {"email": "nobody@example.com"}, "amount": 1, "note": "x"}
    assert (await alice.post("/transfers", named, key=secrets.token_hex(8))).status_code == 429, "one quota for all"


async def test_who_signs_up_again_does_not_look_up_more_from_the_same_network(fresh: World, settings: Settings) -> None:
    figures = {"figures": Figures(quota_contacts=5, quota_matches=8)}
    async with world_over(settings.model_copy(update=figures), redis=fresh.app.redis) as world:
        many = [await world.person() for _ in range(3)]
        answers = [await look_up(person, "a", "b", "c", "d") for person in many]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        named = {"recipient": {"email": "nobody@example.com"}, "amount": 1, "note": "x"}
        paid = await many[2].post("/transfers", named, key=secrets.token_hex(8))
        assert paid.json()["code"] == "insufficient_funds", "payments are not held up by others of the network"


async def test_a_look_up_that_forgets_consent_is_noticed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "MATCHES", text(queries.MATCHES.text.replace("u.findable AND", "")))
    with pytest.raises(AssertionError):
        await test_nobody_is_found_who_does_not_want_it_or_has_not_proved_it(world)


async def test_hashes_are_found_in_the_order_they_were_asked_for(world: World) -> None:
    alice = await world.person("alice")
    everybody = [await findable(world) for _ in range(3)]
    emails = [email for _, email, _ in everybody]
    for asked in (emails, emails[::-1]):
        assert [hash for hash, _ in await found(alice, *asked)] == [hashed(email) for email in asked]
