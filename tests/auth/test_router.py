"""Sign-in, refresh and sign-out, as a client sees them."""

import asyncio
import itertools
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from sqlalchemy import text

from tests.conftest import PASSWORD, World, new_name
from venmo_api.adapters.postgres import Transaction

_phones = itertools.count(1_000_000)


def new_phone() -> str:
    return f"+1415{next(_phones)}"


async def sign_in(world: World, identifier: str, password: str = PASSWORD) -> httpx2.Response:
    return await world.client.post("/v1/auth/token", json={"identifier": identifier, "password": password})


async def refresh(world: World, token: str) -> httpx2.Response:
    return await world.client.post("/v1/auth/refresh", json={"refresh_token": token})


async def me(world: World, access_token: str) -> httpx2.Response:
    return await world.client.get("/v1/me", headers={"Authorization": f"Bearer {access_token}"})


async def test_a_person_signs_in_by_username_email_and_phone_in_any_case(world: World) -> None:
    phone = f"+1 (415) 2{next(_phones) % 100:02d}-{next(_phones) % 10_000:04d}"
    alice = await world.person("Alice", phone=phone)
    for name in (alice.username, alice.username.upper(), alice.email, alice.email.upper(), phone, f" {alice.username}"):
        answer = await sign_in(world, name)
        assert answer.status_code == 200, name
        tokens = answer.json()
        assert set(tokens) == {"access_token", "token_type", "expires_in", "refresh_token", "device_token"}
        assert tokens["token_type"] == "Bearer"
        assert (await me(world, tokens["access_token"])).json()["id"] == alice.id


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("phone", "+44 (0)20 7946 {number:04d}"),
        ("phone", "+1-415-55{digit}-{number:04d}"),
        ("email", "{name}@exa\u0308mple.com"),
        ("email", "{name}@EXÄMPLE.com"),
        ("email", "Jose\u0301.{name}@example.com"),
    ],
)
async def test_what_was_typed_at_sign_up_signs_in(world: World, field: str, typed: str) -> None:
    number = next(_phones)
    name = typed.format(name=new_name(), number=number % 10_000, digit=number % 10)
    alice = await world.person(**{field: name})
    answer = await sign_in(world, name)
    assert answer.status_code == 200, (name, (await alice.get("/me")).json()[field])


async def test_a_wrong_password_and_an_unknown_account_are_told_apart_by_nothing(world: World) -> None:
    alice = await world.person(phone=new_phone())
    answers = [
        await sign_in(world, alice.username, "wrong horse battery"),
        await sign_in(world, alice.email, "wrong horse battery"),
        await sign_in(world, new_name()),
        await sign_in(world, new_name() + "@example.com"),
        await sign_in(world, "+14150000000"),
    ]
    assert {answer.status_code for answer in answers} == {401}
    bodies = {answer.content.replace(answer.json()["request_id"].encode(), b"") for answer in answers}
    assert len(bodies) == 1
    assert {answer.json()["code"] for answer in answers} == {"invalid_credentials"}
    for answer in answers:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["www-authenticate"].startswith("Bearer")
    names = [sorted(name for name in answer.headers if name != "content-length") for answer in answers]
    assert all(one == names[0] for one in names)


@pytest.mark.parametrize("password", ["", " ", PASSWORD + " ", PASSWORD.upper(), PASSWORD[:-1], "\u0000", "🐴" * 60])
async def test_no_other_password_fits(world: World, password: str) -> None:
    alice = await world.person()
    assert (await sign_in(world, alice.username, password)).status_code == 401


@pytest.mark.parametrize(
    "identifier", ["abc\u0000", "\u0000\u0000\u0000", "a@b\u0000", "+\u0000\u0000", "%%%", "'; --"]
)
async def test_a_hostile_name_is_refused_like_any_other(world: World, identifier: str) -> None:
    assert (await sign_in(world, identifier)).status_code in (401, 422)


async def test_a_refresh_token_is_traded_for_a_new_pair(world: World) -> None:
    alice = await world.person()
    answer = await refresh(world, alice.tokens["refresh_token"])
    assert answer.status_code == 200
    pair = answer.json()
    assert pair["refresh_token"] != alice.tokens["refresh_token"]
    assert (await me(world, pair["access_token"])).json()["id"] == alice.id
    assert (await refresh(world, pair["refresh_token"])).status_code == 200


