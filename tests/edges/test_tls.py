"""TLS to our servers: the right one is spoken to, a wrong one is refused with a sentence that says what to check."""

import asyncio
import gc
import os
import ssl
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest
from sqlalchemy import text

from tests.conftest import ROOT
from tests.edges.authority import Authority, Certificate, old_tls
from tests.edges.debian import own_postgres, own_redis, running
from tests.edges.fronts import tls_front
from venmo_api import readiness, schema
from venmo_api.adapters.postgres import Database, Transaction
from venmo_api.adapters.redis import Redis, RedisAway
from venmo_api.adapters.s3 import Objects
from venmo_api.local.ports import free_port
from venmo_api.main import adapters
from venmo_api.settings import Settings

# Clients leave a connection whose handshake failed to the collector, which says so.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
SERVERS = {"Postgres": "VENMO_DATABASE_URL", "Redis": "VENMO_REDIS_URL", "S3": "VENMO_S3_ENDPOINT_URL"}
Front = Callable[[str, Certificate], Awaitable[int]]
Three = tuple[Database, Redis, Objects]


@pytest.fixture(autouse=True)
def _collected() -> Iterator[None]:
    yield
    gc.collect()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"), "ours")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("stranger"), "theirs")


@pytest.fixture
async def front() -> AsyncIterator[Front]:
    """Puts TLS in front of a server of the test's stack; returns the port."""
    async with AsyncExitStack() as opened:

        async def make(server: str, certificate: Certificate) -> int:
            made = tls_front(certificate.context(), plain_port(server), postgres=server == "Postgres")
            return await opened.enter_async_context(made)

        yield make


def plain_port(server: str) -> int:
    return urlsplit(os.environ[SERVERS[server]]).port or 0


def url_of(server: str, port: int) -> str:
    """Where the server's front is."""
    plain = os.environ[SERVERS[server]].replace(str(plain_port(server)), str(port))
    return plain.replace("redis://", "rediss://").replace("http://", "https://")


@asynccontextmanager
async def three(server: str, port: int, ca_file: Path) -> AsyncIterator[Three]:
    """Our servers, of which one is at ``port`` and must prove who it is."""
    urls = {name: os.environ[variable] for name, variable in SERVERS.items()} | {server: url_of(server, port)}
    urls["Postgres"] = urlsplit(urls["Postgres"])._replace(path="/postgres").geturl()  # Debian's has no other
    proof = dict.fromkeys(SERVERS) | {server: ca_file}
    database = Database(urls["Postgres"], pool_size=1, role=None, ca_file=proof["Postgres"])
    redis = Redis(urls["Redis"], ca_file=proof["Redis"])
    objects = Objects(bucket="over-tls", endpoint_url=urls["S3"], region="us-east-1", ca_file=proof["S3"])
    yield database, redis, objects
    await database.close()
    await redis.close()


async def one(tx: Transaction) -> int:
    return int((await tx.execute(text("SELECT 1"))).scalar_one())


@pytest.mark.parametrize("server", SERVERS)
async def test_a_server_that_proves_who_it_is_is_spoken_to(server: str, front: Front, authority: Authority) -> None:
    port = await front(server, authority.certify("127.0.0.1"))
    async with three(server, port, authority.ca_file) as (database, redis, objects):
        await readiness.require_trusted(database, redis, objects)
        assert await database.read(one) == 1
        await redis.ping()
        await objects.ensure_bucket()


WRONG = [(server, wrong) for server in SERVERS for wrong in ("authority", "name", "plain")]
WRONG.remove(("Redis", "plain"))  # it waits for the end of a line that no handshake has


@pytest.mark.parametrize(("server", "wrong"), WRONG)
async def test_a_server_that_does_not_is_refused_and_named(
    server: str, wrong: str, front: Front, authority: Authority, stranger: Authority
) -> None:
    certificate = stranger.certify("127.0.0.1") if wrong == "authority" else authority.certify("elsewhere.example")
    port = plain_port(server) if wrong == "plain" else await front(server, certificate)
    async with three(server, port, authority.ca_file) as servers:
        with pytest.raises(readiness.NotTrusted) as caught:
            await readiness.require_trusted(*servers)
    assert caught.value.detail.startswith(f"TLS with {server} fails:")
    assert "CA file" in caught.value.detail


