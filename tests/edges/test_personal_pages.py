"""What is personal, through our shared cache and through careless ones: nobody is given what is another's."""

import re
from pathlib import Path

import httpx2

from tests.conftest import Person
from tests.edges.caches import KEEPS_ALL, KEEPS_ALL_FOR_ALL, PAGE, Api, Cache, Scene, careless, notes, ours
from tests.http.test_connections import ask

STREAMS = {"openEvents"}


async def personal(client: httpx2.AsyncClient, scene: Scene) -> list[str]:
    """Every path that is read, with what is Alice's in it where there is such a thing."""
    document = (await client.get("/openapi.json")).json()
    mine = {"user_id": scene.alice.id, "story_id": scene.story, "code": "rate_limited", "kind": "email"}
    paid = (await scene.alice.get("/transfers")).json()["data"]
    mine["transfer_id"] = next(one["id"] for one in paid if one["amount"] == 4_321)
    paths = []
    for path, item in document["paths"].items():
        if "get" not in item or item["get"]["operationId"] in STREAMS:
            continue
        wanted = [told["name"] for told in item["get"].get("parameters", ()) if told["in"] == "query"]
        query = {"query": scene.alice.username[:8]} if "query" in wanted else {}
        filled = re.sub(r"{(\w+)}", lambda named: mine.get(named[1], "x"), path)
        paths.append(str(httpx2.URL(filled, params=query)) if query else filled)
    assert len(paths) > 25
    return [*paths, "/openapi.json", "/docs"]


def told(answer: httpx2.Response) -> tuple[int, str]:
    """What an answer says, without its own name and the time."""
    return answer.status_code, re.sub(r'"(?:request_id|now|at)":"[^"]*"', "", answer.text)


async def given_to_others(cache: Cache, api: Api, scene: Scene) -> set[str]:
    """Paths of which somebody was given through the cache what they are not given by the API itself. All are read by
    Alice, by Bob, by nobody known, and by Alice again."""
    wrong = set()
    async with api.client() as direct:
        for path in await personal(direct, scene):
            for person in (scene.alice, scene.bob, None, scene.alice):
                headers = person.headers if person else {}
                through = told(await cache.client.get(path, headers=headers))
                if through != told(await direct.get(path, headers=headers)):
                    wrong.add(path)
    return wrong


async def test_nobody_is_given_what_is_anothers(api: Api, scene: Scene, tmp_path: Path) -> None:
    async with ours(api.port, tmp_path) as cache:
        assert await given_to_others(cache, api, scene) == set()


async def test_a_careless_cache_gives_nobody_what_is_anothers(api: Api, scene: Scene, tmp_path: Path) -> None:
    async with careless(api.port, tmp_path) as cache:
        assert await given_to_others(cache, api, scene) == set()
    async with careless(api.port, tmp_path / "greedy", KEEPS_ALL) as cache:  # whatever `private` may mean
        assert await given_to_others(cache, api, scene) == set()
    async with careless(api.port, tmp_path / "blind", KEEPS_ALL_FOR_ALL) as cache:
        wrong = await given_to_others(cache, api, scene)
    assert {"/v1/me", "/v1/feed", "/v1/wallet", PAGE} <= wrong  # planted: without what our answers say, all is given


TRICKS = [
    "/v1/feed/x.css",
    "/v1/feed/..%2fx.css",
    "/v1/feed;x.css",
    "/v1/feed?x.css",
    "/v1/feed%3Fx.css",
    "/v1/feed%00.css",
    "/v1//feed",
    "/v1/me/",
    "/v1/./me",
    "/v1/public/../me",
    "/v1/public/..%2fme",
    "/v1/public/stories/../../me",
    "/v1/me#/v1/public/stories",
    "//v1/me",
    "/v1/public/stories?cursor=x",
    "/v1/public/stories?limit=1&limit=2",
    "/v1/public/stories/x",
    "http://else.where/v1/me",
]
GUISES = [
    "Range: bytes=0-9999",
    "Vary: X-Nothing",
    "Cache-Control: only-if-cached, max-stale=9999",
    "X-Original-URL: /v1/public/stories",
    "X-Rewrite-URL: /v1/public/stories",
    "X-Forwarded-Host: else.where",
    "X-HTTP-Method-Override: HEAD",
    "Public-View: shared",
    "Connection: close, Authorization",
    "If-Modified-Since: Sun, 01 Jan 2040 00:00:00 GMT",
    "Accept-Encoding: gzip",
]


async def test_no_trick_of_paths_or_headers_gives_anybody_what_is_anothers(
    api: Api, scene: Scene, tmp_path: Path
) -> None:
    def request(path: str, person: Person | None, *more: str) -> bytes:
        shown = [f"Authorization: {person.headers['Authorization']}"] if person else []
        lines = [f"GET {path} HTTP/1.1", "Host: x", *shown, *more, "Connection: close", "", ""]
        return "\r\n".join(lines).encode()

    wanted: list[tuple[str, list[str]]] = [(path, []) for path in TRICKS]
    wanted += [(path, [guise]) for path in ("/v1/feed", "/v1/me", PAGE) for guise in GUISES]
    async with ours(api.port, tmp_path) as cache:
        for path, more in wanted:
            first = await ask(cache.port, request(path, scene.alice, *more))
            for person in (scene.bob, None):
                answer = await ask(cache.port, request(path, person, *more))
                assert answer.startswith(b"HTTP/1.1 "), (path, more)
                for secret in scene.secrets:
                    assert secret.encode() not in answer, (path, more)
                if person is None and first.startswith(b"HTTP/1.1 2"):
                    assert answer.startswith(b"HTTP/1.1 401"), (path, more, answer)
        assert notes(await cache.page(scene.bob))  # what was kept is still the page