async def test_a_token_used_twice_ends_its_family_and_no_other(world: World) -> None:
    alice = await world.person()
    elsewhere = (await sign_in(world, alice.username)).json()
    old = alice.tokens["refresh_token"]
    new = (await refresh(world, old)).json()["refresh_token"]
    for token in (old, new, old, new):
        refused = await refresh(world, token)
        assert (refused.status_code, refused.json()["code"]) == (401, "invalid_refresh_token")
        assert refused.headers["www-authenticate"].startswith("Bearer")
    assert (await refresh(world, elsewhere["refresh_token"])).status_code == 200


async def test_of_twenty_parallel_refreshes_of_one_token_one_succeeds(world: World) -> None:
    alice = await world.person()
    token = alice.tokens["refresh_token"]
    answers = await asyncio.gather(*(refresh(world, token) for _ in range(20)))
    assert sorted(answer.status_code for answer in answers) == [200] + [401] * 19


@pytest.mark.parametrize(
    "token", ["rt_" + "x" * 43, "nobody-has-this", "rt_\u0000\u0000\u0000\u0000\u0000\u0000\u0000", "é" * 20]
)
async def test_a_refresh_token_that_was_never_given_is_refused(world: World, token: str) -> None:
    assert (await refresh(world, token)).status_code == 401


async def test_a_refresh_token_runs_out_after_thirty_days_and_each_new_one_lives_as_long(world: World) -> None:
    alice = await world.person()
    world.wall_clock.advance(timedelta(days=30, seconds=-5))
    pair = (await refresh(world, alice.tokens["refresh_token"])).json()
    world.wall_clock.advance(timedelta(days=30, seconds=-5))
    pair = (await refresh(world, pair["refresh_token"])).json()
    world.wall_clock.advance(timedelta(days=30))
    assert (await refresh(world, pair["refresh_token"])).status_code == 401


async def test_after_signing_out_the_refresh_token_is_refused(world: World) -> None:
    alice = await world.person()
    elsewhere = (await sign_in(world, alice.username)).json()
    assert (await alice.post("/auth/logout")).status_code == 204
    assert (await refresh(world, alice.tokens["refresh_token"])).status_code == 401
    assert (await refresh(world, elsewhere["refresh_token"])).status_code == 200
    assert (await world.client.post("/v1/auth/logout")).status_code == 401


async def test_an_access_token_is_good_until_its_second_and_not_after(world: World) -> None:
    alice = await world.person()
    lifetime = alice.tokens["expires_in"]
    assert 0 < lifetime <= 3600
    assert (await alice.get("/me")).status_code == 200
    world.wall_clock.advance(timedelta(seconds=lifetime - 3))
    assert (await alice.get("/me")).status_code == 200
    world.wall_clock.advance(timedelta(seconds=4))
    for _ in range(2):
        refused = await alice.get("/me")
        assert (refused.status_code, refused.json()["code"]) == (401, "not_signed_in")
        assert refused.headers["www-authenticate"].startswith("Bearer")


async def _dump(tx: Transaction) -> str:
    tables = (await tx.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"))).scalars().all()
    rows: list[str] = []
    for table in tables:
        if table == "alembic_version":
            continue
        rows += (await tx.execute(text(f"SELECT t::text FROM {table} t"))).scalars().all()
    return "\n".join(rows)


def forms(secret: str) -> list[str]:
    """The ways in which a text could stand in a dump."""
    return [secret, secret.encode().hex(), secret.removeprefix("rt_").removeprefix("dt_"), secret.rpartition(".")[2]]


async def test_no_password_and_no_token_stands_in_the_database(fresh: World) -> None:
    password = "a very particular passphrase 81723"
    alice = await fresh.person(password=password, money=100)
    pair: dict[str, Any] = (await sign_in(fresh, alice.username, password)).json()
    later = (await refresh(fresh, pair["refresh_token"])).json()
    dump = await fresh.app.database.read(_dump)
    assert alice.username in dump
    assert alice.email not in dump
    assert "$argon2id$" in dump
    for tokens in (alice.tokens, pair, later):
        for secret in (password, tokens["refresh_token"], tokens["access_token"], tokens.get("device_token", password)):
            assert not [form for form in forms(secret) if form in dump]
