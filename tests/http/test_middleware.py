"""What every answer carries, what browsers of strangers may do, and methods and paths nobody wrote a route for."""

import base64
import hashlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
import pytest

from tests.conftest import World
from tests.http.test_problems import is_problem
from venmo_api.main import adapters, create_app
from venmo_api.settings import Settings

ORIGIN = "https://app.pay.example"
EVERYWHERE = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "private, no-store",
    "vary": "Authorization",
}
PREFLIGHT = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}


@asynccontextmanager
async def client_of(settings: Settings, **changed: object) -> AsyncIterator[httpx2.AsyncClient]:
    made = settings.model_copy(update=changed)
    bundle = adapters(made)
    transport = httpx2.ASGITransport(app=create_app(made, bundle))
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client
    await bundle.close()


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/v1/me", "/v1/nothing", "/docs", "/%2f"])
async def test_every_answer_forbids_frames_guessing_and_keeping(world: World, path: str) -> None:
    headers = (await world.client.get(path)).headers
    assert {name: headers[name] for name in EVERYWHERE} == EVERYWHERE
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "default-src 'none'" in headers["content-security-policy"]
    assert len(headers.get_list("content-security-policy")) == 1


async def test_what_is_personal_is_kept_by_nobody_else(world: World) -> None:
    alice = await world.person("alice", money=5)
    for path in ("/me", "/wallet", "/transfers", "/friends"):
        assert (await alice.get(path)).headers["cache-control"] == "private, no-store"
    for path in ("/feed", f"/users/{alice.id}"):
        assert (await alice.get(path)).headers["cache-control"] == "private, no-cache"


async def test_what_everybody_gets_says_nothing_of_who_asked_first(world: World) -> None:
    names = {"x-request-id": "chosen-by-the-first"}
    for path in ("/.well-known/jwks.json", "/openapi.json"):
        answer = await world.client.get(path, headers=names)
        assert answer.headers["cache-control"].startswith("public")
        assert answer.headers.keys().isdisjoint({"x-request-id", "ratelimit", "ratelimit-policy", "vary"})
        kept = await world.client.get(path, headers={"If-None-Match": answer.headers["etag"]})
        assert (kept.status_code, kept.content) == (304, b"")


async def test_an_answer_that_another_site_may_read_still_varies_by_who_asks(settings: Settings) -> None:
    async with client_of(settings, cors_origins=[ORIGIN]) as client:
        for path in ("/livez", "/v1/me", "/v1/nothing"):
            answer = await client.get(path, headers={"Origin": ORIGIN})
            assert answer.headers.get_list("vary") == ["Authorization, Origin"]


async def test_only_production_insists_on_tls_for_years(settings: Settings) -> None:
    async with client_of(settings, environment="production", mail_from="x@pay.example") as client:
        told = (await client.get("/livez")).headers["strict-transport-security"]
        assert int(told.partition("max-age=")[2].partition(";")[0]) >= 365 * 86_400
    async with client_of(settings) as client:
        assert "strict-transport-security" not in (await client.get("/livez")).headers


async def test_the_docs_page_runs_the_scripts_it_was_made_with_and_no_others(world: World) -> None:
    page = await world.client.get("/docs")
    policy = page.headers["content-security-policy"]
    allowed = policy.partition("script-src ")[2].partition(";")[0].split()
    inline = re.findall(r"<script>(.*?)</script>", page.text, re.DOTALL)
    hashes = [f"'sha256-{base64.b64encode(hashlib.sha256(one.encode()).digest()).decode()}'" for one in inline]
    assert len(inline) == 1
    assert allowed == ["'self'", *hashes]
    assert all(source.startswith("/docs/static/") for source in re.findall(r'(?:src|href)="([^"]*)"', page.text))
    assert (await world.client.get("/docs/static/swagger-ui-bundle.js")).status_code == 200