async def test_nothing_is_said_to_a_plain_redis(authority: Authority) -> None:
    async with three("Redis", plain_port("Redis"), authority.ca_file) as (_, redis, __):
        with pytest.raises(RedisAway):
            await redis.ping()


async def test_a_server_that_is_away_is_waited_for_and_not_called_wrong(authority: Authority) -> None:
    async with three("Postgres", 1, authority.ca_file) as servers:
        await readiness.require_trusted(*servers)


async def test_the_whole_service_runs_over_tls(settings: Settings, front: Front, authority: Authority) -> None:
    ports = {server: await front(server, authority.certify("127.0.0.1")) for server in SERVERS}
    database = settings.database_url.replace(str(plain_port("Postgres")), str(ports["Postgres"]))
    secured = settings.model_copy(
        update={
            "database_url": database,
            "redis_url": url_of("Redis", ports["Redis"]),
            "s3_endpoint_url": url_of("S3", ports["S3"]),
            **dict.fromkeys(("database_ca_file", "redis_ca_file", "s3_ca_file"), authority.ca_file),
        }
    )
    await asyncio.to_thread(schema.upgrade, database, ca_file=authority.ca_file)
    bundle = adapters(secured)
    report = await readiness.check(bundle, production=False)
    await bundle.close()
    assert set(report.states.values()) == {"ok"}


async def venmo_api(*arguments: str, **environment: str) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "venmo_api", *arguments),
        cwd=ROOT,
        env=os.environ | environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(30):
        output, _ = await process.communicate()
    return process.returncode, " ".join(output.decode().split())


@pytest.mark.parametrize("server", SERVERS)
async def test_a_start_with_a_wrong_server_ends_with_one_sentence(
    server: str, front: Front, authority: Authority, stranger: Authority
) -> None:
    port = await front(server, stranger.certify("127.0.0.1"))
    ca = {"Postgres": "VENMO_DATABASE_CA_FILE", "Redis": "VENMO_REDIS_CA_FILE", "S3": "VENMO_S3_CA_FILE"}[server]
    code, output = await venmo_api("serve", **{SERVERS[server]: url_of(server, port), ca: str(authority.ca_file)})
    assert code == 1, output
    assert output.startswith(f"TLS with {server} fails:")
    assert "Traceback" not in output


async def test_the_api_speaks_tls_when_it_has_a_certificate(settings: Settings, authority: Authority) -> None:
    certificate, port = authority.certify("127.0.0.1"), free_port(avoid=())
    environment = {
        "VENMO_DATABASE_URL": settings.database_url,
        "VENMO_TLS_CERT_FILE": str(certificate.cert_file),
        "VENMO_TLS_KEY_FILE": str(certificate.key_file),
    }
    argv = (sys.executable, "-m", "venmo_api", "serve", "--port", str(port))
    async with running(argv, port, **environment):
        async with httpx2.AsyncClient(verify=ssl.create_default_context(cafile=str(authority.ca_file))) as client:
            assert (await client.get(f"https://127.0.0.1:{port}/livez")).json() == {"status": "ok"}
        async with httpx2.AsyncClient() as plain:
            with pytest.raises(httpx2.TransportError):
                await plain.get(f"http://127.0.0.1:{port}/livez")
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await asyncio.open_connection("127.0.0.1", port, ssl=old_tls())


OWN = {"Postgres": own_postgres, "Redis": own_redis}


@pytest.mark.parametrize("server", OWN)
async def test_debians_own_servers_are_asked_for_the_same_proof(
    server: str, authority: Authority, stranger: Authority
) -> None:
    async with OWN[server](authority.certify("127.0.0.1")) as port:
        async with three(server, port, authority.ca_file) as (database, redis, objects):
            await readiness.require_trusted(database, redis, objects)
            await redis.ping()
            assert server == "Redis" or await database.read(_cipher)
        async with three(server, port, stranger.ca_file) as servers:
            with pytest.raises(readiness.NotTrusted, match=server):
                await readiness.require_trusted(*servers)


async def _cipher(tx: Transaction) -> bool:
    """Whether the server itself says that this connection is encrypted."""
    return bool((await tx.execute(text("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"))).scalar_one())
