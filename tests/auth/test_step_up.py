"""Step-up: sensitive acts need somebody who has just proved who they are, by a second factor if they have one."""

import asyncio
import dataclasses
from datetime import timedelta
from typing import Any

import pytest

from tests.auth.authenticator import add_totp, sign_in, step_up, totp_code, use_token
from tests.conftest import PASSWORD, Person, World, new_key
from venmo_api.auth import factors, proofs
from venmo_api.auth.proofs import FactorKind

LATER = timedelta(minutes=10, seconds=1)


async def refresh(person: Person) -> None:
    body = {"refresh_token": person.tokens["refresh_token"]}
    answer = await person.client.post("/v1/auth/refresh", json=body)
    assert answer.status_code == 200, answer.text
    person.tokens.update(answer.json())


async def test_without_a_factor_the_password_does_for_ten_minutes(world: World) -> None:
    alice = await world.person("alice")
    assert (await alice.post("/auth/factors/totp")).status_code == 201
    world.wall_clock.advance(LATER)
    refused = await alice.post("/auth/factors/totp")
    assert (refused.status_code, refused.json()["code"]) == (403, "step_up_required")
    assert (refused.json()["max_age"], refused.json()["factors"]) == (600, [])
    stepped = await step_up(alice, password=PASSWORD)
    assert set(stepped.json()) == {"access_token", "token_type", "expires_in", "approval"}
    use_token(alice, stepped)
    assert (await alice.post("/auth/factors/totp")).status_code == 201
    claims = world.app.signer.claims(alice.tokens["access_token"])
    assert (claims["amr"], claims["auth_time"]) == (["pwd"], claims["iat"])


async def test_a_refresh_proves_nothing_but_keeps_what_was_proved(world: World) -> None:
    alice = await world.person("alice")
    world.wall_clock.advance(LATER)
    await refresh(alice)
    assert (await alice.post("/auth/factors/totp")).json()["code"] == "step_up_required"
    await step_up(alice, password=PASSWORD)
    await refresh(alice)
    assert (await alice.post("/auth/factors/totp")).status_code == 201


async def test_with_a_factor_the_password_does_not(world: World) -> None:
    alice = await world.person("alice")
    secret, _ = await add_totp(world, alice)
    world.wall_clock.advance(LATER)
    refused = await alice.post("/auth/recovery-codes")
    assert (refused.json()["code"], refused.json()["factors"]) == ("step_up_required", ["totp", "recovery"])
    by_password = await step_up(alice, password=PASSWORD)
    assert (by_password.status_code, by_password.json()["code"]) == (403, "proof_not_taken")
    use_token(alice, await step_up(alice, factor="totp", code=totp_code(world, secret)))
    assert (await alice.post("/auth/recovery-codes")).status_code == 201
    assert "mfa" in world.app.signer.claims(alice.tokens["access_token"])["amr"]


async def test_a_sign_in_by_password_on_a_known_device_is_no_proof_by_a_factor(world: World) -> None:
    alice = await world.person("alice")
    await add_totp(world, alice)
    body = {"identifier": alice.username, "password": PASSWORD, "device_token": alice.tokens["device_token"]}
    alice.tokens = (await world.client.post("/v1/auth/token", json=body)).json()
    assert (await alice.post("/auth/recovery-codes")).json()["code"] == "step_up_required"


@pytest.mark.parametrize("factor", ["email", "recovery"])
async def test_a_step_up_by_each_kind_of_code(world: World, factor: str) -> None:
    alice = await world.person("alice")
    await alice.verify()
    codes = (await alice.post("/auth/factors/codes", {"channel": "email"})).json()["recovery_codes"]
    assert (await alice.post("/auth/recovery-codes")).json()["code"] == "step_up_required"
    code = codes[0]
    if factor == "email":
        assert (await alice.post("/auth/step-up/code", {"channel": "email"})).status_code == 202
        code = (await alice.get("/sandbox/inbox")).json()["data"][0]["text"][:6]
    use_token(alice, await step_up(alice, factor=factor, code=code))
    assert (await alice.post("/auth/recovery-codes")).status_code == 201
    again = await step_up(alice, factor=factor, code=code)
    assert (again.status_code, again.json()["code"]) == (403, "proof_wrong")


