"""Durability: the service looks at what it finds, and in production refuses a database that may lose payments.

The servers of the suite give up durability for speed, so they are the planted defect.
"""

import asyncio
import json
import os
import subprocess

import asyncpg
import httpx2
import pytest

from tests.conftest import World, database_url
from tests.faults.town import COMMAND
from venmo_api import readiness
from venmo_api.adapters.postgres import Database
from venmo_api.adapters.signing import new_private_key
from venmo_api.core.errors import Unavailable
from venmo_api.main import create_app
from venmo_api.readiness import NotDurable
from venmo_api.settings import Settings

ON = dict.fromkeys(readiness.DURABLE, "on")


@pytest.mark.parametrize("name", list(ON))
def test_each_setting_counts(name: str) -> None:
    assert readiness.weaknesses(ON) == {}
    assert readiness.weaknesses(ON | {name: "off"}) == {name: "off"}


@pytest.mark.parametrize(("value", "enough"), [("remote_apply", True), ("remote_write", False), ("local", False)])
def test_a_commit_that_waits_for_less_than_the_disk_of_the_standby_is_weak(value: str, enough: bool) -> None:
    assert (readiness.weaknesses(ON | {"synchronous_commit": value}) == {}) is enough


async def test_what_a_session_finds_is_named(world: World) -> None:
    with pytest.raises(NotDurable) as refusal:
        await readiness.require_durable(world.app.database)
    assert refusal.value.detail == (
        "The database may lose payments it has acknowledged: fsync is off, full_page_writes is off, "
        "synchronous_commit is off. Turn on what is named."
    )


async def test_a_setting_of_the_database_alone_is_found(fresh: World) -> None:
    name = str(fresh.app.database.engine.url.database)
    connection = await asyncpg.connect(database_url(name, driver="postgresql"))
    await connection.execute(f'ALTER DATABASE "{name}" SET synchronous_commit = remote_apply')
    await connection.close()
    database = Database(database_url(name), pool_size=1)
    with pytest.raises(NotDurable) as refusal:
        await readiness.require_durable(database)
    await database.close()
    assert "synchronous_commit" not in refusal.value.detail


async def test_in_production_it_is_not_ready_and_elsewhere_it_is(world: World, settings: Settings) -> None:
    production = settings.model_copy(update={"environment": "production", "mail_from": "hello@pay.example"})
    transport = httpx2.ASGITransport(app=create_app(production, world.app))
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()["not_ready"]) == (503, ["bucket", "durability"])
    checks = answer.json()["checks"]
    assert (checks["durability"], checks["bucket"]) == ("weak", "weak")  # a bucket that nobody has set
    elsewhere = await world.client.get("/readyz")
    assert elsewhere.status_code == 200
    assert "durability" not in elsewhere.json()["checks"]


@pytest.mark.parametrize("words", [["serve", "--port", "1"], ["worker"]])
def test_a_process_of_production_refuses_to_start(words: list[str]) -> None:
    ended = subprocess.run(
        [COMMAND, *words], env=_environment("production"), check=False, capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == 1, ended.stderr
    assert "fsync is off" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_process_elsewhere_says_it_and_goes_on() -> None:
    """The port cannot be bound, which is how far it gets."""
    ended = subprocess.run(
        [COMMAND, "serve", "--host", "192.0.2.1"],
        env=_environment("local"),
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "fsync is off" in ended.stderr
    assert "192.0.2.1" in ended.stdout + ended.stderr


async def test_a_database_that_is_away_is_asked_until_it_answers(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    away = Database("postgresql+asyncpg://venmo@127.0.0.1:1/nothing", pool_size=1)
    with pytest.raises(Unavailable):
        await readiness.require_durable(away)
    monkeypatch.setattr(readiness, "ASK_AGAIN_SECONDS", 0.01)
    asking = asyncio.create_task(readiness.until_asked(away))
    await asyncio.sleep(0.2)
    assert not asking.done()
    away.engine = world.app.database.engine
    away._reader = world.app.database._reader
    with pytest.raises(NotDurable):
        await asking


def _environment(environment: str) -> dict[str, str]:
    # Production refuses the usual spellings of this machine's own address.
    server = database_url("postgres").replace("@127.0.0.1", "@127.1")
    return os.environ | {
        "VENMO_ENVIRONMENT": environment,
        "VENMO_DATABASE_URL": server,
        "VENMO_SIGNING_KEY": new_private_key(),
        "VENMO_MAIL_FROM": "hello@pay.example",
        "VENMO_KMS_KEY_ID": "alias/people",
        "VENMO_PASSKEY_RP_ID": "pay.example",
        "VENMO_PASSKEY_ORIGINS": '["https://app.pay.example"]',
        "VENMO_ACCEPTED_RISKS": json.dumps(dict.fromkeys(("plain_database", "plain_redis", "plain_s3"), "one machine")),
        "AWS_ACCESS_KEY_ID": "test",
    }
