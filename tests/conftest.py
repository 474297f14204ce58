"""One throw-away stack a test run, one database a worker, new people a test.

Tests share their worker's database and tell themselves apart by the people they sign up: that is how users live too.
A test that speaks of the whole ledger takes ``fresh``, a database of its own cloned from the migrated template.
"""

import asyncio
import dataclasses
import itertools
import os
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import httpx2
import pytest
import structlog
from alembic import command
from alembic.config import Config
from fastapi import FastAPI

from tests.instruments import marks
from tests.instruments.marks import MARKS, Listening
from venmo_api import logs
from venmo_api.adapters.bank import SandboxBank
from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.kms import make_master_key
from venmo_api.adapters.messages import SandboxMessenger
from venmo_api.adapters.push import SandboxPush
from venmo_api.adapters.signing import new_private_key
from venmo_api.adapters.system import DrivenClock
from venmo_api.core.errors import Unavailable
from venmo_api.core.figures import Figures
from venmo_api.core.policy import Policy
from venmo_api.local.stack import Stack
from venmo_api.main import adapters, create_app
from venmo_api.settings import Settings
from venmo_api.worker import relay

ROOT = Path(__file__).parents[1]
PASSWORD = "correct horse battery"
# Most tests speak of something else than limits, and pay the same sum twice: rules that would refuse them are far away.
GENEROUS = Figures(
    sent_unverified=10**12,
    sent_verified=10**12,
    topped_up=10**12,
    cashed_out_unverified=10**12,
    cashed_out_verified=10**12,
    cash_out_most=10**12,
    confirm_payee_above=10**12,
    new_device_sent=10**12,
    approve_above=10**12,
    duplicate_seconds=0,
    wrong_by_network=10**6,
    quota_sign_in=10**6,
    quota_anonymous=10**6,
    quota_look_ups=10**6,
    quota_contacts=10**6,
    quota_matches=10**6,
    quota_comments=10**6,
    quota_reports=10**6,
    quota_reads=10**6,
    quota_writes=10**6,
)
# From 100 dollars within two hours on, whatever somebody sends waits for a review.
CAREFUL = dataclasses.replace(GENEROUS, risk=Policy(velocity_hour_count=0, velocity_hour_sum=100_00))
pytest_plugins = ["tests.instruments.scan"]
_stack: list[tuple[Stack, Path]] = []
_folders: list[Path] = []


def pytest_configure(config: pytest.Config) -> None:
    """In the controlling process: start the stack (unless servers are given) and migrate the template."""
    # Lines as the service writes them: what stands in them is searched for secrets.
    structlog.configure(processors=[*logs.PROCESSORS, structlog.processors.JSONRenderer()])
    if hasattr(config, "workerinput"):
        return
    if "VENMO_DATABASE_URL" not in os.environ:
        folder = Path(tempfile.mkdtemp(prefix="venmo-test-"))
        stack = Stack(folder, throwaway=True, durable=False)
        _stack.append((stack, folder))
        config.server_folders = [folder]  # type: ignore[attr-defined]
        os.environ.update(stack.start().environment())
    os.environ["VENMO_SIGNING_KEY"] = new_private_key()
    os.environ["VENMO_TEST_RUN"] = secrets.token_hex(4)
    os.environ["VENMO_MASTER_KEY_FILE"] = str(_master_key())
    asyncio.run(_recreate(template()))
    alembic = Config(ROOT / "alembic.ini")
    alembic.attributes["database_url"] = database_url(template())
    command.upgrade(alembic, "head")


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput") and "VENMO_TEST_RUN" in os.environ:
        asyncio.run(_drop(template()))
    for stack, folder in _stack:
        stack.stop()
        shutil.rmtree(folder, ignore_errors=True)
    _stack.clear()
    while _folders:
        shutil.rmtree(_folders.pop(), ignore_errors=True)


def _master_key() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="venmo-keys-"))
    _folders.append(folder)
    make_master_key(folder / "master.key")
    return folder / "master.key"


def template() -> str:
    """The migrated database that others are cloned from; of this run, so that two runs share a server."""
    return f"venmo_template_{os.environ['VENMO_TEST_RUN']}"


def database_url(name: str, *, driver: str = "postgresql+asyncpg") -> str:
    """The URL of another database on the test server."""
    return urlsplit(os.environ["VENMO_DATABASE_URL"])._replace(scheme=driver, path="/" + name).geturl()


async def _recreate(name: str, *, template: str = "template1") -> None:
    connection = await asyncpg.connect(database_url("postgres", driver="postgresql"))
    try:
        await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        await connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    finally:
        await connection.close()


