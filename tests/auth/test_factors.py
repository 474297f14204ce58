"""Second factors: added, listed, removed, each announced; codes of an app are taken once; recovery codes."""

import asyncio
import dataclasses
from datetime import timedelta

import pyotp
import pytest

from tests.auth.authenticator import add_totp, challenge, meet, sign_in, step_up, totp_code, use_token
from tests.auth.steps import NEW, changed, confirm, new_email, reset_code, undo, undo_token
from tests.conftest import PASSWORD, Person, World
from venmo_api.auth import factors, totp


async def inbox(person: Person) -> list[str]:
    return [message["text"] for message in (await person.get("/sandbox/inbox")).json()["data"]]


async def test_an_app_counts_once_it_is_confirmed(world: World) -> None:
    alice = await world.person("alice")
    begun = (await alice.post("/auth/factors/totp")).json()
    assert begun["uri"].startswith("otpauth://totp/")
    assert begun["secret"] in begun["uri"]
    assert alice.username in begun["uri"]
    assert (await alice.get("/auth/factors")).json() == {"data": [], "recovery_codes_left": 0}
    assert (await sign_in(world, alice)).status_code == 200

    confirmed = await alice.post("/auth/factors/totp/confirm", {"code": totp_code(world, begun["secret"])})
    assert confirmed.status_code == 201
    assert len(set(confirmed.json()["recovery_codes"])) == 10
    listed = (await alice.get("/auth/factors")).json()
    assert [(one["kind"], one["used_at"]) for one in listed["data"]] == [("totp", None)]
    assert listed["recovery_codes_left"] == 10
    answer = await sign_in(world, alice)
    assert (answer.status_code, answer.json()["code"]) == (401, "second_factor_required")
    assert answer.json()["factors"] == ["totp", "recovery"]
    assert answer.json()["expires_in"] == 600


async def test_a_secret_that_was_not_confirmed_is_replaced_and_one_that_was_is_not(world: World) -> None:
    alice = await world.person("alice")
    first = (await alice.post("/auth/factors/totp")).json()["secret"]
    second = (await alice.post("/auth/factors/totp")).json()["secret"]
    assert first != second
    wrong = await alice.post("/auth/factors/totp/confirm", {"code": totp_code(world, first)})
    assert (wrong.status_code, wrong.json()["code"]) == (403, "proof_wrong")
    right = await alice.post("/auth/factors/totp/confirm", {"code": totp_code(world, second)})
    use_token(alice, right)
    for path, body in (("/auth/factors/totp", None), ("/auth/factors/totp/confirm", {"code": "123456"})):
        again = await alice.post(path, body)
        assert (again.status_code, again.json()["code"]) == (409, "factor_exists"), path


async def test_there_is_nothing_to_confirm_before_it_was_begun(world: World) -> None:
    answer = await (await world.person("alice")).post("/auth/factors/totp/confirm", {"code": "123456"})
    assert (answer.status_code, answer.json()["code"]) == (409, "totp_not_begun")


async def test_a_secret_does_not_stand_in_the_database(world: World) -> None:
    alice = await world.person("alice")
    secret, _ = await add_totp(world, alice)
    async with world.app.database.engine.connect() as connection:
        rows = (await connection.exec_driver_sql("SELECT sealed FROM factors WHERE kind = 'totp'")).scalars().all()
    assert rows
    assert not [row for row in rows if secret.encode() in bytes(row)]


