"""Passkeys, by an authenticator in software: what is right is taken once, and whatever is wrong is refused."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tests.auth.authenticator import (
    Authenticator,
    add_passkey,
    challenge,
    meet,
    raw,
    sign_in,
    step_up,
    text,
    use_token,
)
from tests.conftest import Person, World
from venmo_api.adapters.passkeys import Passkeys


async def options_of(world: World, token: str) -> dict[str, Any]:
    answer = await world.client.post("/v1/auth/challenge/passkey", json={"challenge_token": token})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def with_passkey(world: World, **options: Any) -> tuple[Person, Authenticator]:
    alice, key = await world.person("alice"), Authenticator(**options)
    await add_passkey(alice, key)
    return alice, key


async def test_a_passkey_signs_in(world: World) -> None:
    alice, key = await with_passkey(world)
    answer = await sign_in(world, alice)
    assert answer.json()["factors"] == ["passkey", "recovery"]
    token = answer.json()["challenge_token"]
    options = await options_of(world, token)
    assert options["rpId"] == "localhost"
    assert [one["id"] for one in options["allowCredentials"]] == [text(key.credential_id)]
    signed = await meet(world, token, "passkey", key.sign(options))
    assert signed.status_code == 200
    assert signed.json()["device_token"]
    again = await sign_in(world, alice, device_token=signed.json()["device_token"])
    assert again.status_code == 200
    [factor] = (await alice.get("/auth/factors")).json()["data"]
    assert (factor["kind"], factor["name"]) == ("passkey", "Key")
    assert factor["used_at"] is not None


async def test_a_passkey_without_a_counter_signs_in_again_and_again(world: World) -> None:
    alice, key = await with_passkey(world)
    key.counts = False
    for _ in range(2):
        token = await challenge(world, alice)
        assert (await meet(world, token, "passkey", key.sign(await options_of(world, token)))).status_code == 200


def other_site(key: Authenticator) -> None:
    key.rp_id = "evil.example"


def other_page(key: Authenticator) -> None:
    key.origin = "https://localhost.evil.example"


def copied(key: Authenticator) -> None:
    key.count -= 1


def other_key(key: Authenticator) -> None:
    key._key = Authenticator()._key


@pytest.mark.parametrize("wrong", [other_site, other_page, copied, other_key])
async def test_a_wrong_answer_signs_nobody_in(world: World, wrong: Callable[[Authenticator], None]) -> None:
    alice, key = await with_passkey(world, count=5)
    token = await challenge(world, alice)
    wrong(key)
    refused = await meet(world, token, "passkey", key.sign(await options_of(world, token)))
    assert (refused.status_code, refused.json()["code"]) == (403, "proof_wrong")
    assert refused.json()["attempts_left"] == 4


async def test_an_answer_to_other_options_is_refused_and_so_is_the_same_one_twice(world: World) -> None:
    alice, key = await with_passkey(world)
    first, second = await challenge(world, alice), await challenge(world, alice)
    to_first, to_second = await options_of(world, first), await options_of(world, second)
    assert (await meet(world, second, "passkey", key.sign(to_first))).status_code == 403
    assert (await meet(world, second, "passkey", key.sign(to_second))).status_code == 403, "its nonce was used up"
    answer = key.sign(to_first)
    assert (await meet(world, first, "passkey", answer)).status_code == 200
    assert (await meet(world, first, "passkey", answer)).status_code == 401
    third = await challenge(world, alice)
    await options_of(world, third)
    assert (await meet(world, third, "passkey", answer)).status_code == 403


async def test_options_asked_again_end_those_before(world: World) -> None:
    alice, key = await with_passkey(world)
    token = await challenge(world, alice)
    before = await options_of(world, token)
    await options_of(world, token)
    assert (await meet(world, token, "passkey", key.sign(before))).status_code == 403


async def test_nobody_signs_in_by_anothers_passkey(world: World) -> None:
    alice, _ = await with_passkey(world)
    _, bobs_key = await with_passkey(world)
    token = await challenge(world, alice)
    assert (await meet(world, token, "passkey", bobs_key.sign(await options_of(world, token)))).status_code == 403


async def test_of_one_answer_sent_many_times_at_once_one_is_taken(world: World) -> None:
    alice, key = await with_passkey(world)
    token = await challenge(world, alice)
    answer = key.sign(await options_of(world, token))
    answers = await asyncio.gather(*(meet(world, token, "passkey", answer) for _ in range(5)))
    assert sorted(one.status_code for one in answers) == [200, 401, 401, 401, 401]


@pytest.mark.parametrize("wrong", [other_site, other_page])
async def test_a_passkey_of_another_place_is_not_added(world: World, wrong: Callable[[Authenticator], None]) -> None:
    alice, key = await world.person("alice"), Authenticator()
    options = (await alice.post("/auth/factors/passkeys/options")).json()
    wrong(key)
    refused = await alice.post("/auth/factors/passkeys", {"credential": key.create(options)})
    assert (refused.status_code, refused.json()["code"]) == (403, "passkey_refused")
    key = Authenticator()
    refused = await alice.post("/auth/factors/passkeys", {"credential": key.create(options)})
    assert refused.status_code == 403, "the options were used"
    assert (await alice.get("/auth/factors")).json()["data"] == []


async def test_a_passkey_is_added_only_to_options_of_the_same_session(world: World) -> None:
    alice, bob, key = await world.person("alice"), await world.person("bob"), Authenticator()
    options = (await alice.post("/auth/factors/passkeys/options")).json()
    assert (await bob.post("/auth/factors/passkeys", {"credential": key.create(options)})).status_code == 403
    assert (await alice.post("/auth/factors/passkeys", {"credential": key.create(options)})).status_code == 201


async def test_one_passkey_belongs_to_one_person_once(world: World) -> None:
    alice, key = await with_passkey(world)
    bob = await world.person("bob")
    for someone in (alice, bob):
        options = (await someone.post("/auth/factors/passkeys/options")).json()
        refused = await someone.post("/auth/factors/passkeys", {"credential": key.create(options)})
        assert (refused.status_code, refused.json()["code"]) == (409, "factor_exists")


async def test_options_name_the_passkeys_one_has(world: World) -> None:
    alice, key = await with_passkey(world)
    options = (await alice.post("/auth/factors/passkeys/options")).json()
    assert [one["id"] for one in options["excludeCredentials"]] == [text(key.credential_id)]
    assert options["rp"] == {"name": "venmo-api", "id": "localhost"}
    assert options["user"]["name"] == alice.username
    assert len(raw(options["challenge"])) == 32


async def test_a_step_up_by_passkey(world: World) -> None:
    alice, key = await with_passkey(world)
    options = await alice.post("/auth/step-up/passkey")
    assert options.status_code == 200
    stepped = await step_up(alice, factor="passkey", credential=key.sign(options.json()))
    use_token(alice, stepped)
    assert stepped.json()["approval"] is None


@pytest.mark.parametrize(
    "field", ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "id", "rawId"]
)
@pytest.mark.parametrize("junk", ["AA", "A", "a2tra2tr", "oWFh", "_" * 4000])
async def test_junk_for_an_answer_is_refused(world: World, field: str, junk: str) -> None:
    alice, key = await with_passkey(world)
    token = await challenge(world, alice)
    if field == "attestationObject":
        made = Authenticator().create((await alice.post("/auth/factors/passkeys/options")).json())
    else:
        made = key.sign(await options_of(world, token))
    place = made if field in ("id", "rawId") else made["response"]
    place[field] = junk
    if field == "attestationObject":
        refused = await alice.post("/auth/factors/passkeys", {"credential": made})
    else:
        refused = await meet(world, token, "passkey", made)
    assert refused.status_code == 403, refused.text


async def test_without_the_check_of_the_nonce_an_answer_would_do_twice(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The defect is planted: what the tests above look at does bite."""
    alice, key = await with_passkey(world)
    key.counts = False
    token = await challenge(world, alice)
    options = await options_of(world, token)
    answer = key.sign(options)
    assert (await meet(world, token, "passkey", answer)).status_code == 200
    right = Passkeys.signed

    def careless(self: Passkeys, credential: str, *, nonce: bytes, public_key: bytes, sign_count: int) -> int:
        return right(self, credential, nonce=raw(options["challenge"]), public_key=public_key, sign_count=sign_count)

    monkeypatch.setattr(Passkeys, "signed", careless)
    token = await challenge(world, alice)
    await options_of(world, token)
    assert (await meet(world, token, "passkey", answer)).status_code == 200