@pytest.mark.parametrize("path", ["/", "/docs", "/docs/static/swagger-ui.css", "/openapi.json"])
async def test_production_shows_no_documentation_unless_told_to(settings: Settings, path: str) -> None:
    production = {"environment": "production", "mail_from": "x@pay.example"}
    async with client_of(settings, **production) as client:
        is_problem(await client.get(path), 404, "not_found")
    async with client_of(settings, **production, docs_open=True) as client:
        assert (await client.get(path)).status_code in (200, 307)
    async with client_of(settings, docs_open=False) as client:
        is_problem(await client.get(path), 404, "not_found")


async def test_pages_of_others_may_call_nothing(world: World) -> None:
    for method in ("GET", "POST", "OPTIONS"):
        answer = await world.client.request(method, "/v1/auth/token", headers={"Origin": ORIGIN} | PREFLIGHT)
        assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_pages_of_named_origins_may_call_without_credentials(settings: Settings) -> None:
    async with client_of(settings, cors_origins=(ORIGIN,)) as client:
        asked = await client.options("/v1/transfers", headers={"Origin": ORIGIN} | PREFLIGHT)
        assert (asked.status_code, asked.headers["access-control-allow-origin"]) == (200, ORIGIN)
        assert asked.headers["x-content-type-options"] == "nosniff"
        called = await client.get("/v1/me", headers={"Origin": ORIGIN})
        assert (called.status_code, called.headers["access-control-allow-origin"]) == (401, ORIGIN)
        for answer in (asked, called):
            assert "access-control-allow-credentials" not in answer.headers
            assert "origin" in answer.headers["vary"].lower()
        for stranger in ("https://evil.example", "null", ORIGIN + ".evil.example", "http://app.pay.example"):
            answer = await client.options("/v1/transfers", headers={"Origin": stranger} | PREFLIGHT)
            assert answer.status_code == 400
            assert "access-control-allow-origin" not in answer.headers
            assert (
                "access-control-allow-origin" not in (await client.get("/v1/me", headers={"Origin": stranger})).headers
            )


async def test_head_is_get_without_its_body(world: World) -> None:
    alice = await world.person("alice")
    for path in ("/livez", "/v1/me", "/openapi.json", "/v1/nothing"):
        asked = await world.client.get(path, headers=alice.headers)
        told = await world.client.head(path, headers=alice.headers)
        assert (told.status_code, told.content) == (asked.status_code, b"")
        assert told.headers["content-length"] == str(len(asked.content))
        assert told.headers["content-type"] == asked.headers["content-type"]
    refused = await world.client.head("/v1/auth/token")
    assert (refused.status_code, refused.headers["allow"]) == (405, "OPTIONS, POST")


async def test_options_names_the_methods_and_does_nothing(world: World) -> None:
    told = await world.client.options("/v1/transfers")
    assert (told.status_code, told.headers["allow"], told.content) == (204, "GET, HEAD, OPTIONS, POST", b"")
    is_problem(await world.client.options("/v1/nothing"), 404, "not_found")


async def test_a_get_with_a_body_is_a_get(world: World) -> None:
    alice = await world.person("alice")
    for body in (b"{}", b"\xff" * 1000):
        answer = await world.client.request("GET", "/v1/me", headers=alice.headers, content=body)
        assert (answer.status_code, answer.json()["id"]) == (200, alice.id)


@pytest.mark.parametrize(
    "path",
    [
        "//v1/me",
        "/v1//me",
        "/v1/%2e%2e/v1/me",
        "/v1%2fme",
        "/v1/%2Fme",
        "/v1/users/%2e%2e%2fme",
        "/v1/users%5c..%5cme",
        "/v1/me%00",
        "/v1/me%20",
        "/v1/ME",
        "/v1/me;x=1",
        "/docs/static/../../settings.py",
        "/docs/static/%2e%2e/%2e%2e/settings.py",
        "/docs/static/..%2f..%2fsettings.py",
        "/" + "a" * 20_000,
        "/v1/users/" + "a" * 20_000,
    ],
)
async def test_a_path_that_is_spelled_to_deceive_is_not_found(world: World, path: str) -> None:
    alice = await world.person("alice")
    url = httpx2.URL("http://test").copy_with(raw_path=path.encode())
    answer = await world.client.send(httpx2.Request("GET", url, headers=alice.headers))
    is_problem(answer, 404)
