"""Sessions are listed, named and revoked; a revoked one is refused everywhere within seconds."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, cast

import httpx2
import pytest
import uvicorn
from fastapi import FastAPI

from tests.auth.signing_in import elsewhere, refresh, sign_in
from tests.conftest import PASSWORD, Person, World
from venmo_api.adapters.postgres import Database
from venmo_api.audit import service as audit
from venmo_api.auth import sessions
from venmo_api.auth.rules import NotSignedIn
from venmo_api.auth.tokens import Verifier
from venmo_api.core import ids
from venmo_api.core.errors import Unavailable
from venmo_api.core.paging import PageRequest
from venmo_api.main import adapters, create_app
from venmo_api.settings import Settings

SOON_SECONDS = 5.0


async def listed(person: Person) -> list[dict[str, Any]]:
    answer = await person.get("/auth/sessions")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


async def current(person: Person) -> str:
    [own] = [one["id"] for one in await listed(person) if one["current"]]
    return str(own)


async def status(app: FastAPI, person: Person) -> int:
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://test") as client:
        return (await client.get("/v1/auth/sessions", headers=person.headers)).status_code


async def test_sessions_are_listed_with_whence_and_the_one_used_last_first(world: World) -> None:
    alice = await world.person()
    world.wall_clock.advance(timedelta(minutes=1))
    firefox = await elsewhere(world, alice, agent="Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0")
    first, second = await listed(firefox)
    assert (first["name"], first["agent"], first["network"]) == ("Firefox on Linux", "Firefox on Linux", "127.0.0.0/24")
    assert (first["current"], first["trusted"]) == (True, False)
    assert (second["current"], second["trusted"]) == (False, True)
    assert first["created_at"] == first["authenticated_at"] == first["used_at"] > second["used_at"]
    world.wall_clock.advance(timedelta(minutes=1))
    assert (await refresh(world, alice.tokens["refresh_token"])).status_code == 200
    assert [one["id"] for one in await listed(firefox)] == [second["id"], first["id"]]


async def test_a_name_stays_with_the_device_whoever_signs_in_there_again(world: World) -> None:
    alice, bob = await world.person(), await world.person()
    phone = await elsewhere(world, alice)
    session_id = await current(phone)
    answer = await alice.patch(f"/auth/sessions/{session_id}", {"name": "My telephone"})
    assert (answer.status_code, answer.json()["name"], answer.json()["current"]) == (200, "My telephone", False)
    again = await elsewhere(world, alice, device_token=phone.tokens["device_token"])
    assert sorted(one["name"] for one in await listed(again))[:2] == ["My telephone", "My telephone"]
    for name in ("", "x" * 61, "a\u0000b", "a\u202eb", 7):
        refused = await alice.patch(f"/auth/sessions/{session_id}", {"name": name})
        assert refused.status_code == 422, name
    for path in (session_id, "ses_" + "0" * 32, "junk"):
        refused = await bob.patch(f"/auth/sessions/{path}", {"name": "mine"})
        assert (refused.status_code, refused.json()["code"]) == (404, "session_not_found")


async def test_a_session_that_was_ended_is_refused_at_once_here_and_others_go_on(world: World) -> None:
    alice = await world.person()
    phone, tablet = await elsewhere(world, alice), await elsewhere(world, alice)
    session_id = await current(phone)
    assert (await alice.delete(f"/auth/sessions/{session_id}")).status_code == 204
    refused = await phone.get("/me")
    assert (refused.status_code, refused.json()["code"]) == (401, "not_signed_in")
    assert (await refresh(world, phone.tokens["refresh_token"])).status_code == 401
    assert (await tablet.get("/me")).status_code == (await alice.get("/me")).status_code == 200
    assert session_id not in [one["id"] for one in await listed(alice)]
    again = await alice.delete(f"/auth/sessions/{session_id}")
    assert (again.status_code, again.json()["code"]) == (404, "session_not_found")


async def test_all_others_are_ended_at_once(world: World) -> None:
    alice, bob = await world.person(), await world.person()
    others = [await elsewhere(world, alice) for _ in range(3)]
    assert (await alice.delete("/auth/sessions")).status_code == 204
    assert [(await one.get("/me")).status_code for one in others] == [401, 401, 401]
    assert (await alice.get("/me")).status_code == (await bob.get("/me")).status_code == 200
    assert [one["current"] for one in await listed(alice)] == [True]
    assert (await alice.delete("/auth/sessions")).status_code == 204


async def test_nobody_ends_or_sees_the_sessions_of_others(world: World) -> None:
    alice, bob = await world.person(), await world.person()
    session_id = await current(alice)
    refused = await bob.delete(f"/auth/sessions/{session_id}")
    assert (refused.status_code, refused.json()["code"]) == (404, "session_not_found")
    assert (await alice.get("/me")).status_code == 200
    assert session_id not in [one["id"] for one in await listed(bob)]
    for method in ("GET", "DELETE"):
        assert (await world.client.request(method, "/v1/auth/sessions")).status_code == 401


async def test_signing_out_ends_the_access_token_too(world: World) -> None:
    alice = await world.person()
    assert (await alice.post("/auth/logout")).status_code == 204
    assert (await alice.get("/me")).status_code == 401


@asynccontextmanager
async def served(settings: Settings) -> AsyncIterator[FastAPI]:
    """An app as a server runs it: with all that follows what other processes do."""
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        yield app


async def soon_refused(app: FastAPI, person: Person, *, within: float = SOON_SECONDS) -> bool:
    """Whether the app refuses this token before so many seconds are over."""
    for _ in range(int(within / 0.05)):
        if await status(app, person) == 401:
            return True
        await asyncio.sleep(0.05)
    return False


async def test_every_process_refuses_a_revoked_session_within_seconds(world: World, settings: Settings) -> None:
    alice = await world.person()
    phone = await elsewhere(world, alice)
    async with served(settings) as one, served(settings) as other:
        assert [await status(app, phone) for app in (one, other)] == [200, 200]
        await alice.delete("/auth/sessions")
        assert await asyncio.gather(soon_refused(one, phone), soon_refused(other, phone)) == [True, True]
        assert [await status(app, alice) for app in (one, other)] == [200, 200]
    async with served(settings) as late:  # which began after the revocation
        assert await status(late, phone) == 401


async def test_reuse_of_a_refresh_token_ends_the_access_tokens_of_the_family(world: World, settings: Settings) -> None:
    alice = await world.person()
    assert (await refresh(world, alice.tokens["refresh_token"])).status_code == 200
    async with served(settings) as app:
        assert await status(app, alice) == 200
        assert (await refresh(world, alice.tokens["refresh_token"])).status_code == 401
        assert await soon_refused(app, alice)


async def test_planted_a_process_that_does_not_follow_is_found(world: World, settings: Settings) -> None:
    alice = await world.person()
    phone = await elsewhere(world, alice)
    bundle = adapters(settings)
    app = create_app(settings, bundle)
    assert await status(app, phone) == 200
    await alice.delete("/auth/sessions")
    assert not await soon_refused(app, phone, within=0.5)
    async with sessions.following(bundle, app.state.verifier, every=0.05):
        assert await soon_refused(app, phone, within=1)
    await bundle.close()


class Away:
    """A database that is away for so many reads, in one way and another, and then is there."""

    def __init__(self, database: Database, *, reads: int) -> None:
        self.back = asyncio.Event()
        self._database = database
        self._reads = reads

    async def read(self, *work: Any) -> Any:
        self._reads -= 1
        if self._reads >= 0:
            raise Unavailable("away") if self._reads % 2 else OSError("away")
        found = await self._database.read(*work)
        self.back.set()
        return found


async def test_following_outlives_a_database_that_is_away(world: World) -> None:
    alice = await world.person()
    token = (await sign_in(world, alice))["access_token"]
    verifier, now = Verifier(world.app.signer), world.wall_clock.now()
    await alice.delete("/auth/sessions")
    database = Away(world.app.database, reads=6)
    app = dataclasses.replace(world.app, database=cast(Database, database))
    async with sessions.following(app, verifier, every=0.01):
        assert verifier.actor(token, now=now)
        await asyncio.wait_for(database.back.wait(), 5)
        await asyncio.sleep(0.1)
        with pytest.raises(NotSignedIn):
            verifier.actor(token, now=now)


async def test_a_revoked_session_is_remembered_as_long_as_its_tokens_could_count(world: World) -> None:
    alice = await world.person()
    verifier, now = Verifier(world.app.signer), world.wall_clock.now()
    actor = verifier.actor(alice.tokens["access_token"], now=now)
    verifier.revoke([actor.session_id], at=now)
    for before in (now - timedelta(seconds=1), now):
        verifier.forget_revoked(before=before)
        with pytest.raises(NotSignedIn):
            verifier.actor(alice.tokens["access_token"], now=now)
    verifier.forget_revoked(before=now + timedelta(seconds=1))  # planted: too early, and the token counts again
    assert verifier.actor(alice.tokens["access_token"], now=now) == actor


@pytest.mark.parametrize("path", ["junk", "ses_", "ses_" + "g" * 32, "usr_" + "0" * 32])
async def test_what_is_no_session_id_is_nobodys(world: World, path: str) -> None:
    alice = await world.person()
    assert (await alice.delete(f"/auth/sessions/{path}")).status_code == 404


async def noted(world: World, person: Person) -> list[tuple[str, str]]:
    found = ids.decode(ids.USER, person.id)
    page = await world.app.database.read(audit.entries, PageRequest(limit=50), subject=found)
    assert {entry.network for entry in page.rows} <= {"127.0.0.0/24"}
    return [(entry.act, entry.result) for entry in page.rows][::-1]


async def test_what_is_done_to_sessions_is_noted(world: World) -> None:
    alice = await world.person()
    phone, tablet = await elsewhere(world, alice), await elsewhere(world, alice)
    await world.client.post("/v1/auth/token", json={"identifier": alice.username, "password": "not hers at all"})
    await alice.delete(f"/auth/sessions/{await current(phone)}")
    for _ in range(2):
        await refresh(world, tablet.tokens["refresh_token"])
    await alice.delete("/auth/sessions")
    await alice.post("/auth/logout")
    assert await noted(world, alice) == [
        ("sign_up", "ok"),
        ("sign_in", "ok"),
        ("sign_in", "ok"),
        ("sign_in", "wrong"),
        ("revoke_session", "ok"),
        ("refresh", "reused"),
        ("revoke_session", "ok"),
        ("sign_out", "ok"),
    ]


async def test_a_device_whose_session_its_owner_ended_is_a_stranger_and_one_that_signed_out_is_not(
    world: World,
) -> None:
    alice = await world.person()
    phone, tablet, laptop = [await elsewhere(world, alice) for _ in range(3)]
    await alice.delete(f"/auth/sessions/{await current(phone)}")
    await tablet.post("/auth/logout")
    for ended, stranger in ((phone, True), (tablet, False), (laptop, False)):
        tokens = await sign_in(world, alice, device_token=ended.tokens["device_token"])
        assert ("device_token" in tokens) is stranger
    again = await elsewhere(world, alice, device_token=alice.tokens["device_token"])
    await again.delete("/auth/sessions")
    assert "device_token" in await sign_in(world, alice, device_token=laptop.tokens["device_token"])
    assert "device_token" not in await sign_in(world, alice, device_token=alice.tokens["device_token"])


@pytest.mark.parametrize(
    ("trusted", "network"),
    [
        ("", "10.0.0.0/24"),
        ("10.9.9.9", "10.0.0.0/24"),
        ("10.0.0.5", "203.0.113.0/24"),
        ("10.0.0.0/8", "203.0.113.0/24"),
    ],
)
async def test_what_a_proxy_says_of_the_address_counts_if_it_is_trusted(
    world: World, settings: Settings, trusted: str, network: str
) -> None:
    alice = await world.person()
    app = create_app(settings, world.app)
    server = uvicorn.Config(app, proxy_headers=bool(trusted), forwarded_allow_ips=trusted or None, log_config=None)
    server.load()
    transport = httpx2.ASGITransport(app=server.loaded_app, client=("10.0.0.5", 4711))
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        headers = {"X-Forwarded-For": "203.0.113.77"}
        body = {"identifier": alice.username, "password": PASSWORD}
        assert (await client.post("/v1/auth/token", json=body, headers=headers)).status_code == 200
    assert [one["network"] for one in await listed(alice) if not one["current"]] == [network]
