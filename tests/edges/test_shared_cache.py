"""deploy/nginx.conf under a real nginx: what it keeps, for whom and for how long."""

import asyncio
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import httpx2
import pytest

from tests.conftest import World
from tests.edges.caches import CHECK, CONNECTIONS, PAGE, Api, Cache, Scene, notes, ours
from tests.http.test_connections import served
from venmo_api.auth import tokens
from venmo_api.auth.tokens import Actor
from venmo_api.http.connections import Connection
from venmo_api.main import create_app
from venmo_api.settings import Settings

GONE_SECONDS = 10
BLOCKED_SECONDS = 2
REVOKED_SECONDS = 5
CHECKED_SECONDS = 3


def strangers(world: World, number: int) -> list[dict[str, str]]:
    """Headers of so many people who are signed in."""
    app, now = world.app, world.wall_clock.now()
    actors = (Actor(app.new_id(), app.new_id(), ("pwd",), now) for _ in range(number))
    return [{"Authorization": f"Bearer {tokens.access_token(app.signer, actor, now=now)}"} for actor in actors]


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


@pytest.mark.parametrize("all_at_once", [False, True])
async def test_a_story_that_is_narrowed_is_gone_everywhere_within_ten_seconds(
    world: World, api: Api, scene: Scene, tmp_path: Path, *, all_at_once: bool
) -> None:
    async with ours(api.port, tmp_path) as cache:
        shown = next(note for note in notes(await cache.page(scene.carol)) if scene.alice.username in note)
        if all_at_once:
            narrowed = await scene.alice.post("/me/narrow-past", {"audience": "friends"})
        else:
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
        for apart in (scene.carol, scene.alice):  # who is blocked no less than who blocks
            asked = api.asked[PAGE]
            await cache.page(apart)
            assert api.asked[PAGE] == asked + 1
        kept = await cache.page(scene.bob)
        assert mentions(kept)  # what Carol was given was kept for nobody
        own = await cache.page(scene.carol, **{"If-None-Match": kept.headers["etag"]})
        assert own.status_code == 200
        assert not mentions(own)


async def test_who_is_blocked_is_not_told_by_how_the_page_comes(api: Api, scene: Scene, tmp_path: Path) -> None:
    async def headers(cache: Cache) -> list[set[str]]:
        found = [await cache.page(person) for person in (scene.alice, scene.bob)]
        found += [await cache.client.get(CHECK, headers=person.headers) for person in (scene.alice, scene.bob)]
        assert [answer.status_code for answer in found] == [200, 200, 204, 204]
        assert found[0].headers["cache-control"] == found[1].headers["cache-control"]
        assert "public-view" not in found[2].headers
        return [set(answer.headers) for answer in found]

    assert (await scene.carol.post(f"/users/{scene.alice.id}/block")).status_code == 204
    async with ours(api.port, tmp_path) as cache:
        await cache.page(scene.bob)
        alices, bobs, *_ = await headers(cache)
        assert alices == bobs
    async with ours(api.port, tmp_path / "telling", "proxy_hide_header RateLimit;") as cache:
        await cache.page(scene.bob)
        alices, bobs, *_ = await headers(cache)
        assert alices != bobs  # planted: the quota is told of one's own page only


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


async def test_a_site_that_may_read_the_page_does_so_whoever_asked_first(
    world: World, settings: Settings, scene: Scene, tmp_path: Path
) -> None:
    site = {"Origin": "https://app.pay.example"}
    app = create_app(settings.model_copy(update={"cors_origins": [site["Origin"]]}), world.app)
    async with served(app, Connection) as port, ours(port, tmp_path) as cache:
        assert "access-control-allow-origin" not in (await cache.page(scene.alice)).headers
        assert (await cache.page(scene.bob, **site)).headers["access-control-allow-origin"] == site["Origin"]
        assert "access-control-allow-origin" not in (await cache.page(scene.alice)).headers
