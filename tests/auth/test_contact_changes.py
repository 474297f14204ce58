"""Contacts are changed when the new one is proved, restored from the old one, and nobody squats on them."""

import asyncio
import dataclasses
from datetime import timedelta

import pytest

from tests.auth.authenticator import add_totp
from tests.auth.steps import (
    ask_reset,
    change,
    changed,
    code,
    confirm,
    give,
    new_email,
    new_phone,
    other,
    refresh,
    reset_code,
    sent,
    sign_in,
    told,
    undo,
    undo_token,
)
from tests.conftest import PASSWORD, Person, World, new_name
from venmo_api.auth import jobs, throttles
from venmo_api.auth import undo as undoing
from venmo_api.auth.guesses import OF_ADDRESS


async def proved(world: World, **fields: str) -> Person:
    """Somebody who has verified their mail address."""
    alice = await world.person("alice", **fields)
    await alice.verify()
    return alice


async def me(person: Person) -> dict[str, object]:
    document: dict[str, object] = (await person.get("/me")).json()
    return document


async def test_a_new_address_counts_once_proved_and_the_old_one_until_then(world: World) -> None:
    alice, new = await proved(world), new_email()
    answer = await change(alice, "email", new.upper())
    assert (answer.status_code, set(answer.json())) == (202, {"kind", "expires_at"})
    profile = await me(alice)
    assert (profile["email"], profile["email_verified"], profile["claimed_email"]) == (alice.email, True, new)
    assert (await sign_in(world, alice.email)).status_code == 200
    assert (await sign_in(world, new)).status_code == 401
    assert (await give(alice, await code(world, alice, new))).status_code == 200
    profile = await me(alice)
    assert (profile["email"], profile["email_verified"], profile["claimed_email"]) == (new, True, None)
    assert (await sign_in(world, new)).status_code == 200
    assert (await sign_in(world, alice.email)).status_code == 401


async def test_a_phone_is_added_changed_and_removed(world: World) -> None:
    alice, one, two = await proved(world), new_phone(), new_phone()
    assert told(await alice.delete("/me/contacts/phone")) == (404, "contact_not_found")
    await changed(world, alice, "phone", one)
    world.clock.advance(timedelta(minutes=2))
    await changed(world, alice, "phone", two)
    assert ((await me(alice))["phone"], (await me(alice))["phone_verified"]) == (two, True)
    assert (await alice.delete("/me/contacts/phone")).status_code == 204
    assert ((await me(alice))["phone"], (await me(alice))["phone_verified"]) == (None, False)
    token = await undo_token(world, alice, two)
    assert (await undo(world, token)).status_code == 204
    again = (await sign_in(world, two)).json()
    alice.tokens |= again
    assert (await me(alice))["phone"] == two


async def test_a_claimed_phone_is_removed_without_a_word(world: World) -> None:
    alice = await world.person("alice", phone=new_phone())
    assert (await alice.delete("/me/contacts/phone")).status_code == 204
    assert (await me(alice))["phone"] is None
    assert told(await alice.post("/me/contacts/phone/code")) == (404, "contact_not_found")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"kind": "email", "address": "nobody"}, "/address"),
        ({"kind": "phone", "address": "alice@example.com"}, "/address"),
        ({"kind": "phone", "address": "12"}, "/address"),
        ({"kind": "pager", "address": "12"}, "/kind"),
        ({"kind": "username", "address": "alice"}, "/kind"),
        ({"kind": "email"}, "/address"),
    ],
)
async def test_what_can_be_no_contact_is_refused(world: World, body: dict[str, str], pointer: str) -> None:
    alice = await world.person("alice")
    answer = await alice.post("/me/contacts", body)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)


async def test_what_one_has_proved_is_not_claimed_again(world: World) -> None:
    alice = await proved(world)
    assert told(await change(alice, "email", alice.email.upper())) == (409, "contact_verified_already")


async def test_a_code_for_one_address_proves_no_other(world: World) -> None:
    alice, one, two = await proved(world), new_email(), new_email()
    assert (await change(alice, "email", one)).status_code == 202
    first = await code(world, alice, one)
    assert told(await change(alice, "email", two)) == (429, "code_sent_recently")
    world.clock.advance(timedelta(minutes=1))
    assert (await change(alice, "email", two)).status_code == 202
    if first != await code(world, alice, two):
        assert told(await give(alice, first)) == (403, "code_wrong")
    assert (await me(alice))["email"] == alice.email


async def test_guesses_go_on_counting_when_the_address_is_another(world: World) -> None:
    alice = await proved(world)
    for _ in range(5):
        assert (await change(alice, "email", new_email())).status_code == 202
        world.clock.advance(timedelta(minutes=1))
    assert told(await change(alice, "email", new_email())) == (429, "code_sent_recently")


