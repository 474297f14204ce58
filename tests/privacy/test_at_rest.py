"""Personal data at rest: nothing in clear, nothing that opens elsewhere; with and without the key service."""

from collections.abc import AsyncIterator

import pytest

from tests.conftest import PASSWORD, Person, World, new_key, new_name
from tests.crypto.stand_ins import Vault, vault_over
from tests.privacy.dump import holding, run
from tests.transfers.steps import new_email, pay_contact
from venmo_api.core import ids
from venmo_api.settings import Settings

PHONE, OTHER_PHONE = "+14155550101", "+14155550102"


@pytest.fixture
async def vault(fresh: World, settings: Settings) -> AsyncIterator[Vault]:
    async with vault_over(fresh, settings) as made:
        yield made


async def test_no_table_has_an_address_a_number_or_a_bank_token_in_clear(fresh: World) -> None:
    alice = await fresh.person("alice", money=1000, phone=PHONE)
    await alice.verify()
    stranger, key = new_email(), new_key()
    body = {"recipient": {"email": stranger}, "amount": 100, "note": "lunch"}
    paid = await alice.post("/transfers", body, key=key)
    assert paid.json()["contact"] == {"kind": "email", "value": stranger}
    await fresh.drain()
    secrets = (alice.email, PHONE, stranger, "sandbox_bank_ok")
    assert await holding(fresh, *secrets) == set()
    change = "UPDATE users SET display_name = $1 WHERE username = $2"
    await run(fresh, change, f"ask {alice.email}", alice.username)
    assert await holding(fresh, *secrets) == {("users", alice.email)}
    await run(fresh, change, "Alice", alice.username)


async def test_people_see_what_is_theirs_as_before(fresh: World) -> None:
    alice = await fresh.person("alice", money=1000, phone=PHONE)
    me = (await alice.get("/me")).json()
    assert (me["email"], me["phone"]) == (alice.email, PHONE)
    [source] = (await alice.get("/wallet/funding-sources")).json()["data"]
    assert source["last4"].isdigit()
    stranger, key = new_email(), new_key()
    body = {"recipient": {"email": stranger}, "amount": 100, "note": "lunch"}
    first = await alice.post("/transfers", body, key=key)
    again = await alice.post("/transfers", body, key=key)
    assert (again.content, again.headers["Idempotent-Replayed"]) == (first.content, "true")
    seen = (await alice.get(f"/transfers/{first.json()['id']}")).json()
    assert seen["contact"] == {"kind": "email", "value": stranger}
    operation = (await alice.get(f"/operations/{key}")).json()
    assert operation["result"] == first.json()


async def test_sign_in_by_address_and_number_finds_its_person(fresh: World) -> None:
    alice = await fresh.person("alice", phone=PHONE)
    for identifier in (alice.email.upper(), PHONE, alice.username):
        body = {"identifier": identifier, "password": PASSWORD}
        answer = await fresh.client.post("/v1/auth/token", json=body)
        assert answer.status_code == 200, (identifier, answer.text)


async def _swap(world: World, table: str, column: str, one: str, other: str) -> None:
    """Exchange a sealed column between two rows, each found by a condition."""
    [first] = await run(world, f"SELECT {column} FROM {table} WHERE {one}")
    [second] = await run(world, f"SELECT {column} FROM {table} WHERE {other}")
    await run(world, f"UPDATE {table} SET {column} = $1 WHERE {one}", second[0])
    await run(world, f"UPDATE {table} SET {column} = $1 WHERE {other}", first[0])


async def _refused(person: Person, path: str) -> bool:
    """A seal that does not open is a defect or an attack: nothing of it is told."""
    answer = await person.get(path)
    return answer.status_code == 500 and answer.json()["code"] == "internal_error"


def _of(person: Person) -> str:
    return f"user_id = '{ids.decode(ids.USER, person.id)}'"


async def test_what_was_moved_to_another_person_does_not_open(fresh: World) -> None:
    alice, bob = await fresh.person("alice"), await fresh.person("bob")
    await _swap(fresh, "identifiers", "sealed", f"{_of(alice)} AND kind = 'email'", f"{_of(bob)} AND kind = 'email'")
    assert await _refused(alice, "/me")


async def test_what_was_moved_to_another_row_does_not_open(fresh: World) -> None:
    alice = await fresh.person("alice", phone=PHONE)
    await _swap(fresh, "identifiers", "sealed", f"{_of(alice)} AND kind = 'email'", f"{_of(alice)} AND kind = 'phone'")
    assert await _refused(alice, "/me")


async def test_a_key_that_was_moved_does_not_open(fresh: World) -> None:
    alice, bob = await fresh.person("alice"), await fresh.person("bob")
    await _swap(fresh, "person_keys", "wrapped", _of(alice), _of(bob))
    assert await _refused(alice, "/me")


async def test_what_was_changed_does_not_open(fresh: World) -> None:
    alice = await fresh.person("alice", money=100)
    assert (await alice.get("/wallet/funding-sources")).status_code == 200
    await run(fresh, "UPDATE funding_sources SET sealed = set_byte(sealed, 40, 1 # get_byte(sealed, 40))")
    assert await _refused(alice, "/wallet/funding-sources")


async def test_a_process_that_has_its_keys_serves_on_while_the_key_service_is_away(vault: Vault) -> None:
    vault.kms.away = True
    world = vault.world
    alice = await world.person("alice", money=1000, phone=PHONE)
    assert (await alice.get("/me")).json()["email"] == alice.email
    assert (await pay_contact(alice, new_email(), 100)).status_code == 201
    assert await holding(world, alice.email, PHONE) == set()


async def test_a_process_without_keys_pays_and_refuses_only_what_needs_them(fresh: World, settings: Settings) -> None:
    alice, bob = await fresh.person("alice", money=1000), await fresh.person("bob")
    async with vault_over(fresh, settings, away=True) as vault:
        there = vault.world.client
        body = {"recipient": {"user_id": bob.id}, "amount": 100, "note": "lunch"}
        headers = alice.headers | {"Idempotency-Key": new_key()}
        assert (await there.post("/v1/transfers", json=body, headers=headers)).status_code == 201
        body["recipient"] = {"username": bob.username}
        headers = alice.headers | {"Idempotency-Key": new_key()}
        assert (await there.post("/v1/transfers", json=body, headers=headers)).status_code == 201
        asked = [
            there.get("/v1/me", headers=alice.headers),
            there.post("/v1/wallet/funding-sources", json={"token": "sandbox_bank_ok"}, headers=alice.headers),
            there.post("/v1/transfers", json=body | {"recipient": {"email": new_email()}}, headers=headers),
            there.post("/v1/auth/sign-up", json=_newcomer()),
        ]
        for question in asked:
            answer = await question
            assert (answer.status_code, answer.json()["code"]) == (503, "unavailable"), answer.text
            assert "Retry-After" in answer.headers
        assert (await there.get("/v1/wallet", headers=alice.headers)).status_code == 200
        vault.kms.away = False
        await vault.world.app.keys.refresh()  # as every two seconds
        assert (await there.get("/v1/me", headers=alice.headers)).status_code == 200
    assert await bob.balance() == 200


def _newcomer() -> dict[str, str]:
    name = new_name()
    return {
        "username": name,
        "display_name": "New",
        "email": f"{name}@example.com",
        "password": "correct horse battery",
    }
