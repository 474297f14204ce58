"""/livez and /readyz: what is not there is named, and only what payments need makes it a 503."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
import pytest

from tests.conftest import World, database_url
from tests.feed.oracle import NOWHERE
from tests.feed.stand_ins import silent_server
from venmo_api.adapters.postgres import Database
from venmo_api.adapters.redis import Redis
from venmo_api.adapters.s3 import Objects
from venmo_api.main import adapters, create_app
from venmo_api.settings import Settings


@asynccontextmanager
async def probe(settings: Settings, **replaced: object) -> AsyncIterator[httpx2.AsyncClient]:
    bundle = dataclasses.replace(adapters(settings), **replaced)  # type: ignore[arg-type]
    transport = httpx2.ASGITransport(app=create_app(settings, bundle))
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client
    await bundle.close()


def database(host: str = "127.0.0.1:1", name: str = "nothing") -> Database:
    return Database(f"postgresql+asyncpg://venmo@{host}/{name}", pool_size=2)


async def ready(client: httpx2.AsyncClient) -> tuple[int, list[str]]:
    async with asyncio.timeout(5):
        answer = await client.get("/readyz")
        live = await client.get("/livez")
    assert (live.status_code, live.json()) == (200, {"status": "ok"})
    body = answer.json()
    assert body["status"] == ("ready" if answer.status_code == 200 else 503)
    return answer.status_code, body["not_ready"]


async def test_with_everything_there_it_is_ready(world: World) -> None:
    assert await ready(world.client) == (200, [])


async def test_without_redis_it_is_ready_and_says_so(settings: Settings) -> None:
    async with probe(settings, redis=Redis(NOWHERE)) as client:
        assert await ready(client) == (200, ["redis"])


async def test_without_s3_it_is_ready_and_says_so(settings: Settings) -> None:
    for objects in (
        Objects(bucket=settings.s3_bucket, endpoint_url="http://127.0.0.1:1", region="us-east-1"),
        Objects(bucket="no-such-bucket-here", endpoint_url=settings.s3_endpoint_url, region="us-east-1"),
    ):
        async with probe(settings, objects=objects) as client:
            assert await ready(client) == (200, ["s3"])


async def test_without_a_database_it_is_not_ready_and_lives(settings: Settings) -> None:
    async with probe(settings, database=database()) as client:
        assert await ready(client) == (503, ["postgres", "schema"])


async def test_a_database_that_is_not_there_or_not_migrated_is_told(settings: Settings) -> None:
    missing = Database(database_url("no_such_database"), pool_size=2)
    async with probe(settings, database=missing) as client:
        assert await ready(client) == (503, ["postgres", "schema"])
    empty = Database(database_url("postgres"), pool_size=2, role=None)
    async with probe(settings, database=empty) as client:
        assert await ready(client) == (503, ["schema"])


async def test_servers_that_hang_do_not_hang_the_probe(settings: Settings) -> None:
    async with silent_server() as port:
        hung = {
            "redis": Redis(f"redis://127.0.0.1:{port}/0"),
            "objects": Objects(bucket="x", endpoint_url=f"http://127.0.0.1:{port}", region="us-east-1"),
            "database": database(f"127.0.0.1:{port}"),
        }
        async with probe(settings, **hung) as client:
            for _ in range(3):
                assert await ready(client) == (503, ["postgres", "redis", "s3", "schema"])


async def test_a_503_is_the_problem_document_that_the_openapi_document_promises(settings: Settings) -> None:
    async with probe(settings, database=database()) as client:
        answer = await client.get("/readyz")
        told = (await client.get("/openapi.json")).json()["paths"]["/readyz"]["get"]["responses"]["503"]["content"]
    assert answer.status_code == 503
    assert answer.headers["content-type"] in told
    assert answer.headers["content-type"] == "application/problem+json"
    assert {"type", "title", "status", "detail", "code", "request_id"} <= set(answer.json())
    assert answer.headers["retry-after"]


@pytest.mark.parametrize("path", ["/v1/auth/token", "/v1/auth/refresh"])
async def test_without_a_database_a_client_is_told_within_five_seconds_when_to_come_back(
    settings: Settings, path: str
) -> None:
    body = {"identifier": "somebody", "password": "x"} if path.endswith("token") else {"refresh_token": "x" * 20}
    async with silent_server() as port:
        for host in ("127.0.0.1:1", f"127.0.0.1:{port}"):
            async with probe(settings, database=database(host)) as client, asyncio.timeout(5):
                answer = await client.post(path, json=body)
            assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
            assert int(answer.headers["retry-after"]) >= 1
            assert "127.0.0.1" not in answer.text