async def test_who_signed_in_long_ago_proves_first_who_they_are(world: World) -> None:
    alice = await proved(world, phone=new_phone())
    world.wall_clock.advance(timedelta(minutes=11))
    alice.tokens |= (await refresh(world, alice.tokens)).json()
    for answer in (await change(alice, "email", new_email()), await alice.delete("/me/contacts/phone")):
        assert told(answer) == (403, "step_up_required")
    assert (await me(alice))["phone"] is not None
    for path in ("/me/contacts", "/me/password"):
        assert (await world.client.post("/v1" + path, json={})).status_code == 401


async def test_the_old_address_is_told_and_restores_itself(world: World) -> None:
    alice, thief = await proved(world), new_email()
    assert (await change(alice, "email", thief)).status_code == 202
    await world.drain()
    assert "Another e-mail address" in (await sent(world, alice, alice.email))[0]
    assert (await give(alice, await code(world, alice, thief))).status_code == 200
    token = await undo_token(world, alice, alice.email)
    assert (await undo(world, token)).status_code == 204
    assert (await refresh(world, alice.tokens)).status_code == 401
    assert (await alice.get("/me")).status_code == 401
    assert (await sign_in(world, thief)).status_code == 401
    alice.tokens |= (await sign_in(world, alice.email)).json()
    assert ((await me(alice))["email"], (await me(alice))["email_verified"]) == (alice.email, True)
    assert told(await undo(world, token)) == (403, "undo_refused")
    world.clock.advance(timedelta(minutes=2))
    assert (
        await confirm(world, alice.email, await reset_code(world, alice, alice.email, alice.email))
    ).status_code == 204


async def test_undo_takes_back_all_later_changes_and_their_tokens(world: World) -> None:
    alice, one, two = await proved(world), new_email(), new_email()
    await changed(world, alice, "email", one)
    world.clock.advance(timedelta(minutes=2))
    await changed(world, alice, "email", two)
    world.clock.advance(timedelta(minutes=2))
    assert (await change(alice, "email", new_email())).status_code == 202
    first, second = await undo_token(world, alice, alice.email), await undo_token(world, alice, one)
    assert (await undo(world, first)).status_code == 204
    assert told(await undo(world, second)) == (403, "undo_refused")
    alice.tokens |= (await sign_in(world, alice.email)).json()
    assert ((await me(alice))["email"], (await me(alice))["claimed_email"]) == (alice.email, None)