async def test_a_code_sent_for_one_session_is_worth_nothing_in_another(world: World) -> None:
    alice = await world.person("alice")
    await alice.verify()
    await alice.post("/auth/factors/codes", {"channel": "email"})
    await alice.post("/auth/step-up/code", {"channel": "email"})
    code = (await alice.get("/sandbox/inbox")).json()["data"][0]["text"][:6]
    body = {"identifier": alice.username, "password": PASSWORD, "device_token": alice.tokens["device_token"]}
    tokens = (await world.client.post("/v1/auth/token", json=body)).json()
    other = Person(world.client, alice.id, alice.username, alice.email, tokens)
    assert (await step_up(other, factor="email", code=code)).json()["code"] == "proof_wrong"
    assert (await step_up(alice, factor="email", code=code)).status_code == 200


async def test_wrong_passwords_are_counted_before_they_are_judged(world: World) -> None:
    alice = await world.person("alice")
    answers = await asyncio.gather(*(step_up(alice, password=f"wrong horse {n}") for n in range(14)))
    codes = sorted(answer.json()["code"] for answer in answers)
    assert codes.count("proof_wrong") <= 10
    assert set(codes) <= {"proof_wrong", "too_many_attempts", "unavailable"}
    while (answer := await step_up(alice, password="wrong horse")).json()["code"] == "proof_wrong":
        assert codes.count("proof_wrong") < 10
        codes.append("proof_wrong")
    assert (answer.status_code, answer.json()["code"]) == (429, "too_many_attempts")
    assert (await step_up(alice, password=PASSWORD)).status_code == 429
    for _ in range(2):
        world.wall_clock.advance(timedelta(minutes=14))
        await refresh(alice)
    assert (await step_up(alice, password=PASSWORD)).status_code == 429
    world.wall_clock.advance(timedelta(minutes=3))
    assert (await step_up(alice, password=PASSWORD)).status_code == 200


async def test_five_wrong_codes_are_all_a_step_up_takes_for_a_while(world: World) -> None:
    alice = await world.person("alice")
    secret, _ = await add_totp(world, alice)
    wrong = totp_code(world, secret, steps=50)
    left = [(await step_up(alice, factor="totp", code=wrong)).json()["attempts_left"] for _ in range(5)]
    assert left == [4, 3, 2, 1, 0]
    refused = await step_up(alice, factor="totp", code=totp_code(world, secret))
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_attempts")
    assert 0 < int(refused.headers["Retry-After"]) <= 600
    world.wall_clock.advance(LATER)
    assert (await step_up(alice, factor="totp", code=totp_code(world, secret))).status_code == 200


async def again(world: World, alice: Person) -> Person:
    """Another session on the same device."""
    answer = await sign_in(world, alice, device_token=alice.tokens["device_token"])
    assert answer.status_code == 200, answer.text
    return dataclasses.replace(alice, tokens=alice.tokens | answer.json())


async def test_many_sessions_of_one_device_guess_no_more_codes_than_one(world: World) -> None:
    alice = await world.person("alice")
    secret, recovery = await add_totp(world, alice)
    wrong, told = totp_code(world, secret, steps=50), []
    for _ in range(12):
        told.append((await step_up(await again(world, alice), factor="totp", code=wrong)).json()["code"])
    assert told == ["proof_wrong"] * 10 + ["too_many_attempts"] * 2
    assert (await step_up(alice, factor="recovery", code=recovery[0])).status_code == 200


