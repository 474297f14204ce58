"""In production there is no sandbox: no routes, no clock but the system's, no inbox, no money from nowhere."""

import asyncio
import dataclasses

import httpx2
import pytest

from tests.conftest import World
from venmo_api.adapters.bank import UnknownBankToken
from venmo_api.adapters.messages import AwsMessenger
from venmo_api.adapters.system import SystemClock
from venmo_api.main import adapters, create_app
from venmo_api.sandbox import service as sandbox
from venmo_api.settings import Settings


@pytest.fixture
def production(settings: Settings) -> Settings:
    return settings.model_copy(
        update={"environment": "production", "mail_from": "hello@pay.example", "docs_open": True}
    )


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/sandbox/clock"), ("POST", "/sandbox/clock"), ("GET", "/sandbox/inbox"), ("GET", "/sandbox/messages")],
)
async def test_the_sandbox_is_not_there(world: World, production: Settings, method: str, path: str) -> None:
    alice = await world.person("alice")
    bundle = dataclasses.replace(adapters(production), keys=world.app.keys)
    app = create_app(production, bundle)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://test") as client:
        assert (await client.get("/v1/me", headers=alice.headers)).status_code == 200
        answer = await client.request(method, "/v1" + path, headers=alice.headers)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
        assert "sandbox/" not in (await client.get("/openapi.json")).text
    await bundle.close()


@pytest.mark.parametrize(
    ("path", "token", "code"),
    [
        ("/wallet/funding-sources", "sandbox_bank_ok", "unknown_funding_token"),
        ("/wallet/funding-sources", "sandbox_card_ok", "unknown_funding_token"),
        ("/me/identity", "sandbox_identity_ok", "unknown_identity_token"),
    ],
)
async def test_no_token_of_the_sandbox_is_known(
    world: World, production: Settings, path: str, token: str, code: str
) -> None:
    alice = await world.person("alice")
    bundle = dataclasses.replace(adapters(production), keys=world.app.keys)
    app = create_app(production, bundle)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://test") as client:
        answer = await client.post("/v1" + path, headers=alice.headers, json={"token": token})
        assert (answer.status_code, answer.json()["code"]) == (422, code), answer.text
    assert (await alice.get("/me")).json()["identity_verified"] is False
    assert (await alice.get("/wallet/funding-sources")).json()["data"] == []
    await bundle.close()


async def test_a_source_that_the_sandbox_described_moves_no_money(world: World, production: Settings) -> None:
    bundle = adapters(production)
    for verb in (bundle.bank.debit, bundle.bank.credit):
        with pytest.raises(UnknownBankToken):
            await verb("sandbox_bank_ok", amount_cents=1, reference=world.app.new_id())
    await bundle.close()


async def test_the_clock_is_the_systems_and_nobody_follows_another(world: World, production: Settings) -> None:
    async with world.api.router.lifespan_context(world.api):
        assert _follows_a_clock()
    bundle = adapters(production)
    assert type(bundle.clock) is SystemClock
    assert type(bundle.wall_clock) is SystemClock
    assert isinstance(bundle.messenger, AwsMessenger)
    assert not bundle.messenger.takes_word("bob@example.com")
    app = create_app(production, bundle)
    async with app.router.lifespan_context(app):
        assert not _follows_a_clock()
    await bundle.close()


def _follows_a_clock() -> bool:
    return any(getattr(task.get_coro(), "cr_code", None) is sandbox._follow.__code__ for task in asyncio.all_tasks())