async def _drop(name: str) -> None:
    connection = await asyncpg.connect(database_url("postgres", driver="postgresql"))
    try:
        await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    finally:
        await connection.close()


async def _look_through(settings: Settings) -> None:
    """Search what a world leaves behind for what must not be in it."""
    held = adapters(settings)
    connection = await asyncpg.connect(settings.database_url.replace("+asyncpg", ""))
    try:
        await marks.look_through_database(connection, MARKS)
        await marks.look_through_redis(held.redis.client, MARKS)
        await marks.look_through_bucket(held.objects, MARKS)
    finally:
        await connection.close()
        await held.close()


class TestClock(DrivenClock):
    """The system's time, moved by hand, and back too."""

    __test__ = False

    def advance(self, by: timedelta) -> None:
        self.ahead += by


@dataclasses.dataclass
class Person:
    """Somebody signed up, with a client that carries their token."""

    client: httpx2.AsyncClient
    id: str
    username: str
    email: str
    tokens: dict[str, Any]

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens['access_token']}"}

    async def get(self, path: str, **params: Any) -> httpx2.Response:
        return await self.client.get("/v1" + path, headers=self.headers, params=params)

    async def post(self, path: str, body: Any = None, *, key: str | None = None) -> httpx2.Response:
        headers = self.headers | ({"Idempotency-Key": key} if key else {})
        return await self.client.post("/v1" + path, headers=headers, json=body)

    async def put(self, path: str, body: Any = None) -> httpx2.Response:
        return await self.client.put("/v1" + path, headers=self.headers, json=body)

    async def patch(self, path: str, body: Any) -> httpx2.Response:
        return await self.client.patch("/v1" + path, headers=self.headers, json=body)

    async def delete(self, path: str) -> httpx2.Response:
        return await self.client.delete("/v1" + path, headers=self.headers)

    async def top_up(self, amount: int) -> None:
        source = (await self.post("/wallet/funding-sources", {"token": "sandbox_bank_ok"})).json()
        body = {"funding_source_id": source["id"], "amount": amount}
        answer = await self.post("/wallet/top-ups", body, key=new_key())
        assert answer.status_code == 201, answer.text

    async def pay(
        self, other: "Person", amount: int, *, note: str = "lunch", key: str | None = None, **more: Any
    ) -> httpx2.Response:
        body = {"recipient": {"user_id": other.id}, "amount": amount, "note": note, **more}
        return await self.post("/transfers", body, key=key or new_key())

    async def balance(self) -> int:
        return int((await self.get("/wallet")).json()["available"])

    async def code(self, kind: str = "email") -> str:
        """The code that was sent to this contact last; one is asked for if none was."""
        await self.post(f"/me/contacts/{kind}/code")
        inbox = (await self.get("/sandbox/inbox")).json()["data"]
        newest: str = next(message["text"] for message in inbox if message["channel"] == kind)
        return newest[:6]

    async def verify(self, kind: str = "email") -> None:
        """Show that this contact is theirs."""
        answer = await self.post(f"/me/contacts/{kind}/verify", {"code": await self.code(kind)})
        assert answer.status_code == 200, answer.text

    async def befriend(self, other: "Person") -> None:
        await self.put(f"/friends/{other.id}")
        await other.put(f"/friends/{self.id}")


_numbers = itertools.count()


def new_name(prefix: str = "p") -> str:
    """A username nobody in this run has."""
    return f"{prefix[:8]}_{secrets.token_hex(5)}{next(_numbers)}"


def new_key() -> str:
    return secrets.token_hex(12)


async def sign_up(client: httpx2.AsyncClient, *, prefix: str = "p", **fields: Any) -> Person:
    username = fields.pop("username", None) or new_name(prefix)
    body = {
        "username": username,
        "display_name": fields.pop("display_name", username.title()),
        "email": f"{username}@example.com",
        "password": PASSWORD,
        **fields,
    }
    answer = await client.post("/v1/auth/sign-up", json=body)
    assert answer.status_code == 201, answer.text
    document = answer.json()
    return Person(client, document["user"]["id"], username, body["email"], document["tokens"])


@dataclasses.dataclass
class World:
    """An app over its own bundle: what most tests hold."""

    app: Adapters
    client: httpx2.AsyncClient
    clock: TestClock
    wall_clock: TestClock
    api: FastAPI

    async def person(self, prefix: str = "p", *, money: int = 0, verified: bool = False, **fields: Any) -> Person:
        """Somebody new; ``verified`` is of their identity."""
        someone = await sign_up(self.client, prefix=prefix, **fields)
        if verified:
            answer = await someone.post("/me/identity", {"token": "sandbox_identity_ok"})
            assert answer.status_code == 200, answer.text
        if money:
            await someone.top_up(money)
        return someone

    async def drain(self) -> int:
        """Deliver every event that is due, as the worker would."""
        return await relay(self.app).drain()


