"""Quotas by class of route and person or network, told in fields that parse, with Redis and without."""

import asyncio
import dataclasses
import re
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from tests.conftest import GENEROUS, Person, World, new_key, new_name, world_over
from venmo_api.adapters.redis import Redis
from venmo_api.http import quotas, routes
from venmo_api.main import create_app
from venmo_api.settings import Settings

NOWHERE = "redis://127.0.0.1:1/0"
# RFC 9651: a list of strings, each with parameters that are integers.
MEMBER = re.compile(r'"([a-z-]+)"((?:;[a-z]+=\d{1,15})+)')


def fields(answer: httpx2.Response, name: str) -> dict[str, dict[str, int]]:
    """A structured field as a mapping from policy to its parameters; fails on anything that does not parse."""
    found = {}
    for member in re.split(r",[ \t]*", answer.headers[name]):
        match = MEMBER.fullmatch(member)
        assert match is not None, member
        pairs = [parameter.split("=") for parameter in match[2][1:].split(";")]
        found[match[1]] = {key: int(value) for key, value in pairs}
    return found


def few(settings: Settings, **figures: int) -> Settings:
    return settings.model_copy(update={"figures": dataclasses.replace(GENEROUS, **figures)})


@asynccontextmanager
async def clients(settings: Settings, number: int, **replaced: Any) -> AsyncIterator[list[World]]:
    """So many processes, as far as one process can show it."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(world_over(settings, **replaced)) for _ in range(number)]


@asynccontextmanager
async def from_address(world: World, settings: Settings, address: str) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(app=create_app(settings, world.app), client=(address, 1))
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


def on(world: World, person: Person) -> Person:
    """The same person, asking another process."""
    return dataclasses.replace(person, client=world.client)


async def test_the_quota_is_told_on_every_answer_and_counts_down(world: World, settings: Settings) -> None:
    alice = await world.person()
    narrow = few(settings, quota_look_ups=5)
    async with world_over(narrow) as limited:
        alice = on(limited, alice)
        answers = [await alice.get("/users", query="al") for _ in range(4)] + [await alice.get("/users/usr_none")]
        assert [answer.status_code for answer in answers] == [200] * 4 + [404]
        assert all(fields(one, "ratelimit-policy") == {"look-ups": {"q": 5, "w": 86_400}} for one in answers)
        told = [fields(one, "ratelimit")["look-ups"] for one in answers]
        assert [one["r"] for one in told] == [4, 3, 2, 1, 0]
        fifth = 86_400 // 5
        assert all(abs(one["t"] - fifth * (number + 1)) <= 60 for number, one in enumerate(told))
        refused = await alice.get("/users", query="al")
        assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
        assert fields(refused, "ratelimit")["look-ups"]["r"] == 0
        assert fifth - 60 <= int(refused.headers["retry-after"]) <= fifth
        assert (await alice.get("/me")).status_code == 200, "another class"
        assert (await on(limited, await world.person()).get("/users", query="al")).status_code == 200, "another person"


async def test_every_route_that_asks_who_calls_tells_a_quota(world: World) -> None:
    alice = await world.person()
    assert fields(await alice.get("/wallet"), "ratelimit-policy").keys() == {"reads"}
    assert fields(await alice.get("/wallet", typo="x"), "ratelimit-policy").keys() == {"reads"}
    assert fields(await alice.post("/transfers", {}, key=new_key()), "ratelimit-policy").keys() == {"writes"}
    assert fields(await alice.delete(f"/friends/{alice.id}"), "ratelimit-policy").keys() == {"writes"}
    refresh = await world.client.post("/v1/auth/refresh", json={"refresh_token": "rt_" + "x" * 43})
    assert fields(refresh, "ratelimit-policy").keys() == {"anonymous"}
    malformed = await world.client.post("/v1/auth/token", content=b"{")
    assert fields(malformed, "ratelimit-policy").keys() == {"sign-in"}
    for path in ("/livez", "/readyz", "/nowhere"):
        assert "ratelimit-policy" not in (await world.client.get(path)).headers
    assert "ratelimit-policy" not in (await world.client.get("/v1/me")).headers, "nobody is known here"


async def test_staff_routes_take_from_the_quota_of_whoever_asks(world: World) -> None:
    answer = await (await world.person()).get("/admin/users")
    assert answer.status_code == 404, "nobody of the staff"
    assert fields(answer, "ratelimit-policy").keys() == {"reads"}


async def test_no_route_is_left_without_a_quota(world: World, settings: Settings) -> None:
    found = [route for route in create_app(settings, world.app).routes if isinstance(route, routes.Route)]
    assert len(found) > 50
    assert [route.path for route in found if routes._flat(route.dependant) is None] == []


def test_a_route_is_of_the_class_it_is_marked_with_or_of_its_methods() -> None:
    assert quotas.class_of(quotas.SIGN_IN, {"POST"}, signed_in=True) == "sign-in"
    assert quotas.class_of({}, {"POST"}, signed_in=False) == "anonymous"
    assert quotas.class_of({}, {"GET"}, signed_in=True) == "reads"
    assert quotas.class_of({}, {"DELETE"}, signed_in=True) == "writes"


async def passed(worlds: list[World], person: Person, path: str, **params: str) -> int:
    """How many of 40 requests at once, spread over the processes, were let through."""
    asked = [on(worlds[number % len(worlds)], person).get(path, **params) for number in range(40)]
    answers = [answer.status_code for answer in await asyncio.gather(*asked)]
    assert set(answers) <= {200, 429}
    return answers.count(200)


async def test_look_ups_are_bounded_through_all_processes_together(world: World, settings: Settings) -> None:
    alice = await world.person()
    async with clients(few(settings, quota_look_ups=5), 2) as worlds:
        assert await passed(worlds, alice, "/users", query="al") == 5


async def test_with_redis_away_each_process_bounds_them_by_itself(world: World, settings: Settings) -> None:
    """Also what the test above would find if the processes did not share their counts."""
    alice = await world.person()
    async with clients(few(settings, quota_look_ups=5), 2, redis=Redis(NOWHERE)) as worlds:
        assert await passed(worlds, alice, "/users", query="al") == 10


async def test_reads_and_payments_are_bounded_by_each_process_and_never_ask_redis(fresh: World) -> None:
    alice, bob = await fresh.person(money=100), await fresh.person()
    settings = Settings(
        environment="test", database_url=str(fresh.app.database.engine.url.render_as_string(hide_password=False))
    )
    async with clients(few(settings, quota_reads=5, quota_writes=3), 2) as worlds:
        assert await passed(worlds, alice, "/wallet") == 10
        pays = [await on(worlds[0], alice).pay(bob, 1) for _ in range(5)]
        assert [answer.status_code for answer in pays] == [201] * 3 + [429] * 2
        assert (await on(worlds[1], alice).pay(bob, 1)).status_code == 201
    assert [key for key in await fresh.app.redis.client.keys("quota:*") if b"reads" in key or b"writes" in key] == []


async def test_requests_are_given_back_one_by_one(world: World, settings: Settings) -> None:
    alice = await world.person()
    async with world_over(few(settings, quota_reads=12)) as limited:
        alice = on(limited, alice)
        assert [(await alice.get("/wallet")).status_code for _ in range(13)] == [200] * 12 + [429]
        for _ in range(2):
            limited.wall_clock.advance(timedelta(minutes=5))
            assert [(await alice.get("/wallet")).status_code for _ in range(2)] == [200, 429]


async def test_what_is_refused_costs_nothing(world: World, settings: Settings) -> None:
    alice = await world.person()
    async with world_over(few(settings, quota_reads=2)) as limited:
        alice = on(limited, alice)
        answers = [await alice.get("/wallet") for _ in range(20)]
        assert int(answers[-1].headers["retry-after"]) <= 1800


async def test_a_clock_that_is_set_back_locks_nobody_for_longer_than_a_request_takes(
    world: World, settings: Settings
) -> None:
    alice = await world.person()
    async with world_over(few(settings, quota_reads=4)) as limited:
        alice = on(limited, alice)
        assert (await alice.get("/wallet")).status_code == 200
        limited.wall_clock.advance(timedelta(days=-1))
        assert int((await alice.get("/wallet")).headers["retry-after"]) <= 15 * 60
        limited.wall_clock.advance(timedelta(minutes=15))
        assert (await alice.get("/wallet")).status_code == 200


async def test_redis_gives_back_one_by_one_and_forgets(fresh: World) -> None:
    async def take(price: int) -> list[int]:
        answer: list[int] = await fresh.app.redis.run(quotas.TAKE, ["quota:tried"], [price, 150_000])
        return answer

    taken = [await take(50_000) for _ in range(4)]
    assert [wait > 0 for _, wait in taken] == [False, False, False, True]
    assert 0 < taken[3][1] <= 50_000
    await asyncio.sleep(0.06)
    assert (await take(50_000))[1] == 0
    assert (await take(200_000))[1] > 0
    await asyncio.sleep(0.16)
    assert await fresh.app.redis.client.exists("quota:tried") == 0


async def test_nobody_signed_in_is_known_by_network_and_redis_holds_no_address(
    fresh: World, settings: Settings
) -> None:
    third = secrets.randbelow(200)
    narrow = few(settings, quota_sign_in=2)
    fresh = dataclasses.replace(fresh, app=dataclasses.replace(fresh.app, figures=narrow.figures))
    body = {"identifier": new_name(), "password": "x"}
    for address, statuses in (
        (f"198.51.{third}.7", [401, 401, 429]),
        (f"198.51.{third}.8", [429]),
        (f"198.51.{third + 1}.7", [401]),
        ("2001:db8:1::1", [401, 401, 429]),
        ("2001:db8:1:ffff::1", [429]),
        ("2001:db8:2::1", [401]),
    ):
        async with from_address(fresh, narrow, address) as client:
            asked = [(await client.post("/v1/auth/token", json=body)).status_code for _ in statuses]
            assert asked == statuses, address
    keys = await fresh.app.redis.client.keys("quota:*")
    assert len(keys) == 4
    assert not [key for key in keys if b"198.51" in key or b"2001" in key]


async def test_people_named_by_mail_or_phone_are_counted_by_day(world: World, settings: Settings) -> None:
    alice, bob = await world.person(money=1000), await world.person()
    async with world_over(few(settings, quota_contacts=5)) as limited:
        alice = on(limited, alice)

        async def pay(recipient: dict[str, str]) -> httpx2.Response:
            body = {"recipient": recipient, "amount": 1, "note": "hello", "dry_run": True}
            return await alice.post("/transfers", body, key=new_key())

        answer = await pay({"email": f"{new_name()}@example.com"})
        assert answer.status_code == 200, answer.text
        policies = fields(answer, "ratelimit-policy")
        assert policies["contacts"] == {"q": 5, "w": 86_400}
        assert policies.keys() == {"writes", "contacts"} == fields(answer, "ratelimit").keys()
        people = [{"email": bob.email}, {"phone": "+14155550123"}, {"username": bob.username}]
        split = {"total": 30, "note": "tents", "method": "equal", "participants": people, "dry_run": True}
        assert (await alice.post("/splits", split, key=new_key())).status_code == 404  # the phone is nobody's
        ask = {"payer": {"email": f"{new_name()}@example.com"}, "amount": 5, "note": "tents", "dry_run": True}
        assert (await alice.post("/requests", ask, key=new_key())).status_code == 404
        refused = await alice.post("/splits", split, key=new_key())
        assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
        hold = {"payee": {"phone": "+14155550123"}, "amount": 5, "note": "tents", "dry_run": True}
        assert (await alice.post("/holds", hold, key=new_key())).status_code == 404
        for path, body in (("/holds", hold), ("/requests", ask)):
            assert (await alice.post(path, body, key=new_key())).status_code == 429
        assert (await pay({"email": bob.email})).status_code == 429
        assert (await pay({"username": bob.username})).status_code == 200
        assert (await alice.pay(bob, 1)).status_code == 201


async def test_memory_is_bounded_and_forgets_those_who_have_everything_back(world: World) -> None:
    meter = quotas.Meter(world.app)
    backs = meter._backs["reads"]
    for _ in range(quotas.KEPT_MOST):
        backs[uuid4()] = 0
    request: Any = type("Request", (), {"scope": {}})()
    await meter.take(request, "reads", uuid4())
    assert len(backs) == 1


@pytest.mark.parametrize("most", [1, 3, 7, 1000, 60_001, 10**6, 10**12])
async def test_exactly_so_many_pass_at_once(world: World, most: int) -> None:
    quota = quotas.Quota("tried", most, 3600, shared=False)
    assert quota.room // quota.price == most
    assert quota.room <= max(3600 * 10**6, most)
