"""Identity: a provider's token verifies a person, once."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import text

from tests.conftest import Person, World
from venmo_api.adapters.postgres import Transaction
from venmo_api.core import ids
from venmo_api.users import service


async def verify(person: Person, token: object = "sandbox_identity_ok") -> Any:
    return await person.post("/me/identity", {"token": token})


async def events(world: World, person: Person) -> int:
    async def count(tx: Transaction) -> int:
        asked = "SELECT count(*) FROM events WHERE topic = 'IdentityVerified' AND payload ->> 'user_id' = :id"
        return int((await tx.execute(text(asked), {"id": str(ids.decode(ids.USER, person.id))})).scalar_one())

    return await world.app.database.read(count)


async def test_a_token_of_the_provider_verifies_a_person(world: World) -> None:
    alice, bob = await world.person("alice"), await world.person("bob")
    answer = await verify(alice)
    assert (answer.status_code, answer.json()["identity_verified"]) == (200, True)
    assert answer.json() == (await alice.get("/me")).json()
    assert (await bob.get("/me")).json()["identity_verified"] is False
    own = {person.id: ids.decode(ids.USER, person.id) for person in (alice, bob)}
    parties = await world.app.database.read(service.parties, [value for value in own.values() if value])
    assert {user_id: party.verified for user_id, party in parties.items()} == {own[alice.id]: True, own[bob.id]: False}
    assert await events(world, alice) == 1


async def test_to_verify_again_changes_nothing(world: World) -> None:
    alice = await world.person("alice", verified=True)
    before = (await alice.get("/me")).json()
    answers = await asyncio.gather(*(verify(alice) for _ in range(10)))
    assert all((answer.status_code, answer.json()) == (200, before) for answer in answers)
    assert await events(world, alice) == 1


async def test_of_parallel_verifications_one_is_an_event(world: World) -> None:
    alice = await world.person("alice")
    answers = await asyncio.gather(*(verify(alice) for _ in range(20)))
    assert {answer.status_code for answer in answers} == {200}
    assert await events(world, alice) == 1


@pytest.mark.parametrize(
    ("token", "status", "code"),
    [
        ("sandbox_identity_failed", 402, "identity_not_verified"),
        ("sandbox_identity", 422, "unknown_identity_token"),
        ("sandbox_bank_ok", 422, "unknown_identity_token"),
        ("", 422, "validation_failed"),
        ("x" * 201, 422, "validation_failed"),
        ("a\u0000b", 422, "validation_failed"),
        (None, 422, "validation_failed"),
        (7, 422, "validation_failed"),
    ],
)
async def test_any_other_token_verifies_nobody(world: World, token: object, status: int, code: str) -> None:
    alice = await world.person("alice")
    answer = await verify(alice, token)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    if status == 422:
        assert answer.json()["errors"][0]["pointer"] == "/token"
    assert (await alice.get("/me")).json()["identity_verified"] is False
    assert await events(world, alice) == 0


async def test_it_is_for_those_who_signed_in(world: World) -> None:
    answer = await world.client.post("/v1/me/identity", json={"token": "sandbox_identity_ok"})
    assert answer.status_code == 401
