"""A refresh token is used once. Who lost the answer may ask again under a key; a thief ends the family."""

import asyncio
from datetime import timedelta

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from tests.auth.signing_in import elsewhere, refresh
from tests.conftest import World, new_key
from venmo_api.adapters.signing import Signer, new_private_key
from venmo_api.auth import sessions, tokens

SIGNER = Signer(new_private_key(), issuer="us", audience="them")


def successor(answer: httpx2.Response) -> str:
    assert answer.status_code == 200, answer.text
    return str(answer.json()["refresh_token"])


async def test_who_lost_the_answer_gets_the_same_successor_again(world: World) -> None:
    alice, key = await world.person(), new_key()
    old = alice.tokens["refresh_token"]
    first = await refresh(world, old, key=key)
    world.wall_clock.advance(timedelta(minutes=9))
    again = await refresh(world, old, key=key)
    assert successor(first) == successor(again) != old
    answer = await world.client.get("/v1/me", headers={"Authorization": f"Bearer {again.json()['access_token']}"})
    assert answer.status_code == 200
    assert (await refresh(world, successor(again))).status_code == 200


async def test_after_the_successor_was_used_asking_again_ends_the_family(world: World) -> None:
    alice, key = await world.person(), new_key()
    old = alice.tokens["refresh_token"]
    second = successor(await refresh(world, old, key=key))
    third = successor(await refresh(world, second, key=new_key()))
    assert (await refresh(world, old, key=key)).status_code == 401
    assert (await refresh(world, third)).status_code == 401


async def test_after_ten_minutes_asking_again_ends_the_family(world: World) -> None:
    alice, key = await world.person(), new_key()
    old = alice.tokens["refresh_token"]
    second = successor(await refresh(world, old, key=key))
    world.wall_clock.advance(timedelta(minutes=10))
    assert (await refresh(world, old, key=key)).status_code == 401
    assert (await refresh(world, second)).status_code == 401


@pytest.mark.parametrize(
    ("first", "then"), [("key-of-alice-1", "key-of-alice-2"), ("key-of-alice-1", None), (None, "key-of-alice-1")]
)
async def test_asking_again_under_another_key_or_none_ends_the_family(
    world: World, first: str | None, then: str | None
) -> None:
    alice = await world.person()
    old = alice.tokens["refresh_token"]
    second = successor(await refresh(world, old, key=first))
    refused = await refresh(world, old, key=then)
    assert (refused.status_code, refused.json()["code"]) == (401, "invalid_refresh_token")
    assert (await refresh(world, second)).status_code == 401


async def test_of_twenty_under_different_keys_one_succeeds_and_of_twenty_under_one_key_all_get_the_same(
    world: World,
) -> None:
    alice = await world.person()
    phone = await elsewhere(world, alice)
    answers = await asyncio.gather(*(refresh(world, alice.tokens["refresh_token"], key=new_key()) for _ in range(20)))
    assert sorted(answer.status_code for answer in answers) == [200] + [401] * 19
    key = new_key()
    answers = await asyncio.gather(*(refresh(world, phone.tokens["refresh_token"], key=key) for _ in range(20)))
    assert len({successor(answer) for answer in answers}) == 1


async def test_planted_without_the_lock_more_than_one_of_many_succeeds(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    unlocked = (
        str(sessions.LOCK_REFRESH)
        .replace("FOR UPDATE OF r, s", "")
        .replace("d.unproved_since", "d.unproved_since, pg_sleep(0.3)")
    )
    assert "FOR UPDATE" not in unlocked
    assert "pg_sleep" in unlocked
    monkeypatch.setattr(sessions, "LOCK_REFRESH", text(unlocked))
    alice = await world.person()
    answers = await asyncio.gather(*(refresh(world, alice.tokens["refresh_token"]) for _ in range(5)))
    assert [answer.status_code for answer in answers].count(200) > 1


async def test_a_key_that_is_none_is_refused_and_spends_no_token(world: World) -> None:
    alice = await world.person()
    for key in ("short", "x" * 256, "with space in it"):
        refused = await refresh(world, alice.tokens["refresh_token"], key=key)
        assert (refused.status_code, refused.json()["code"]) == (400, "idempotency_key_invalid")
    assert (await refresh(world, alice.tokens["refresh_token"])).status_code == 200


async def test_a_refresh_says_when_and_how_the_person_signed_in_not_when_it_was_refreshed(world: World) -> None:
    alice = await world.person()
    now = world.wall_clock.now()
    before = tokens.Verifier(world.app.signer).actor(alice.tokens["access_token"], now=now)
    world.wall_clock.advance(timedelta(hours=5))
    fresh = (await refresh(world, alice.tokens["refresh_token"])).json()
    assert "device_token" not in fresh
    after = tokens.Verifier(world.app.signer).actor(fresh["access_token"], now=world.wall_clock.now())
    assert after == before
    assert abs((after.authenticated_at - now).total_seconds()) < 10


@given(st.text(min_size=1, max_size=30), st.text(min_size=8, max_size=30), st.text(min_size=8, max_size=30))
def test_successors_differ_by_token_and_by_key(token: str, one: str, other: str) -> None:
    [first] = tokens.successors(SIGNER, token, one)
    assert first == tokens.successors(SIGNER, token, one)[0]
    assert len(first) == len(tokens.new_refresh_token())
    assert (first == tokens.successors(SIGNER, token, other)[0]) is (one == other)
    assert first != tokens.successors(SIGNER, token + "x", one)[0]
