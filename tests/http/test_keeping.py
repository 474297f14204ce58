"""Who may keep what this API answers: of every operation in its document, and of all it refuses."""

import re
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.conftest import Person, World
from venmo_api.http.validators import ONES_OWN

# All else is for its reader alone.
SHAREABLE = {"getKeys", "readPublicStories"}
STREAMS = {"openEvents"}
METHODS = ("get", "post", "put", "patch", "delete")
# Change who asks: their turn comes last, or they would ask no more.
ENDINGS = {"signOut", "endOtherSessions", "endSession"}


@pytest.fixture
async def document(world: World) -> dict[str, Any]:
    found: dict[str, Any] = (await world.client.get("/openapi.json")).json()
    return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item and item[method]["operationId"] not in ENDINGS | STREAMS:
                yield method, path, item[method]["operationId"]


async def answers(document: dict[str, Any], person: Person) -> list[tuple[str, httpx2.Response]]:
    """Of every operation: to this person, with their own id where one is asked for, and to nobody known."""
    mine = {"user_id": person.id, "code": "rate_limited", "kind": "email"}
    found = []
    for method, path, name in operations(document):
        filled = re.sub(r"{(\w+)}", lambda named: mine.get(named[1], "x"), path)
        for headers in (person.headers, {}):
            body = {"json": {}} if method in ("post", "put", "patch") else {}
            found.append((name, await person.client.request(method, filled, headers=headers, **body)))
    return found


def may_be_shared(answer: httpx2.Response) -> bool:
    """Whether a shared cache might give it to somebody else (RFC 9111, 3)."""
    told = {part.strip() for part in answer.headers["cache-control"].split(",")}
    return not told & {"private", "no-store"}


async def test_what_is_personal_is_kept_by_no_shared_cache_whatever_it_overlooks(
    world: World, document: dict[str, Any]
) -> None:
    given = await answers(document, await world.person())
    assert len({name for name, _ in given}) > 80
    for name, answer in given:
        shared = name in SHAREABLE and answer.status_code == 200
        assert may_be_shared(answer) is shared, (name, answer.status_code, answer.headers["cache-control"])
        if name != "getKeys" or not shared:
            assert answer.headers["vary"] == "Authorization", (name, answer.status_code)
        if shared:
            assert answer.headers.keys().isdisjoint({"x-request-id", "ratelimit", "ratelimit-policy"}), name
            assert answer.headers["etag"]


async def test_who_has_an_answer_is_told_so_and_nobody_else_is(world: World) -> None:
    alice, bob = await world.person(), await world.person()
    for path in ("/me", "/feed", f"/users/{bob.id}", "/public/stories"):
        first = await alice.get(path)
        had = {"If-None-Match": first.headers["etag"]}
        again = await world.client.get("/v1" + path, headers=alice.headers | had)
        assert (again.status_code, again.content) == (304, b""), path
        for name in ("etag", "cache-control", "vary"):
            assert again.headers[name] == first.headers[name]
        assert (await world.client.get("/v1" + path, headers=had)).status_code == 401
    had = {"If-None-Match": (await alice.get("/me")).headers["etag"]}
    assert (await world.client.get("/v1/me", headers=bob.headers | had)).status_code == 200
    await alice.patch("/me", {"display_name": "Somebody Else"})
    assert (await world.client.get("/v1/me", headers=alice.headers | had)).status_code == 200


async def test_what_may_not_be_seen_any_more_is_not_told_to_be_unchanged(world: World) -> None:
    alice, bob, carol = [await world.person(money=100) for _ in range(3)]
    await alice.befriend(carol)
    await alice.pay(bob, 5)
    await world.drain()
    story = (await carol.get("/feed")).json()["data"][0]["id"]
    seen = await carol.get(f"/stories/{story}")
    assert seen.headers["cache-control"] == ONES_OWN
    had = carol.headers | {"If-None-Match": seen.headers["etag"]}
    assert (await world.client.get(f"/v1/stories/{story}", headers=had)).status_code == 304
    await carol.delete(f"/friends/{alice.id}")
    for shown in (had, carol.headers | {"If-None-Match": "*"}):
        assert (await world.client.get(f"/v1/stories/{story}", headers=shown)).status_code == 404