def settings_for(database: str, *, redis_number: int, bucket: str) -> Settings:
    redis_url = urlsplit(os.environ["VENMO_REDIS_URL"])._replace(path=f"/{redis_number}").geturl()
    return Settings(
        environment="test",
        database_url=database_url(database),
        redis_url=redis_url,
        s3_bucket=bucket,
        signing_key=os.environ["VENMO_SIGNING_KEY"],
        log_level="ERROR",
        figures=GENEROUS,
    )


@asynccontextmanager
async def world_over(settings: Settings, **replaced: Any) -> AsyncIterator[World]:
    """An app over real servers; ``replaced`` adapters take the place of the usual ones."""
    clock, wall_clock = TestClock(), TestClock()
    bundle = adapters(settings)
    messenger = SandboxMessenger(bundle.database, clock, bundle.new_id, takes_word=False)
    usual: dict[str, Any] = {
        "clock": clock,
        "wall_clock": wall_clock,
        "messenger": messenger,
        "bank": SandboxBank(bundle.database, clock),
        "push": SandboxPush(bundle.database, clock, bundle.new_id),
    }
    bundle = dataclasses.replace(bundle, **(usual | replaced))
    with suppress(Unavailable):  # as a process does at its start
        await bundle.keys.refresh()
    app = create_app(settings, bundle)
    transport = Listening(httpx2.ASGITransport(app=app), MARKS)
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        yield World(bundle, client, clock, wall_clock, app)
    await bundle.close()


@pytest.fixture(scope="session")
def worker_number(request: pytest.FixtureRequest) -> int:
    name: str = getattr(request.config, "workerinput", {}).get("workerid", "gw0")
    return int(name.removeprefix("gw"))


@pytest.fixture(scope="session")
async def settings(worker_number: int) -> AsyncIterator[Settings]:
    """Settings of this worker's own database, Redis number and bucket."""
    name = f"venmo_{os.environ['VENMO_TEST_RUN']}_{worker_number}"
    await _recreate(name, template=template())
    made = settings_for(name, redis_number=worker_number * 2, bucket=name.replace("_", "-"))
    await adapters(made).objects.ensure_bucket()
    yield made
    await _look_through(made)
    await _drop(name)


@pytest.fixture
async def world(settings: Settings) -> AsyncIterator[World]:
    """The app over this worker's database. Others' people are in it too."""
    async with world_over(settings) as made:
        yield made


@pytest.fixture
async def strict(settings: Settings) -> AsyncIterator[World]:
    """The app with the figures it ships with: limits, the duplicate guard and payee confirmation bite."""
    async with world_over(settings.model_copy(update={"figures": Figures()})) as made:
        yield made


@pytest.fixture
async def careful(settings: Settings) -> AsyncIterator[World]:
    """The app with a policy that holds payments from 100 dollars on."""
    async with world_over(settings.model_copy(update={"figures": CAREFUL})) as made:
        yield made


@pytest.fixture
async def fresh(worker_number: int) -> AsyncIterator[World]:
    """The app over an empty database, an empty Redis and an empty bucket."""
    name = f"venmo_{secrets.token_hex(6)}"
    await _recreate(name, template=template())
    made = settings_for(name, redis_number=worker_number * 2 + 1, bucket=name.replace("_", "-"))
    async with world_over(made) as world:
        await world.app.redis.client.flushdb()
        await world.app.objects.ensure_bucket()
        yield world
    await _look_through(made)
    await _drop(name)


@pytest.fixture
async def strict_fresh(fresh: World, settings: Settings) -> AsyncIterator[World]:
    """``strict`` over a database of its own: where a test that moves the clock moves nobody else's accounts ahead."""
    name = str(fresh.app.database.engine.url.database)
    figures = {"database_url": database_url(name), "figures": Figures()}
    async with world_over(settings.model_copy(update=figures), redis=fresh.app.redis) as made:
        yield made


@pytest.fixture
async def careful_fresh(fresh: World, settings: Settings) -> AsyncIterator[World]:
    """``careful`` over a database of its own."""
    name = str(fresh.app.database.engine.url.database)
    figures = {"database_url": database_url(name), "figures": CAREFUL}
    objects, redis = fresh.app.objects, fresh.app.redis
    async with world_over(settings.model_copy(update=figures), redis=redis, objects=objects) as made:
        yield made


@pytest.fixture
async def person(world: World) -> Callable[..., Awaitable[Person]]:
    """Signs somebody up: ``await person("alice", money=1000)``."""
    return world.person
