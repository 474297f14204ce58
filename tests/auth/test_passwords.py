"""Passwords: which are refused, how one is changed, and that old hashes become new ones."""

import asyncio
from datetime import timedelta

import httpx2
import pytest
from sqlalchemy import text

from tests.auth.steps import NEW, own_id, refresh, sent, sign_in, told
from tests.conftest import PASSWORD, Person, World, new_name
from venmo_api.adapters import passwords as adapter
from venmo_api.adapters.postgres import Transaction


async def try_sign_up(world: World, **fields: str) -> httpx2.Response:
    name = new_name()
    body = {"username": name, "display_name": "Ann Onymous", "email": f"{name}@example.com", "password": PASSWORD}
    return await world.client.post("/v1/auth/sign-up", json=body | fields)


async def change(person: Person, current: str = PASSWORD, new: str = NEW) -> httpx2.Response:
    return await person.post("/me/password", {"current_password": current, "new_password": new})


async def stored(world: World, person: Person) -> str:
    async def read(tx: Transaction) -> str:
        asked = text("SELECT password_hash FROM credentials WHERE user_id = :id")
        return str((await tx.execute(asked, {"id": own_id(person)})).scalar_one())

    return await world.app.database.read(read)


@pytest.mark.parametrize("password", ["Password1234", "PASSWORD1", "12345678", "Iloveyou", "1q2w3e4r5t6y"])
async def test_a_common_password_is_refused_at_sign_up_and_change(world: World, password: str) -> None:
    alice = await world.person("alice")
    for answer, field in (
        (await try_sign_up(world, password=password), "/password"),
        (await change(alice, new=password), "/new_password"),
    ):
        assert told(answer) == (422, "password_too_common")
        assert answer.json()["errors"][0]["pointer"] == field
        assert password.lower() not in answer.text.lower()


async def test_a_name_of_ones_own_is_no_password(world: World) -> None:
    name = new_name("alice")
    fields = {"username": name, "email": f"{name}x@example.com", "phone": "+14155550199", "display_name": "Bo Derek-Ek"}
    # Never the bare name: it would stand where a scan for secrets looks for passwords.
    names = [name, name.upper(), f"{name}x", f"{name}x@example.com", "+14155550199", "bo derek-ek", "Venmo-2026"]
    for password in (f"!{name}!" for name in names):
        answer = await try_sign_up(world, **fields, password=password)
        assert told(answer) == (422, "password_names_you"), password
    alice = await world.person("alice")
    for password in (f"{alice.username}!", f"{alice.email}1"):
        assert told(await change(alice, new=password)) == (422, "password_names_you")


@pytest.mark.parametrize("password", ["1234567", "short", "\U0001f434" * 7, "e\u0301" * 7, "x" * 257])
async def test_a_password_has_8_to_256_characters(world: World, password: str) -> None:
    for answer in (await try_sign_up(world, password=password), await change(await world.person(), new=password)):
        assert told(answer) == (422, "validation_failed")


@pytest.mark.parametrize("password", ["vqzkwjxh", "lower case only", "x" * 256, "пароль мой", "🐴 and battery"])
async def test_nothing_else_is_asked_of_a_password(world: World, password: str) -> None:
    alice = await world.person("alice", password=password)
    assert (await sign_in(world, alice.username, password)).status_code == 200


async def test_a_password_fits_however_its_letters_are_composed(world: World) -> None:
    alice = await world.person("alice", password="mein m\u00e4rchenschloss")
    assert (await sign_in(world, alice.username, "mein ma\u0308rchenschloss")).status_code == 200


async def test_a_changed_password_counts_at_once_and_ends_the_other_sessions(world: World) -> None:
    alice = await world.person("alice")
    await alice.verify()
    elsewhere = (await sign_in(world, alice.username)).json()
    assert (await change(alice)).status_code == 204
    assert (await sign_in(world, alice.username)).status_code == 401
    assert (await sign_in(world, alice.username, NEW)).status_code == 200
    assert (await alice.get("/me")).status_code == 200
    assert (await refresh(world, alice.tokens)).status_code == 200
    assert (await refresh(world, elsewhere)).status_code == 401
    headers = {"Authorization": f"Bearer {elsewhere['access_token']}"}
    assert (await world.client.get("/v1/me", headers=headers)).status_code == 401
    await world.drain()
    assert any("password was changed" in message for message in await sent(world, alice, alice.email))


async def test_the_current_password_must_be_right(world: World) -> None:
    alice = await world.person("alice")
    for wrong in ("", PASSWORD + " ", NEW):
        assert told(await change(alice, current=wrong)) == (403, "password_wrong")
    assert (await sign_in(world, alice.username)).status_code == 200


async def test_guesses_at_the_current_password_are_bounded(world: World) -> None:
    alice = await world.person("alice")
    answers = [await change(alice, current=f"wrong horse {number}") for number in range(12)]
    assert {told(answer) for answer in answers[:10]} == {(403, "password_wrong")}
    assert told(answers[-1]) == (429, "too_many_attempts")
    assert told(await change(alice)) == (429, "too_many_attempts")


async def test_who_signed_in_long_ago_proves_first_who_they_are(world: World) -> None:
    alice = await world.person("alice")
    world.wall_clock.advance(timedelta(minutes=11))
    alice.tokens = (await refresh(world, alice.tokens)).json()
    assert told(await change(alice)) == (403, "step_up_required")
    stepped = await alice.post("/auth/step-up", {"password": PASSWORD})
    assert stepped.status_code == 200, stepped.text
    alice.tokens["access_token"] = stepped.json()["access_token"]
    assert (await change(alice)).status_code == 204


async def test_of_parallel_changes_one_counts(world: World) -> None:
    alice = await world.person("alice")
    answers = await asyncio.gather(*(change(alice, new=f"horse number {number}") for number in range(8)))
    assert sorted(answer.status_code for answer in answers) == [204] + [403] * 7
    fits = [await sign_in(world, alice.username, f"horse number {number}") for number in range(8)]
    assert [one.status_code == 200 for one in fits] == [answer.status_code == 204 for answer in answers]


async def test_an_old_hash_is_renewed_when_its_password_was_right(world: World) -> None:
    alice = await world.person("alice")
    old = adapter.Argon2Hasher(time_cost=1, memory_cost=1024, parallelism=1).hash(PASSWORD)

    async def age(tx: Transaction) -> None:
        statement = text("UPDATE credentials SET password_hash = :hash WHERE user_id = :id")
        await tx.execute(statement, {"hash": old, "id": own_id(alice)})

    await world.app.database.transact(age)
    assert (await sign_in(world, alice.username, "wrong horse battery")).status_code == 401
    assert await stored(world, alice) == old
    for _ in range(2):
        assert (await sign_in(world, alice.username)).status_code == 200
        assert "m=19456,t=2,p=1" in (renewed := await stored(world, alice))
    assert await stored(world, alice) == renewed