@pytest.mark.parametrize(("steps", "counts"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
async def test_codes_count_a_step_around_the_present_one(world: World, steps: int, counts: bool) -> None:
    alice = await world.person("alice")
    secret, _ = await add_totp(world, alice)
    world.wall_clock.advance(timedelta(minutes=3))
    answer = await meet(world, await challenge(world, alice), "totp", totp_code(world, secret, steps=steps))
    assert answer.status_code == (200 if counts else 403), answer.text


async def test_a_code_is_taken_once_and_none_from_before_it_after_it(world: World) -> None:
    alice = await world.person("alice")
    secret, _ = await add_totp(world, alice)
    code = totp_code(world, secret, steps=1)
    assert (await meet(world, await challenge(world, alice), "totp", code)).status_code == 200
    token = await challenge(world, alice)
    for used in (code, totp_code(world, secret), totp_code(world, secret, steps=-1)):
        refused = await meet(world, token, "totp", used)
        assert (refused.status_code, refused.json()["code"]) == (403, "proof_wrong")


async def test_the_code_that_confirmed_the_app_signs_nobody_in(world: World) -> None:
    alice = await world.person("alice")
    secret = (await alice.post("/auth/factors/totp")).json()["secret"]
    code = totp_code(world, secret)
    await alice.post("/auth/factors/totp/confirm", {"code": code})
    assert (await meet(world, await challenge(world, alice), "totp", code)).status_code == 403


async def test_of_one_code_sent_many_times_at_once_one_is_taken(world: World) -> None:
    alice = await world.person("alice")
    secret, _ = await add_totp(world, alice)
    tokens = [await challenge(world, alice) for _ in range(6)]
    code = totp_code(world, secret)
    answers = await asyncio.gather(*(meet(world, token, "totp", code) for token in tokens))
    assert sorted(answer.status_code for answer in answers) == [200, *[403] * 5]


async def test_without_the_stored_step_a_code_would_be_taken_twice(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The defect is planted: what the tests above look at does bite."""
    forgetful = str(totp.TAKE_STEP).replace("AND last_step < :step", "")
    monkeypatch.setattr(totp, "TAKE_STEP", totp.text(forgetful))
    alice = await world.person("alice")
    secret, _ = await add_totp(world, alice)
    code = totp_code(world, secret)
    for _ in range(2):
        assert (await meet(world, await challenge(world, alice), "totp", code)).status_code == 200


async def test_recovery_codes_work_once_each_however_they_are_typed(world: World) -> None:
    alice = await world.person("alice")
    _, codes = await add_totp(world, alice)
    typed = codes[0].upper().replace("-", " ")
    assert (await meet(world, await challenge(world, alice), "recovery", typed)).status_code == 200
    again = await meet(world, await challenge(world, alice), "recovery", codes[0])
    assert (again.status_code, again.json()["code"]) == (403, "proof_wrong")
    assert (await alice.get("/auth/factors")).json()["recovery_codes_left"] == 9


async def test_of_one_recovery_code_sent_many_times_at_once_one_is_taken(world: World) -> None:
    alice = await world.person("alice")
    _, codes = await add_totp(world, alice)
    tokens = [await challenge(world, alice) for _ in range(5)]
    answers = await asyncio.gather(*(meet(world, token, "recovery", codes[0]) for token in tokens))
    assert sorted(answer.status_code for answer in answers) == [200, *[403] * 4]


async def test_a_new_set_of_recovery_codes_ends_the_one_before(world: World) -> None:
    alice = await world.person("alice")
    _, old = await add_totp(world, alice)
    answer = await alice.post("/auth/recovery-codes")
    assert answer.status_code == 201
    new = answer.json()["recovery_codes"]
    assert len(new) == 10
    assert not set(new) & set(old)
    token = await challenge(world, alice)
    assert (await meet(world, token, "recovery", old[0])).status_code == 403
    assert (await meet(world, token, "recovery", new[0])).status_code == 200


async def test_recovery_codes_of_others_are_worth_nothing(world: World) -> None:
    alice, bob = await world.person("alice"), await world.person("bob")
    await add_totp(world, alice)
    _, codes = await add_totp(world, bob)
    assert (await meet(world, await challenge(world, alice), "recovery", codes[0])).status_code == 403


async def test_who_has_no_factor_gets_no_recovery_codes(world: World) -> None:
    answer = await (await world.person("alice")).post("/auth/recovery-codes")
    assert (answer.status_code, answer.json()["code"]) == (409, "no_second_factor")


async def test_with_the_last_factor_go_the_recovery_codes(world: World) -> None:
    alice = await world.person("alice")
    await add_totp(world, alice)
    [factor] = (await alice.get("/auth/factors")).json()["data"]
    assert (await alice.delete(f"/auth/factors/{factor['id']}")).status_code == 204
    assert (await alice.get("/auth/factors")).json() == {"data": [], "recovery_codes_left": 0}
    assert (await sign_in(world, alice)).status_code == 200
    gone = await alice.delete(f"/auth/factors/{factor['id']}")
    assert (gone.status_code, gone.json()["code"]) == (404, "factor_not_found")


async def test_nobody_removes_the_factor_of_another(world: World) -> None:
    alice, bob = await world.person("alice"), await world.person("bob")
    await add_totp(world, alice)
    [factor] = (await alice.get("/auth/factors")).json()["data"]
    assert (await bob.delete(f"/auth/factors/{factor['id']}")).status_code == 404
    assert (await bob.delete("/auth/factors/fac_nonsense")).status_code == 404
    assert (await bob.get("/auth/factors")).json()["data"] == []
    assert len((await alice.get("/auth/factors")).json()["data"]) == 1


async def test_codes_are_sent_to_proved_contacts_only(world: World) -> None:
    alice = await world.person("alice")
    for channel in ("email", "phone"):
        refused = await alice.post("/auth/factors/codes", {"channel": channel})
        assert (refused.status_code, refused.json()["code"]) == (409, "contact_not_proved")
    await alice.verify()
    added = await alice.post("/auth/factors/codes", {"channel": "email"})
    assert added.status_code == 201
    assert added.json()["access_token"] is None
    assert len(added.json()["recovery_codes"]) == 10


async def test_contacts_are_told_of_every_change_of_factors(world: World) -> None:
    alice = await world.person("alice")
    await alice.verify()
    await add_totp(world, alice)
    await world.drain()
    assert "A second factor (totp) was added" in (await inbox(alice))[0]
    await alice.post("/auth/recovery-codes")
    await world.drain()
    assert "New recovery codes were made" in (await inbox(alice))[0]
    [factor] = (await alice.get("/auth/factors")).json()["data"]
    await alice.delete(f"/auth/factors/{factor['id']}")
    await world.drain()
    assert "A second factor (totp) was removed" in (await inbox(alice))[0]


async def test_two_confirmations_at_once_make_one_factor_and_one_set_of_codes(world: World) -> None:
    alice = await world.person("alice")
    secret = (await alice.post("/auth/factors/totp")).json()["secret"]
    body = {"code": totp_code(world, secret)}
    answers = await asyncio.gather(*(alice.post("/auth/factors/totp/confirm", body) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    assert (await alice.get("/auth/factors")).json()["recovery_codes_left"] == 10


async def test_a_thief_of_the_password_who_adds_a_factor_locks_nobody_out(world: World) -> None:
    alice = await world.person("alice")
    thief_tokens = (await sign_in(world, alice)).json()
    thief = Person(world.client, alice.id, alice.username, alice.email, thief_tokens)
    secret, _ = await add_totp(world, thief)
    world.wall_clock.advance(timedelta(seconds=30))

    # Nothing that the thief proves by the new factor makes a device trusted ...
    stepped = await step_up(thief, factor="totp", code=totp_code(world, secret))
    use_token(thief, stepped)
    await thief.post("/auth/refresh", {"refresh_token": thief.tokens["refresh_token"]})
    [current] = [one for one in (await thief.get("/auth/sessions")).json()["data"] if one["current"]]
    assert current["trusted"] is False
    world.wall_clock.advance(timedelta(seconds=30))
    again = await meet(world, await challenge(world, alice), "totp", totp_code(world, secret))
    thief.tokens = again.json()
    [current] = [one for one in (await thief.get("/auth/sessions")).json()["data"] if one["current"]]
    assert current["trusted"] is False

    # ... and the owner, on the device of the sign-up, throws it out by the password alone.
    use_token(alice, await step_up(alice, password=PASSWORD))
    [factor] = (await alice.get("/auth/factors")).json()["data"]
    assert (await alice.delete(f"/auth/factors/{factor['id']}")).status_code == 204


async def thief_with_a_factor(world: World, alice: Person) -> Person:
    """Somebody who knows alice's password, on a new device, has made a factor of their own."""
    thief = dataclasses.replace(alice, tokens=(await sign_in(world, alice)).json())
    await add_totp(world, thief)
    return thief


@pytest.mark.parametrize("which", ["all", "one"])
async def test_a_thief_with_a_factor_does_not_make_a_stranger_of_the_owners_device(world: World, which: str) -> None:
    alice = await world.person("alice")
    thief = await thief_with_a_factor(world, alice)
    path = "/auth/sessions"
    if which == "one":
        others = [one for one in (await thief.get(path)).json()["data"] if not one["current"]]
        path += f"/{others[0]['id']}"
    assert (await thief.delete(path)).status_code == 204
    assert (await alice.get("/me")).status_code == 401
    back = await sign_in(world, alice, device_token=alice.tokens["device_token"])
    assert back.status_code == 200, back.text
    alice = dataclasses.replace(alice, tokens=back.json())
    [factor] = (await alice.get("/auth/factors")).json()["data"]
    assert (await alice.delete(f"/auth/factors/{factor['id']}")).status_code == 204


async def test_a_reset_takes_the_factor_of_a_thief_away_and_none_that_vouches(world: World) -> None:
    alice = await world.person("alice")
    await alice.verify()
    thief = await thief_with_a_factor(world, alice)
    stolen = {"current_password": PASSWORD, "new_password": "the horse of a thief"}
    assert (await thief.post("/me/password", stolen)).status_code == 204
    digits = await reset_code(world, alice, alice.email, alice.email)
    assert (await confirm(world, alice.email, digits)).status_code == 204
    body = {"identifier": alice.username, "password": NEW}
    back = await world.client.post("/v1/auth/token", json=body)
    assert back.status_code == 200, back.text
    alice = dataclasses.replace(alice, tokens=back.json())
    assert (await alice.get("/auth/factors")).json() == {"data": [], "recovery_codes_left": 0}
    await world.drain()
    assert any("A second factor (totp) was removed" in text for text in await inbox(alice))

    bob = await world.person("bob")
    await bob.verify()
    await add_totp(world, bob)
    digits = await reset_code(world, bob, bob.email, bob.email)
    assert (await confirm(world, bob.email, digits)).status_code == 204
    asked = await world.client.post("/v1/auth/token", json=body | {"identifier": bob.username})
    assert asked.json()["code"] == "second_factor_required"


async def test_an_undo_takes_the_factor_of_a_thief_away_too(world: World) -> None:
    alice = await world.person("alice")
    await alice.verify()
    thief = await thief_with_a_factor(world, alice)
    await changed(world, thief, "email", new_email())
    assert (await undo(world, await undo_token(world, alice, alice.email))).status_code == 204
    assert (await sign_in(world, alice)).status_code == 200


async def test_a_factor_from_a_device_that_is_no_longer_new_vouches(world: World) -> None:
    alice = await world.person("alice")
    young = Person(world.client, alice.id, alice.username, alice.email, (await sign_in(world, alice)).json())
    secret, _ = await add_totp(world, young)
    world.clock.advance(timedelta(days=1, minutes=1))
    world.wall_clock.advance(timedelta(seconds=30))
    tokens = (await meet(world, await challenge(world, alice), "totp", totp_code(world, secret))).json()
    other = Person(world.client, alice.id, alice.username, alice.email, tokens)
    [current] = [one for one in (await other.get("/auth/sessions")).json()["data"] if one["current"]]
    assert current["trusted"] is True
    assert (await step_up(alice, password=PASSWORD)).json()["code"] == "proof_not_taken"


def test_a_recovery_code_has_eighty_bits() -> None:
    code = factors._new_recovery_code()
    assert len(code.replace("-", "")) * 5 == 80
    assert code == code.lower()


def test_the_library_counts_steps_as_the_standard_does() -> None:
    """RFC 6238, appendix B, at six digits."""
    app = pyotp.TOTP("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")
    assert [app.at(seconds) for seconds in (59, 1111111109, 2000000000)] == ["287082", "081804", "279037"]
