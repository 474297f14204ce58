"""The challenge of a sign-in: who is asked, what is taken, how often one may be wrong."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from tests.auth.authenticator import add_totp, challenge, meet, sign_in, totp_code
from tests.conftest import PASSWORD, Person, World
from venmo_api.auth import challenges
from venmo_api.auth.jobs import forget_old_challenges


async def send_code(world: World, token: str, channel: str = "email") -> httpx2.Response:
    return await world.client.post("/v1/auth/challenge/code", json={"challenge_token": token, "channel": channel})


async def last_code(alice: Person, channel: str = "email") -> str:
    inbox = (await alice.get("/sandbox/inbox")).json()["data"]
    newest: str = next(message["text"] for message in inbox if message["channel"] == channel)
    return newest[:6]


async def with_codes(world: World) -> Person:
    alice = await world.person("alice")
    await alice.verify()
    assert (await alice.post("/auth/factors/codes", {"channel": "email"})).status_code == 201
    return alice


async def test_a_known_device_needs_no_factor_and_an_unknown_one_does(world: World) -> None:
    alice = await world.person("alice")
    device = alice.tokens["device_token"]
    secret, _ = await add_totp(world, alice)
    known = await sign_in(world, alice, device_token=device)
    assert known.status_code == 200
    assert "device_token" not in known.json()
    token = await challenge(world, alice)
    tokens = (await meet(world, token, "totp", totp_code(world, secret))).json()
    assert tokens["device_token"] != device
    assert (await sign_in(world, alice, device_token=tokens["device_token"])).status_code == 200
    assert (await sign_in(world, alice, device_token="dt_" + "x" * 43)).status_code == 401


async def test_tokens_say_how_they_were_earned(world: World) -> None:
    alice = await world.person("alice")
    secret, _ = await add_totp(world, alice)
    token = await challenge(world, alice)
    tokens = (await meet(world, token, "totp", totp_code(world, secret))).json()
    claims = world.app.signer.claims(tokens["access_token"])
    assert claims["amr"] == ["pwd", "otp", "mfa"]
    assert claims["auth_time"] == claims["iat"]
    assert "dsi" not in claims


async def test_a_code_by_mail_signs_in_once(world: World) -> None:
    alice = await with_codes(world)
    token = await challenge(world, alice)
    sent = await send_code(world, token)
    assert (sent.status_code, sent.json()["channel"]) == (202, "email")
    code = await last_code(alice)
    soon = await send_code(world, token)
    assert (soon.status_code, soon.json()["code"]) == (429, "code_sent_recently")
    assert (await meet(world, token, "phone", code)).json()["code"] == "proof_not_taken"
    assert (await meet(world, token, "email", code)).status_code == 200
    assert (await meet(world, token, "email", code)).json()["code"] == "challenge_ended"


async def test_a_code_is_of_its_own_challenge_and_is_replaced_by_the_next(world: World) -> None:
    alice = await with_codes(world)
    first = await challenge(world, alice)
    await send_code(world, first)
    before = await last_code(alice)
    second = await challenge(world, alice)
    assert (await send_code(world, second)).status_code == 429, "waiting is by person, not by challenge"
    assert (await meet(world, second, "email", before)).json()["code"] == "proof_wrong"
    world.wall_clock.advance(timedelta(minutes=1))
    assert (await send_code(world, first)).status_code == 202
    after = await last_code(alice)
    if before != after:
        assert (await meet(world, first, "email", before)).json()["code"] == "proof_wrong"
    assert (await meet(world, first, "email", after)).status_code == 200


async def test_after_a_few_codes_nobody_gets_more_for_an_hour(world: World) -> None:
    alice = await with_codes(world)
    for _ in range(5):
        assert (await send_code(world, await challenge(world, alice))).status_code == 202
        world.wall_clock.advance(timedelta(minutes=1))
    refused = await send_code(world, await challenge(world, alice))
    assert refused.status_code == 429
    assert 3000 < int(refused.headers["Retry-After"]) <= 3600


async def test_codes_go_only_where_its_owner_wanted_them(world: World) -> None:
    alice = await with_codes(world)
    refused = await send_code(world, await challenge(world, alice), "phone")
    assert (refused.status_code, refused.json()["code"]) == (403, "proof_not_taken")
    assert refused.json()["factors"] == ["email", "recovery"]
    bob = await world.person("bob")
    await add_totp(world, bob)
    asked = await world.client.post("/v1/auth/challenge/passkey", json={"challenge_token": await challenge(world, bob)})
    assert (asked.status_code, asked.json()["code"]) == (403, "proof_not_taken")


@pytest.mark.parametrize("minutes", [9, 10])
async def test_a_challenge_lasts_ten_minutes(world: World, minutes: int) -> None:
    alice = await world.person("alice")
    secret, _ = await add_totp(world, alice)
    token = await challenge(world, alice)
    world.wall_clock.advance(timedelta(minutes=minutes))
    answer = await meet(world, token, "totp", totp_code(world, secret))
    assert (answer.status_code == 200) == (minutes < 10)
    if minutes == 10:
        assert (answer.status_code, answer.json()["code"]) == (401, "challenge_ended")


async def test_nobody_knows_a_challenge_that_was_not_given(world: World) -> None:
    token = "ch_" + "x" * 43
    paths: dict[str, dict[str, Any]] = {
        "/challenge": {"factor": "totp", "code": "123456"},
        "/challenge/code": {"channel": "email"},
        "/challenge/passkey": {},
    }
    for path, body in paths.items():
        answer = await world.client.post("/v1/auth" + path, json=body | {"challenge_token": token})
        assert (answer.status_code, answer.json()["code"]) == (401, "challenge_ended"), path


async def test_five_wrong_proofs_end_a_challenge(world: World) -> None:
    alice = await world.person("alice")
    secret, _ = await add_totp(world, alice)
    token = await challenge(world, alice)
    wrong = totp_code(world, secret, steps=50)
    left = [(await meet(world, token, "totp", wrong)).json()["attempts_left"] for _ in range(5)]
    assert left == [4, 3, 2, 1, 0]
    assert (await meet(world, token, "totp", totp_code(world, secret))).json()["code"] == "challenge_ended"


async def test_many_wrong_proofs_at_once_are_no_more_than_five(world: World) -> None:
    alice = await world.person("alice")
    secret, _ = await add_totp(world, alice)
    token = await challenge(world, alice)
    answers = await asyncio.gather(*(meet(world, token, "totp", f"{n:06d}") for n in range(20)))
    judged = [answer for answer in answers if answer.json()["code"] == "proof_wrong"]
    assert len(judged) <= 5
    assert (await meet(world, token, "totp", totp_code(world, secret))).status_code != 200


async def test_without_the_count_one_could_guess_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The defect is planted: what the tests above look at does bite."""
    monkeypatch.setattr(challenges, "COUNT_WRONG", challenges.text("SELECT CAST(:token_hash AS bytea)"))
    alice = await world.person("alice")
    secret, _ = await add_totp(world, alice)
    token = await challenge(world, alice)
    for _ in range(6):
        assert (await meet(world, token, "totp", totp_code(world, secret, steps=50))).json()["code"] == "proof_wrong"