async def test_of_parallel_undoes_one_has_an_effect(world: World) -> None:
    alice = await proved(world)
    await changed(world, alice, "email", new_email())
    token = await undo_token(world, alice, alice.email)
    answers = await asyncio.gather(*(undo(world, token) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [204] + [403] * 7


@pytest.mark.parametrize(("hours", "status"), [(71.9, 204), (72.1, 403)])
async def test_undo_is_possible_for_72_hours(world: World, hours: float, status: int) -> None:
    alice = await proved(world)
    await changed(world, alice, "email", new_email())
    token = await undo_token(world, alice, alice.email)
    world.clock.advance(timedelta(hours=hours))
    assert (await undo(world, token)).status_code == status
    await jobs.forget_old_codes(world.app)
    assert (await undo(world, token)).status_code == 403


@pytest.mark.parametrize(
    "token", ["undo_" + "A" * 64, "undo_!!!!!!!!!!", "x" * 100, "undo_é" + "A" * 20, "undo_AAAAAAAA"]
)
async def test_a_token_that_was_never_given_is_refused(world: World, token: str) -> None:
    assert told(await undo(world, token)) == (403, "undo_refused")


async def test_a_token_for_another_change_does_not_fit(world: World) -> None:
    made = undoing.token(world.app, world.app.new_id())
    assert told(await undo(world, made)) == (403, "undo_refused")
    assert told(await undo(world, made[:-4] + "AAAA")) == (403, "undo_refused")


async def test_a_squatter_does_not_keep_the_owner_out(world: World) -> None:
    email, phone = new_email(), new_phone()
    squatter = await world.person("squatter", email=email, phone=phone)
    owner = await world.person("owner", email=email, phone=phone)
    assert (await sign_in(world, owner.username)).status_code == 200
    for kind in ("email", "phone"):
        await owner.verify(kind)
    assert ((await me(owner))["email"], (await me(owner))["phone"]) == (email, phone)
    assert ((await me(squatter))["email"], (await me(squatter))["phone"]) == (None, None)
    for kind in ("email", "phone"):
        assert told(await squatter.post(f"/me/contacts/{kind}/code")) == (404, "contact_not_found")
    for name in (email, phone):
        tokens = (await sign_in(world, name)).json()
        headers = {"Authorization": f"Bearer {tokens['access_token']}"}
        assert (await world.client.get("/v1/me", headers=headers)).json()["id"] == owner.id


async def test_who_loses_a_claim_is_told_on_what_they_have_left(world: World) -> None:
    phone = new_phone()
    squatter = await world.person("squatter", phone=phone)
    await squatter.verify()
    owner = await world.person("owner", phone=phone)
    await owner.verify("phone")
    await world.drain()
    assert "shown that the phone number you gave is theirs" in (await sent(world, squatter, squatter.email))[0]


async def test_a_sign_up_does_not_tell_that_somebody_has_proved_an_address(world: World) -> None:
    alice = await proved(world)
    body = {"display_name": "Mallory M", "password": PASSWORD}
    answers = [
        await world.client.post("/v1/auth/sign-up", json=body | {"username": new_name(), "email": email})
        for email in (alice.email, new_email())
    ]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert [set(answer.json()["user"]) for answer in answers] == [set(answers[1].json()["user"])] * 2
    tokens = (await sign_in(world, alice.email)).json()
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert (await world.client.get("/v1/me", headers=headers)).json()["id"] == alice.id
    assert (await me(alice))["email_verified"] is True


async def test_an_address_several_people_claim_signs_nobody_in_until_it_is_proved(world: World) -> None:
    email = new_email()
    one = await world.person("one", email=email)
    assert (await sign_in(world, email)).status_code == 200
    two = await world.person("two", email=email, password="quite another phrase")
    for password in (PASSWORD, "quite another phrase"):
        assert (await sign_in(world, email, password)).status_code == 401
    await two.verify()
    assert (await sign_in(world, email, "quite another phrase")).status_code == 200
    assert (await sign_in(world, one.username)).status_code == 200


async def test_of_two_proofs_of_one_address_at_once_one_wins(world: World) -> None:
    for _ in range(5):
        email = new_email()
        people = [await world.person("twin", email=email) for _ in range(2)]
        codes = [await person.code() for person in people]
        answers = await asyncio.gather(*(give(person, digits) for person, digits in zip(people, codes, strict=True)))
        assert sorted(answer.status_code for answer in answers) == [200, 404]
        verified = [(await me(person))["email_verified"] for person in people]
        assert verified == [answer.status_code == 200 for answer in answers]


async def test_who_proves_an_address_later_has_it(world: World) -> None:
    alice = await proved(world)
    heir = await world.person("heir", email=alice.email)
    await heir.verify()
    assert ((await me(heir))["email"], (await me(alice))["email"]) == (alice.email, None)
    assert (await ask_reset(world, alice.email)).status_code == 202
    digits = await reset_code(world, heir, heir.email, heir.email)
    assert (await confirm(world, heir.email, digits)).status_code == 204
    assert (await sign_in(world, alice.username)).status_code == 200


async def test_an_undo_does_not_take_an_address_from_who_has_proved_it_since(world: World) -> None:
    alice = await proved(world)
    await changed(world, alice, "email", new_email())
    token = await undo_token(world, alice, alice.email)
    heir = await world.person("heir", email=alice.email)
    await heir.verify()
    assert told(await undo(world, token)) == (403, "undo_refused")
    assert (await me(heir))["email"] == alice.email
    assert (await alice.get("/me")).status_code == 200


async def test_wrong_guesses_at_a_new_address_leave_the_old_one(world: World) -> None:
    alice, new = await proved(world), new_email()
    await change(alice, "email", new)
    digits = await code(world, alice, new)
    for by in range(1, 6):
        assert told(await give(alice, other(digits, by))) == (403, "code_wrong")
    assert told(await give(alice, digits)) == (403, "code_used_up")
    assert (await me(alice))["email"] == alice.email


async def test_many_who_claim_one_address_guess_no_more_codes_than_it_bears(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttles, "OF_ADDRESS", dataclasses.replace(OF_ADDRESS, most=6))
    address = new_email()
    thieves = [await world.person("thief", email=address) for _ in range(3)]
    await world.drain()
    digits = [await code(world, thief, address) for thief in thieves]
    wrong = [await give(thief, other(right, 7)) for thief, right in zip(thieves, digits, strict=True) for _ in range(3)]
    assert [answer.json()["code"] for answer in wrong] == ["code_wrong"] * 6 + ["too_many_attempts"] * 3
    assert (await give(thieves[2], digits[2])).status_code == 429
    bob = await world.person("bob")
    await bob.verify()
    world.wall_clock.advance(timedelta(days=1, seconds=1))
    again = await sign_in(world, thieves[2].username, device_token=thieves[2].tokens["device_token"])
    assert (await give(dataclasses.replace(thieves[2], tokens=again.json()), digits[2])).status_code == 200


async def test_where_no_code_counts_nothing_is_guessed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttles, "OF_ADDRESS", dataclasses.replace(OF_ADDRESS, most=2))
    alice = await world.person("alice")
    for _ in range(5):
        assert told(await give(alice, "123456")) == (403, "code_expired")
    await alice.verify()


async def test_who_has_a_factor_shows_it_before_a_contact_is_another(world: World) -> None:
    """What was claimed before there was a factor must not become, later, where the codes of one are sent."""
    alice, address = await proved(world), new_email()
    assert (await change(alice, "email", address)).status_code == 202
    young = await sign_in(world, alice.username)
    thief = dataclasses.replace(alice, tokens=young.json())
    await add_totp(world, alice)
    digits = await code(world, alice, address)
    assert told(await give(thief, digits)) == (403, "step_up_required")
    assert (await give(alice, digits)).status_code == 200
