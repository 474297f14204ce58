"""deploy/nginx.conf under a real nginx: what it keeps, for whom, how long; and caches that nobody told of tokens."""

import asyncio
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from tests.conftest import Person, World
from tests.edges.caches import CHECK, CONNECTIONS, KEEPS_ALL, KEEPS_ALL_FOR_ALL, PAGE, Cache, Counting, careless, ours
from tests.http.test_connections import ask, served
from venmo_api.auth import sessions, tokens
from venmo_api.auth.tokens import Actor
from venmo_api.http.connections import Connection
from venmo_api.main import create_app
from venmo_api.settings import Settings

GONE_SECONDS = 10
BLOCKED_SECONDS = 2
REVOKED_SECONDS = 5
CHECKED_SECONDS = 3
STREAMS = {"openEvents"}


@dataclass
class Api:
    """Another process than the one the world's people ask: what is revoked there is known here a little later."""

    port: int
    asked: Counter[str]

    def client(self) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(base_url=f"http://127.0.0.1:{self.port}")


@dataclass
class Scene:
    """Alice has paid Carol in private and Bob for all to see; Bob is who must not see more than that."""

    alice: Person
    bob: Person
    carol: Person
    story: str
    secrets: tuple[str, ...]


@pytest.fixture
async def api(world: World, settings: Settings) -> AsyncIterator[Api]:
    app = create_app(settings, world.app)
    counting = Counting(app)
    async with sessions.following(world.app, app.state.verifier), served(counting, Connection) as port:
        yield Api(port, counting.asked)


@pytest.fixture
async def scene(world: World) -> Scene:
    alice, bob, carol = [await world.person(name, money=10_000) for name in ("alice", "bob", "carol")]
    hidden, shown = f"only for carol {alice.username}", f"for all to see {alice.username}"
    await alice.pay(carol, 4_321, note=hidden, audience="private")
    for person in (alice, bob):
        await person.patch("/me", {"default_audience": "public"})
    paid = await alice.pay(bob, 1_234, note=shown, audience="public")
    assert paid.json()["audience"] == "public", paid.text
    await world.drain()
    mine = (await alice.get("/feed", scope="mine")).json()["data"]
    story = next(one["id"] for one in mine if one["note"] == shown)
    return Scene(alice, bob, carol, story, (hidden, alice.email, '"amount":4321', alice.tokens["access_token"]))


def strangers(world: World, number: int) -> list[dict[str, str]]:
    """Headers of so many people who are signed in."""
    app, now = world.app, world.wall_clock.now()
    actors = (Actor(app.new_id(), app.new_id(), ("pwd",), now) for _ in range(number))
    return [{"Authorization": f"Bearer {tokens.access_token(app.signer, actor, now=now)}"} for actor in actors]


