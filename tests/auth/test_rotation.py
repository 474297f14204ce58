"""Signing keys are exchanged while people stay signed in, and codes in flight stay good."""

import base64
import dataclasses
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import jwt
import pytest

from tests.auth.signing_in import elsewhere, refresh
from tests.conftest import Person, World, new_key, world_over
from venmo_api.adapters.signing import Key, Signer, new_private_key
from venmo_api.settings import Settings


@asynccontextmanager
async def signing(settings: Settings, key: str, *, previous: str | None = None) -> AsyncIterator[World]:
    changed = {"signing_key": key, "previous_signing_key": previous}
    async with world_over(
        Settings(**settings.model_dump() | changed)
    ) as world:  # a copy would keep the key it has read
        yield world


async def status(world: World, person: Person) -> int:
    return (await world.client.get("/v1/me", headers=person.headers)).status_code


def at(world: World, person: Person) -> Person:
    """The same person, asking the servers of another configuration."""
    return dataclasses.replace(person, client=world.client)


async def test_an_exchange_of_keys_signs_nobody_out(settings: Settings) -> None:
    old, new = new_private_key(), new_private_key()
    async with signing(settings, old) as before:
        alice = await before.person()
        # First all processes know the new key, then they sign with it; at each step old and new ones answer together.
        async with signing(settings, old, previous=new) as ready, signing(settings, new, previous=old) as after:
            fresh = await elsewhere(after, at(after, alice))
            assert jwt.get_unverified_header(fresh.tokens["access_token"])["kid"] == Key(new).id
            assert [await status(world, person) for world in (ready, after) for person in (alice, fresh)] == [200] * 4
            assert (await refresh(after, alice.tokens["refresh_token"])).status_code == 200
        assert await status(before, fresh) == 401  # planted: who does not know the new key yet refuses it
    async with signing(settings, new) as done:
        assert await status(done, fresh) == 200
        assert await status(done, alice) == 401  # planted: the old key was taken away too early
        assert (await refresh(done, fresh.tokens["refresh_token"])).status_code == 200


async def test_a_lost_answer_is_given_again_across_an_exchange(settings: Settings) -> None:
    old, new, key = new_private_key(), new_private_key(), new_key()
    async with signing(settings, old) as before, signing(settings, new, previous=old) as after:
        alice = await before.person()
        first = await refresh(before, alice.tokens["refresh_token"], key=key)
        again = await refresh(after, alice.tokens["refresh_token"], key=key)
        assert again.status_code == 200, again.text
        assert again.json()["refresh_token"] == first.json()["refresh_token"]


async def test_a_code_sent_before_an_exchange_counts_after_it(settings: Settings) -> None:
    old, new = new_private_key(), new_private_key()
    async with signing(settings, old) as before, signing(settings, new, previous=old) as after:
        alice = await before.person()
        code = await alice.code()
        answer = await at(after, alice).post("/me/contacts/email/verify", {"code": code})
        assert answer.status_code == 200, answer.text


async def test_the_public_keys_are_told_by_their_thumbprints_the_one_that_signs_first(settings: Settings) -> None:
    old, new = new_private_key(), new_private_key()
    async with signing(settings, new, previous=old) as world:
        answer = await world.client.get("/.well-known/jwks.json")
        assert answer.status_code == 200
        assert "max-age" in answer.headers["cache-control"]
        keys = answer.json()["keys"]
        assert [key["kid"] for key in keys] == [Key(new).id, Key(old).id]
        assert all(set(key) == {"kty", "crv", "x", "y", "kid", "alg", "use"} for key in keys)
        alice = await world.person()
        token = alice.tokens["access_token"]
        found = jwt.PyJWKSet.from_dict(answer.json())[jwt.get_unverified_header(token)["kid"]]
        claims = jwt.decode(token, found.key, algorithms=["ES256"], audience="venmo-api", issuer="venmo-api")
        assert claims["sub"] == alice.id


def test_a_thumbprint_is_that_of_rfc_7638() -> None:
    for _ in range(20):
        key = Key(new_private_key())
        told = jwt.PyJWK.from_dict(key.public)
        members = "{" + ",".join(f'"{name}":"{key.public[name]}"' for name in ("crv", "kty", "x", "y")) + "}"
        digest = base64.urlsafe_b64encode(hashlib.sha256(members.encode()).digest()).rstrip(b"=").decode()
        assert (told.key_id, key.id, len(key.public["x"]), len(key.public["y"])) == (digest, digest, 43, 43)


def test_hashes_under_the_key_before_are_known_and_others_are_not() -> None:
    old, new = new_private_key(), new_private_key()
    before, after = (
        Signer(old, issuer="us", audience="them"),
        Signer(new, issuer="us", audience="them", previous_key_pem=old),
    )
    digest = before.keyed_hash("said")
    assert after.is_keyed_hash("said", digest)
    assert after.is_keyed_hash("said", after.keyed_hash("said"))
    assert not after.is_keyed_hash("unsaid", digest)
    assert not before.is_keyed_hash("said", after.keyed_hash("said"))


def test_the_key_before_may_be_given_as_a_file(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    file.write_text("of the file")
    assert settings.previous_signing_key_pem is None
    given = settings.model_dump() | {"previous_signing_key_file": file}
    assert Settings(**given).previous_signing_key_pem == "of the file"
    assert Settings(**given | {"previous_signing_key": "of the variable"}).previous_signing_key_pem == "of the variable"


def test_a_key_of_another_curve_is_refused() -> None:
    with pytest.raises(ValueError, match="PEM"):
        Signer(new_private_key(), issuer="us", audience="them", previous_key_pem="junk")
