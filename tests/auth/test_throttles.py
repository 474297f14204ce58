"""Wrong passwords: counted before they are judged, whoever guesses, however many at once, with Redis or without."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from sqlalchemy import text

from tests.auth.steps import new_phone
from tests.conftest import GENEROUS, PASSWORD, Person, World, new_name, world_over
from venmo_api.adapters.passwords import Passwords
from venmo_api.adapters.redis import Redis
from venmo_api.adapters.signing import Signer, new_private_key
from venmo_api.adapters.turns import Turns
from venmo_api.auth import jobs, throttles
from venmo_api.auth.guesses import TooManyAttempts
from venmo_api.auth.throttles import Purpose
from venmo_api.core import ids
from venmo_api.core.errors import Unavailable
from venmo_api.main import create_app
from venmo_api.settings import Settings

NOWHERE = "redis://127.0.0.1:1/0"
WRONG = "wrong horse battery"
FIRST_LOCK = timedelta(minutes=30)
NETWORK_LOCK = timedelta(minutes=15)


class Counting(Passwords):
    """Counts the passwords that were judged."""

    def __init__(self) -> None:
        super().__init__()
        self.judged = 0

    async def verify(self, password: str, stored: str | None) -> bool:
        self.judged += 1
        return await super().verify(password, stored)


@pytest.fixture(params=["redis up", "redis down"])
async def counted(request: pytest.FixtureRequest, settings: Settings) -> AsyncIterator[World]:
    """An app that counts the passwords it judges."""
    replaced: dict[str, Any] = {"redis": Redis(NOWHERE)} if request.param == "redis down" else {}
    async with world_over(settings, passwords=Counting(), **replaced) as world:
        yield world


@asynccontextmanager
async def from_network(world: World, settings: Settings, address: str) -> AsyncIterator[httpx2.AsyncClient]:
    """A client with an address of its own."""
    transport = httpx2.ASGITransport(app=create_app(settings, world.app), client=(address, 1))
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


async def sign_in(
    client: httpx2.AsyncClient, identifier: str, password: str = PASSWORD, *, device_token: str | None = None
) -> httpx2.Response:
    body = {"identifier": identifier, "password": password}
    return await client.post("/v1/auth/token", json=body | ({"device_token": device_token} if device_token else {}))


async def guess(client: httpx2.AsyncClient, identifier: str, times: int) -> list[int]:
    return [(await sign_in(client, identifier, WRONG)).status_code for _ in range(times)]


def judged(*worlds: World) -> int:
    return sum(world.app.passwords.judged for world in worlds if isinstance(world.app.passwords, Counting))


async def test_ten_wrong_passwords_lock_and_no_eleventh_is_judged(counted: World) -> None:
    alice = await counted.person()
    assert await guess(counted.client, alice.username, 10) == [401] * 10
    for password in (WRONG, PASSWORD):
        refused = await sign_in(counted.client, alice.username, password)
        assert (refused.status_code, refused.json()["code"]) == (429, "too_many_attempts")
        assert 29 * 60 < int(refused.headers["retry-after"]) <= 30 * 60
    assert judged(counted) == 10


async def test_the_lock_ends_and_the_next_is_longer(counted: World) -> None:
    alice = await counted.person()
    await guess(counted.client, alice.username, 10)
    counted.wall_clock.advance(FIRST_LOCK - timedelta(seconds=5))
    assert (await sign_in(counted.client, alice.username)).status_code == 429
    counted.wall_clock.advance(timedelta(seconds=6))
    assert await guess(counted.client, alice.username, 10) == [401] * 10
    refused = await sign_in(counted.client, alice.username)
    assert 59 * 60 < int(refused.headers["retry-after"]) <= 60 * 60
    counted.wall_clock.advance(timedelta(hours=1, seconds=1))
    assert (await sign_in(counted.client, alice.username)).status_code == 200


async def test_a_right_password_resets_the_count(world: World) -> None:
    alice = await world.person()
    for _ in range(3):
        assert await guess(world.client, alice.username, 9) == [401] * 9
        assert (await sign_in(world.client, alice.username)).status_code == 200


async def test_no_stranger_locks_a_known_device_out(world: World) -> None:
    alice, mallory = await world.person(), await world.person()
    assert await guess(world.client, alice.username, 11) == [401] * 10 + [429]
    known = alice.tokens["device_token"]
    for _ in range(3):
        assert (await sign_in(world.client, alice.username, device_token=known)).status_code == 200
    for other in ("dv_" + "x" * 43, mallory.tokens["device_token"]):
        refused = await sign_in(world.client, alice.username, device_token=other)
        assert refused.status_code == 429, "a device that is not hers is a stranger's"


async def test_a_known_device_has_ten_guesses_of_its_own(world: World) -> None:
    alice = await world.person()
    known = alice.tokens["device_token"]
    wrong = [await sign_in(world.client, alice.username, WRONG, device_token=known) for _ in range(11)]
    assert [answer.status_code for answer in wrong] == [401] * 10 + [429]
    assert (await sign_in(world.client, alice.email, device_token=known)).status_code == 429
    assert (await sign_in(world.client, alice.username)).status_code == 200


async def test_a_person_is_guessed_at_ten_times_under_all_their_names_together(counted: World) -> None:
    alice = await counted.person()
    assert await guess(counted.client, alice.username, 5) == [401] * 5
    assert await guess(counted.client, alice.email, 5) == [401] * 5
    refused = await sign_in(counted.client, alice.username)
    assert refused.status_code == 401, "the right password is not believed any more"
    counted.wall_clock.advance(FIRST_LOCK + timedelta(seconds=1))
    assert (await sign_in(counted.client, alice.username)).status_code == 200


async def test_who_locks_one_name_does_not_learn_that_another_is_the_same_persons(world: World) -> None:
    alice, nobody = await world.person(), new_name() + "@example.com"
    await guess(world.client, alice.username, 11)
    assert await guess(world.client, alice.email, 11) == await guess(world.client, nobody, 11) == [401] * 10 + [429]


async def test_names_that_nobody_has_lock_like_those_of_people(counted: World) -> None:
    alice = await counted.person()
    bodies = []
    for name in (alice.username, new_name(), alice.email, new_name() + "@example.com", new_phone()):
        answers = [await sign_in(counted.client, name, WRONG) for _ in range(12)]
        assert [answer.status_code for answer in answers] == [401] * 10 + [429] * 2, name
        assert all(1790 < int(answer.headers["retry-after"]) <= 1800 for answer in answers[10:])
        named = [sorted(set(answer.headers) - {"content-length", "retry-after"}) for answer in answers]
        bodies.append([answer.content.replace(answer.json()["request_id"].encode(), b"") for answer in answers])
        assert named == [named[0]] * 10 + [named[10]] * 2
    assert all(one == bodies[0] for one in bodies)


async def guesses_judged(settings: Settings, *signers: Signer) -> tuple[int, list[int]]:
    """How many of 64 guesses at once, through two processes, were judged; and what all were answered."""
    replaced: list[dict[str, Any]] = [{}, {"signer": signers[0]} if signers else {}]
    async with AsyncExitStack() as stack:
        worlds = [
            await stack.enter_async_context(world_over(settings, passwords=Counting(), **more)) for more in replaced
        ]
        alice = await worlds[0].person()
        asked = [sign_in(worlds[number % 2].client, alice.username, WRONG) for number in range(64)]
        answers = [answer.status_code for answer in await asyncio.gather(*asked)]
        return judged(*worlds), answers


async def test_of_64_guesses_at_once_through_two_processes_ten_are_judged(settings: Settings) -> None:
    number, answers = await guesses_judged(settings)
    assert (number, sorted(answers)) == (10, [401] * 10 + [429] * 54)


async def test_planted_processes_that_count_apart_are_found_out(settings: Settings) -> None:
    apart = Signer(new_private_key(), issuer="venmo-api", audience="venmo-api")
    number, _ = await guesses_judged(settings, apart)
    assert number == 20


async def test_many_right_passwords_at_once_are_all_taken(world: World) -> None:
    alice = await world.person()
    answers = await asyncio.gather(*(sign_in(world.client, alice.username) for _ in range(40)))
    assert {answer.status_code for answer in answers} == {200}


async def test_a_network_that_tries_many_names_is_locked_and_known_devices_in_it_are_not(
    world: World, settings: Settings
) -> None:
    few = replace(GENEROUS, wrong_by_network=5)
    async with world_over(settings.model_copy(update={"figures": few})) as narrow:
        alice = await world.person()
        async with from_network(narrow, settings, "203.0.113.7") as near:
            for _ in range(8):
                assert (await sign_in(near, alice.username)).status_code == 200, "what was right is given back"
            assert [(await sign_in(near, new_name(), WRONG)).status_code for _ in range(6)] == [401] * 5 + [429]
            assert (await sign_in(near, alice.username)).status_code == 429
            known = alice.tokens["device_token"]
            assert (await sign_in(near, alice.username, device_token=known)).status_code == 200
        async with from_network(narrow, settings, "203.0.114.7") as far:
            assert (await sign_in(far, alice.username)).status_code == 200
        narrow.wall_clock.advance(NETWORK_LOCK + timedelta(seconds=1))
        async with from_network(narrow, settings, "203.0.113.99") as near:
            assert (await sign_in(near, alice.username)).status_code == 200


class Busy(Passwords):
    """Has no room to wait."""

    async def verify(self, password: str, stored: str | None) -> bool:
        raise Unavailable("Too many.")


async def test_a_guess_that_could_not_be_judged_does_not_count(world: World, settings: Settings) -> None:
    alice = await world.person()
    async with world_over(settings, passwords=Busy()) as busy:
        answers = [await sign_in(busy.client, alice.username) for _ in range(12)]
        assert {answer.status_code for answer in answers} == {503}
        assert all("retry-after" in answer.headers for answer in answers)
    assert await guess(world.client, alice.username, 11) == [401] * 10 + [429]


async def test_a_flood_is_sent_away_at_once_and_people_go_on_paying(settings: Settings) -> None:
    async with world_over(settings, turns=Turns(most=4)) as world:
        alice, bob = await world.person(money=100), await world.person()
        flood = [asyncio.create_task(sign_in(world.client, new_name(), WRONG)) for _ in range(60)]
        assert (await alice.pay(bob, 1)).status_code == 201
        answers = [answer.status_code for answer in await asyncio.gather(*flood)]
        assert set(answers) == {401, 503}
        assert answers.count(503) > 40
        assert (await sign_in(world.client, alice.username)).status_code == 200


async def try_code(world: World, person: Person, purpose: Purpose, *, right: bool = False) -> None:
    async with throttles.attempt(world.app, purpose, person.id) as attempt:
        attempt.right = right


async def test_other_secrets_are_counted_likewise_and_each_by_itself(world: World) -> None:
    alice = await world.person()
    for _ in range(9):
        await try_code(world, alice, Purpose.SECOND_FACTOR)
    await try_code(world, alice, Purpose.SECOND_FACTOR, right=True)
    for _ in range(10):
        await try_code(world, alice, Purpose.SECOND_FACTOR)
    with pytest.raises(TooManyAttempts):
        await try_code(world, alice, Purpose.SECOND_FACTOR, right=True)
    await try_code(world, alice, Purpose.STEP_UP)
    assert (await sign_in(world.client, alice.username)).status_code == 200


async def test_a_guess_that_is_refused_by_raising_counts_too(world: World) -> None:
    alice = await world.person()
    for _ in range(10):
        with pytest.raises(ValueError, match="not that"):
            async with throttles.attempt(world.app, Purpose.CODE, alice.id):
                raise ValueError("not that")
    with pytest.raises(TooManyAttempts):
        await try_code(world, alice, Purpose.CODE)


async def test_who_has_a_new_password_starts_anew_under_all_their_names(world: World) -> None:
    alice = await world.person()
    names = [("username", alice.username), ("email", alice.email)]
    for _, name in names:
        await guess(world.client, name, 10)
    user_id = ids.decode(ids.USER, alice.id)
    assert user_id is not None
    await world.app.database.transact(throttles.forgive, world.app, user_id, names)
    for _, name in names:
        assert (await sign_in(world.client, name)).status_code == 200


async def test_counts_name_nobody_and_are_dropped_when_they_say_nothing_any_more(fresh: World) -> None:
    alice = await fresh.person()
    await guess(fresh.client, alice.username, 2)

    async def buckets() -> list[bytes]:
        rows = await fresh.app.database.read(lambda tx: tx.execute(text("SELECT bucket FROM attempts")))
        return list(rows.scalars())

    kept = await buckets()
    assert len(kept) == 3
    assert all(len(bucket) == 32 for bucket in kept)
    assert await jobs.forget_old_attempts(fresh.app) == 0
    fresh.wall_clock.advance(timedelta(days=37, seconds=1))
    assert await jobs.forget_old_attempts(fresh.app) == 3
    assert await buckets() == []