def notes(answer: httpx2.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [story["note"] for story in answer.json()["data"]]


async def until(holds: Callable[[], Awaitable[bool]], *, seconds: float) -> None:
    """Fails if it does not hold within so many seconds."""
    began = time.monotonic()
    while not await holds():
        assert time.monotonic() - began < seconds
        await asyncio.sleep(0.1)


async def test_hundreds_of_readers_cost_the_api_a_page_and_a_check_each(
    world: World, api: Api, scene: Scene, tmp_path: Path
) -> None:
    readers, rounds = strangers(world, 300), 3
    async with ours(api.port, tmp_path) as cache:
        for number in range(rounds):
            answers = await asyncio.gather(*(cache.client.get(PAGE, headers=reader) for reader in readers))
            assert {answer.status_code for answer in answers} == {200}
            assert {answer.headers["cache-control"] for answer in answers} == {"private, no-cache"}
            assert {answer.headers["vary"] for answer in answers} == {"Authorization"}
            if not number:
                assert cache.found()["MISS"] == 1  # all others waited for that one
        assert scene.alice.username in answers[0].text
        fetched = api.asked[PAGE]
        assert fetched <= rounds * CONNECTIONS  # where all others stood still for seconds: as many as ask at once
        found = cache.found()
        assert found["HIT"] + found["STALE"] + found["UPDATING"] >= rounds * len(readers) - fetched
        assert len(readers) <= api.asked[CHECK] <= rounds * len(readers)


async def test_the_page_is_for_nobody_in_particular(api: Api, scene: Scene, tmp_path: Path) -> None:
    async with ours(api.port, tmp_path) as cache:
        pages = [await cache.page(person) for person in (scene.alice, scene.bob, scene.carol)]
    assert len({page.content for page in pages}) == 1
    told = next(story for story in pages[0].json()["data"] if story["id"] == scene.story)
    assert told.keys().isdisjoint({"amount", "currency"})
    assert told["created_at"].endswith("T00:00:00.000Z")
    for page in pages:
        assert page.headers.keys().isdisjoint({"x-request-id", "ratelimit", "ratelimit-policy", "set-cookie"})


async def refused_when_kept(cache: Cache, scene: Scene) -> bool:
    """Whether all who are not signed in are refused, though the page is there."""
    assert (await cache.page(scene.alice)).status_code == 200
    forged = scene.alice.headers["Authorization"][:-6] + "AAAAAA"
    shown = [{}, {"Authorization": forged}, {"Authorization": "Bearer x"}, {"Authorization": "Basic eDp4"}]
    answers = [await cache.client.get(PAGE, headers=headers) for headers in shown]
    return {answer.status_code for answer in answers} == {401} and all(
        answer.headers["content-type"] == "application/problem+json"
        and answer.headers["www-authenticate"] == "Bearer"
        and answer.headers["cache-control"] == "private, no-store"
        and answer.json()["code"] == "not_signed_in"
        for answer in answers
    )


async def test_who_is_not_signed_in_is_refused_though_the_page_is_kept(api: Api, scene: Scene, tmp_path: Path) -> None:
    async with ours(api.port, tmp_path) as cache:
        assert await refused_when_kept(cache, scene)
    async with ours(
        api.port, tmp_path / "open", "auth_request /_check", "proxy_cache_bypass", "proxy_no_cache"
    ) as cache:
        assert not await refused_when_kept(cache, scene)  # planted: tokens are not checked


async def test_a_token_that_was_revoked_elsewhere_is_refused_within_seconds(
    api: Api, scene: Scene, tmp_path: Path
) -> None:
    async with ours(api.port, tmp_path) as cache:
        assert (await cache.page(scene.alice)).status_code == 200
        await scene.alice.post("/auth/logout")

        async def refused() -> bool:
            assert (await cache.page(scene.bob)).status_code == 200
            return (await cache.page(scene.alice)).status_code == 401

        await until(refused, seconds=REVOKED_SECONDS)


async def test_tokens_stand_in_no_file(api: Api, scene: Scene, tmp_path: Path) -> None:
    async with ours(api.port, tmp_path) as cache:
        for person in (scene.alice, scene.bob):
            assert (await cache.page(person)).status_code == 200
        assert b"".join(cache.kept())
        for kept in cache.kept():
            for secret in (*scene.secrets, scene.bob.tokens["access_token"]):
                assert secret.encode() not in kept
        assert not re.search(r"v1/|\d+\.\d+\.\d+\.\d+|usr_", "".join(cache.log()))


async def test_who_has_the_page_is_told_so_by_the_cache(api: Api, scene: Scene, tmp_path: Path) -> None:
    async with ours(api.port, tmp_path) as cache:
        page = await cache.page(scene.alice)
        asked = api.asked[PAGE]
        same = await cache.page(scene.bob, **{"If-None-Match": f'"x", W/{page.headers["etag"]}'})
        assert (same.status_code, same.content) == (304, b"")
        assert same.headers["etag"] == page.headers["etag"]
        assert same.headers["cache-control"] == "private, no-cache"
        assert same.headers["vary"] == "Authorization"
        assert api.asked[PAGE] == asked
        assert (await cache.page(scene.bob, **{"If-None-Match": '"x"'})).content == page.content
        feed = await cache.seen_by(scene.bob).get("/feed")
        own = {"If-None-Match": feed.headers["etag"]}
        assert (await cache.client.get("/v1/feed", headers=scene.bob.headers | own)).status_code == 304
        assert (await cache.client.get("/v1/feed", headers=scene.alice.headers | own)).status_code == 200


async def test_a_story_that_is_narrowed_is_gone_everywhere_within_ten_seconds(
    world: World, api: Api, scene: Scene, tmp_path: Path
) -> None:
    async with ours(api.port, tmp_path) as cache:
        shown = next(note for note in notes(await cache.page(scene.carol)) if scene.alice.username in note)
        narrowed = await scene.alice.patch(f"/stories/{scene.story}", {"audience": "private"})
        assert narrowed.status_code == 200, narrowed.text
        await world.drain()

        async def gone() -> bool:
            pages = [await cache.page(person) for person in (scene.bob, scene.carol)]
            return all(shown not in notes(page) for page in pages)

        await until(gone, seconds=GONE_SECONDS)
        for _ in range(20):  # nor does an older page come back
            assert await gone()


async def test_who_blocks_or_is_blocked_gets_a_page_of_their_own_at_once(
    api: Api, scene: Scene, tmp_path: Path
) -> None:
    def mentions(page: httpx2.Response) -> bool:
        return any(scene.alice.username in note for note in notes(page))

    async with ours(api.port, tmp_path) as cache:
        assert mentions(await cache.page(scene.carol))
        assert (await scene.carol.post(f"/users/{scene.alice.id}/block")).status_code == 204

        async def hidden() -> bool:
            assert mentions(await cache.page(scene.bob))
            return not mentions(await cache.page(scene.carol))

        await until(hidden, seconds=BLOCKED_SECONDS)
        kept = await cache.page(scene.bob)
        assert mentions(kept)  # what Carol was given was kept for nobody
        own = await cache.page(scene.carol, **{"If-None-Match": kept.headers["etag"]})
        assert own.status_code == 200
        assert not mentions(own)


async def test_without_the_api_a_page_lasts_as_long_as_the_check_of_its_reader(
    world: World, settings: Settings, scene: Scene, tmp_path: Path
) -> None:
    async with AsyncExitStack() as api:
        port = await api.enter_async_context(served(create_app(settings, world.app), Connection))
        async with ours(port, tmp_path) as cache:
            kept = (await cache.page(scene.alice)).content
            assert (await cache.seen_by(scene.alice).get("/feed")).status_code == 200
            await api.aclose()
            feed = await cache.seen_by(scene.alice).get("/feed")
            assert (feed.status_code, feed.json()["code"]) == (503, "unavailable")
            assert feed.headers["retry-after"] == "1"

            async def away() -> bool:
                page = await cache.page(scene.alice)
                assert page.status_code == 503 or page.content == kept
                return page.status_code == 503

            await until(away, seconds=CHECKED_SECONDS)
            page = await cache.page(scene.alice)
            assert page.headers["content-type"] == "application/problem+json"
            assert page.headers["cache-control"] == "private, no-store"


async def test_an_answer_that_streams_is_passed_on_as_it_comes(tmp_path: Path) -> None:
    first, rest = asyncio.Event(), b"5\r\nsecon\r\n0\r\n\r\n"

    async def stream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        writer.write(b"5\r\nfirst\r\n")
        await first.wait()
        writer.write(rest)
        writer.close()

    server = await asyncio.start_server(stream, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with (
        asyncio.timeout(10),
        ours(port, tmp_path) as cache,
        cache.client.stream("GET", "/v1/events") as answer,
    ):
        chunks = answer.aiter_bytes()
        assert await anext(chunks) == b"first"
        first.set()
        assert await anext(chunks) == b"secon"
    server.close()


async def test_one_token_does_not_ask_without_end(api: Api, scene: Scene, tmp_path: Path) -> None:
    async with ours(api.port, tmp_path) as cache:
        answers = await asyncio.gather(*(cache.page(scene.alice) for _ in range(150)))
        assert Counter(answer.status_code for answer in answers).keys() == {200, 429}
        refused = next(answer for answer in answers if answer.status_code == 429)
        assert refused.json()["code"] == "rate_limited"
        assert refused.headers["retry-after"] == "1"
        assert (await cache.page(scene.bob)).status_code == 200
        assert api.asked[CHECK] <= 2 * CONNECTIONS


# What is personal, through ours and through caches that nobody told of tokens.


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


async def test_a_site_that_may_read_the_page_does_so_whoever_asked_first(
    world: World, settings: Settings, scene: Scene, tmp_path: Path
) -> None:
    site = {"Origin": "https://app.pay.example"}
    app = create_app(settings.model_copy(update={"cors_origins": [site["Origin"]]}), world.app)
    async with served(app, Connection) as port, ours(port, tmp_path) as cache:
        assert "access-control-allow-origin" not in (await cache.page(scene.alice)).headers
        assert (await cache.page(scene.bob, **site)).headers["access-control-allow-origin"] == site["Origin"]
        assert "access-control-allow-origin" not in (await cache.page(scene.alice)).headers