async def test_wrong_proofs_at_many_challenges_are_too_many(world: World) -> None:
    alice = await world.person("alice")
    secret, recovery = await add_totp(world, alice)
    wrong, codes = totp_code(world, secret, steps=50), []
    for _ in range(12):
        codes.append((await meet(world, await challenge(world, alice), "totp", wrong)).json()["code"])
    assert codes == ["proof_wrong"] * 10 + ["too_many_attempts"] * 2
    assert (await meet(world, await challenge(world, alice), "totp", totp_code(world, secret))).status_code == 429
    assert (await sign_in(world, alice, device_token=alice.tokens["device_token"])).status_code == 200
    # Who cannot have guessed is let in: no thief of the password locks the owner out by wrong codes.
    assert (await meet(world, await challenge(world, alice), "recovery", recovery[0])).status_code == 200
    world.wall_clock.advance(timedelta(minutes=30, seconds=1))
    assert (await meet(world, await challenge(world, alice), "totp", totp_code(world, secret))).status_code == 200


async def test_a_challenge_is_met_once_also_by_two_proofs_at_once(world: World) -> None:
    alice = await world.person("alice")
    secret, codes = await add_totp(world, alice)
    token = await challenge(world, alice)
    answers = await asyncio.gather(
        meet(world, token, "totp", totp_code(world, secret)),
        *(meet(world, token, "recovery", code) for code in codes[:4]),
    )
    assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401, 401]
    assert (await alice.get("/auth/factors")).json()["recovery_codes_left"] >= 9


async def test_a_change_of_the_password_ends_half_finished_sign_ins(world: World) -> None:
    alice = await world.person("alice")
    secret, _ = await add_totp(world, alice)
    token = await challenge(world, alice)
    body = {"current_password": PASSWORD, "new_password": "a quite different horse"}
    changed = await alice.post("/me/password", body)
    assert changed.status_code in (200, 204), changed.text
    answer = await meet(world, token, "totp", totp_code(world, secret))
    assert (answer.status_code, answer.json()["code"]) == (401, "challenge_ended")


async def test_a_wrong_password_learns_nothing_of_factors(world: World) -> None:
    alice = await world.person("alice")
    await add_totp(world, alice)
    body = {"identifier": alice.username, "password": "wrong horse battery"}
    answer = await world.client.post("/v1/auth/token", json=body)
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_credentials")


@pytest.mark.parametrize(
    "body",
    [
        {"factor": "totp"},
        {"factor": "passkey", "code": "123456"},
        {"factor": "totp", "code": "12"},
        {"factor": "password", "code": "123456"},
        {"factor": "totp", "code": "123456", "credential": {"id": "aa", "rawId": "aa", "type": "public-key"}},
        {"code": "123456"},
    ],
)
async def test_a_proof_is_of_one_shape(world: World, body: dict[str, Any]) -> None:
    answer = await world.client.post("/v1/auth/challenge", json=body | {"challenge_token": "ch_" + "x" * 43})
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")


async def test_old_challenges_are_forgotten(fresh: World) -> None:
    alice = await fresh.person("alice")
    await add_totp(fresh, alice)
    await challenge(fresh, alice)
    assert await forget_old_challenges(fresh.app) == 0
    fresh.wall_clock.advance(timedelta(days=1, minutes=11))
    assert await forget_old_challenges(fresh.app) == 1
