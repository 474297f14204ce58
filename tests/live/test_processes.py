"""Streams of real processes: the API is killed, told to stop, loses its Redis; deploy/haproxy.cfg lets them live."""

import asyncio
import os
import signal
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import asyncpg
import httpx2
import pytest

from tests.conftest import ROOT, Person, World, sign_up
from tests.edges.authority import Authority
from tests.edges.debian import program, running
from tests.faults.town import Town, until
from tests.live.listener import HASTY, PATIENCE, Station, listening, station
from venmo_api.local.ports import free_port
from venmo_api.local.stack import Stack
from venmo_api.settings import Settings

pytestmark = [
    pytest.mark.xdist_group("live"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
WAITING = "SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"


@pytest.fixture(scope="module")
async def town(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    folder = tmp_path_factory.mktemp("live")
    stack = Stack(folder, throwaway=True, durable=False)
    stack.start()
    made = Town(folder, stack)
    try:
        made.prepare()
        for name in ("api", "small", "worker"):
            made.start(name)
        await made.ready()
        await made.ready("small")
        yield made
    finally:
        made.stop()


@pytest.fixture
async def pair(town: Town) -> AsyncIterator[tuple[Person, Person]]:
    """Alice with money, and Bob; they speak to the process that is not hurt."""
    async with httpx2.AsyncClient(base_url=town.url_of("small"), timeout=30) as client:
        alice, bob = await sign_up(client, prefix="alice"), await sign_up(client, prefix="bob")
        await alice.top_up(20_000)
        yield alice, bob


async def test_a_payment_through_another_process_appears_with_its_notification(
    town: Town, pair: tuple[Person, Person]
) -> None:
    alice, bob = pair
    async with listening(town.url, bob) as stream:
        await alice.pay(bob, 500, note="pizza")
        assert (await stream.first("story"))["note"] == "pizza"
        assert (await stream.first("notification"))["amount"] == 500


async def test_a_killed_process_takes_nothing_with_it(town: Town, pair: tuple[Person, Person]) -> None:
    alice, bob = pair
    async with listening(town.url, bob) as stream:
        await alice.pay(bob, 501, note="before")
        await stream.first("story")
        town.signal("api", signal.SIGKILL)
        await town.ended("api", seconds=10)
        await stream.until(lambda: stream.ended)
    try:
        await alice.pay(bob, 502, note="while it was dead")
        async with listening(town.url_of("small"), bob, last_id=stream.last_id) as other:
            await other.until(lambda: "while it was dead" in [story["note"] for story in other.named("story")])
            assert other.named("reset") == []
    finally:
        town.start("api")
        await town.ready()


async def test_redis_killed_and_back_misses_nothing(town: Town, pair: tuple[Person, Person]) -> None:
    alice, bob = pair
    async with listening(town.url, bob) as his, listening(town.url, alice) as hers:
        os.kill(town.stack.pids()["valkey"], signal.SIGKILL)
        await until(lambda: town.stack.exit_codes()["valkey"] is not None, seconds=10)
        await alice.pay(bob, 503, note="without Redis")
        assert (await hers.first("story"))["note"] == "without Redis"
        assert await asyncio.to_thread(town.stack.restart_dead) == ["valkey"]
        assert (await his.first("story"))["note"] == "without Redis"  # the worker waits for Redis
        await alice.pay(bob, 504, note="with Redis again")
        for stream in (his, hers):
            await stream.until(lambda: len(stream.named("story")) == 2)  # noqa: B023
            assert not stream.ended


async def test_a_session_revoked_in_another_process_ends_its_streams(town: Town, pair: tuple[Person, Person]) -> None:
    alice, _ = pair
    async with listening(town.url, alice) as stream:
        answer = await alice.post("/auth/logout", {"refresh_token": alice.tokens["refresh_token"]})
        assert answer.status_code == 204
        assert (await stream.first("goodbye"))["reason"] == "signed_out"
        await stream.until(lambda: stream.ended)


async def test_a_process_that_is_to_stop_ends_streams_at_once_and_answers_what_it_has_begun(
    town: Town, pair: tuple[Person, Person]
) -> None:
    """A lock on the payer's account holds a payment in flight while the streams end."""
    alice, bob = pair
    holder = await asyncpg.connect(town.database_url)
    lock = holder.transaction()
    await lock.start()
    await holder.execute("SELECT 1 FROM ledger_accounts WHERE id = $1::uuid FOR UPDATE", alice.id.removeprefix("usr_"))
    async with httpx2.AsyncClient(base_url=town.url, timeout=60) as client, listening(town.url, bob) as stream:
        paying = asyncio.create_task(replace(alice, client=client).pay(bob, 505, note="in flight"))
        await until(lambda: town.ask(WAITING), seconds=10)
        town.signal("api", signal.SIGTERM)
        assert (await stream.first("goodbye"))["reason"] == "restart"
        await stream.until(lambda: stream.ended)
        assert not paying.done()
        await lock.rollback()
        await holder.close()
        assert (await paying).status_code == 201
    assert await town.ended("api", seconds=30) == -signal.SIGTERM  # uvicorn's, once all is done
    town.start("api")
    await town.ready()
    async with listening(town.url, bob, last_id=stream.last_id) as again:
        await again.until(lambda: "in flight" in [story["note"] for story in again.named("story")])


@pytest.mark.parametrize("heartbeat", [0.3, 60.0])
async def test_the_proxy_lets_a_stream_live_that_gives_signs_of_life(
    world: World, settings: Settings, tmp_path: Path, heartbeat: float
) -> None:
    """Its figures made smaller. A stream that is silent for longer than they say is cut: so the check can fail."""
    haproxy, port = program("haproxy", package="haproxy"), free_port(avoid=())
    authority = Authority(tmp_path, "ours")
    certificate = authority.certify("127.0.0.1")
    both = tmp_path / "both.pem"
    both.write_bytes(certificate.cert_file.read_bytes() + certificate.key_file.read_bytes())
    alice = await world.person("alice", money=500)
    async with station(world, settings, pace=replace(HASTY, heartbeat=heartbeat)) as here:
        environment = {
            "VENMO_PROXY_CERTIFICATE": str(both),
            "VENMO_PROXY_API": here.url.removeprefix("http://"),
            "VENMO_PROXY_BIND": f"127.0.0.1:{port}",
            "VENMO_PROXY_CHECK_MS": "100",
            "VENMO_PROXY_SILENT_MS": "1000",
            "VENMO_PROXY_ANSWER_MS": "1000",
        }
        async with running((haproxy, "-f", str(ROOT / "deploy/haproxy.cfg")), port, **environment):
            await asyncio.sleep(0.5)  # the first checks
            await _lives(here, f"https://127.0.0.1:{port}", alice, authority, lives=heartbeat < 1)


async def _lives(here: Station, url: str, alice: Person, authority: Authority, *, lives: bool) -> None:
    context = ssl.create_default_context(cafile=str(authority.ca_file))
    async with listening(url, alice, verify=context) as stream:
        assert stream.status == 200
        if not lives:
            await stream.until(lambda: stream.ended)
            return
        await stream.until(lambda: len(stream.comments) >= 10)
        bob = await here.world.person("bob")
        await alice.pay(bob, 1, note="through the proxy")
        assert (await stream.first("story", seconds=PATIENCE))["note"] == "through the proxy"