async def test_many_sessions_of_one_device_guess_no_more_passwords_than_one(world: World) -> None:
    alice = await world.person("alice")
    there, elsewhere = await again(world, alice), await sign_in(world, alice)
    body = {"current_password": "wrong horse", "new_password": "quite another horse"}
    for _ in range(5):
        assert (await step_up(there, password="wrong horse")).json()["code"] == "proof_wrong"
        assert (await alice.post("/me/password", body)).json()["code"] == "password_wrong"
    assert (await alice.post("/me/password", body)).json()["code"] == "too_many_attempts"
    assert (await step_up(there, password=PASSWORD)).json()["code"] == "too_many_attempts"
    other = dataclasses.replace(alice, tokens=elsewhere.json())
    assert (await other.post("/me/password", body | {"current_password": PASSWORD})).status_code == 204


async def test_of_one_code_for_two_step_ups_at_once_one_is_taken(world: World) -> None:
    alice = await world.person("alice")
    secret, _ = await add_totp(world, alice)
    code = totp_code(world, secret)
    answers = await asyncio.gather(*(step_up(alice, factor="totp", code=code) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 403, 403, 403]


async def test_a_revoked_session_steps_up_no_more(world: World) -> None:
    alice = await world.person("alice")
    await alice.post("/auth/logout")
    assert (await step_up(alice, password=PASSWORD)).status_code == 401


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"password": PASSWORD, "factor": "totp", "code": "123456"},
        {"code": "123456"},
        {"factor": "passkey", "code": "123456"},
        {"password": PASSWORD, "approves": {"amount": 1}},
        {"password": PASSWORD, "approves": {"recipient_id": "usr_1", "amount": 1}},
        {"password": PASSWORD, "approves": {"email": "a@example.com", "phone": "+14155550123", "amount": 1}},
        {"password": PASSWORD, "approves": {"email": "nonsense", "amount": 1}},
        {"password": PASSWORD, "approves": {"email": "a@example.com", "amount": 0}},
    ],
)
async def test_a_step_up_is_of_one_shape(world: World, body: dict[str, Any]) -> None:
    answer = await (await world.person("alice")).post("/auth/step-up", body)
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed"), answer.text


async def test_bank_accounts_and_cash_outs_need_a_fresh_proof_of_who_has_a_factor(world: World) -> None:
    alice, bob = await world.person("alice", money=5000), await world.person("bob", money=5000)
    secret, _ = await add_totp(world, alice)
    source = (await alice.get("/wallet/funding-sources")).json()["data"][0]["id"]
    out = {"funding_source_id": source, "amount": 100, "speed": "standard"}
    world.wall_clock.advance(LATER)
    acts = (("/wallet/funding-sources", {"token": "sandbox_bank_ok"}), ("/wallet/cash-outs", out))
    for path, body in acts:
        refused = await alice.post(path, body, key=new_key())
        assert (refused.status_code, refused.json()["code"]) == (403, "step_up_required"), path
    assert (await bob.post("/wallet/funding-sources", {"token": "sandbox_bank_ok"})).status_code == 201
    assert (await alice.post("/wallet/cash-outs", out | {"dry_run": True}, key=new_key())).status_code != 403
    use_token(alice, await step_up(alice, factor="totp", code=totp_code(world, secret)))
    for path, body in acts:
        assert (await alice.post(path, body, key=new_key())).status_code == 201, path


async def test_without_the_age_of_the_proof_anything_would_be_fresh(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The defect is planted: what the tests above look at does bite."""
    monkeypatch.setattr("venmo_api.auth.step_up.is_fresh", lambda at, *, now: True)
    alice = await world.person("alice")
    world.wall_clock.advance(LATER)
    assert (await alice.post("/auth/factors/totp")).status_code == 201


async def test_whoever_has_registered_nothing_is_asked_for_nothing(world: World) -> None:
    alice = await world.person("alice")
    user_id = factors.UUID(alice.id.removeprefix("usr_"))
    assert await world.app.database.read(factors.registered, user_id) == []
    await add_totp(world, alice)
    found = await world.app.database.read(factors.registered, user_id)
    assert found == [FactorKind.TOTP, FactorKind.RECOVERY]


def test_every_kind_of_factor_says_what_it_proves() -> None:
    assert set(proofs.METHODS) == set(FactorKind)
    assert all("mfa" in methods for methods in proofs.METHODS.values())
