"""An API whose requests are counted, and people of whom one must not see all that another does."""

from collections.abc import AsyncIterator

import pytest

from tests.conftest import World
from tests.edges.caches import Api, Counting, Scene
from tests.http.test_connections import served
from venmo_api.auth import sessions
from venmo_api.http.connections import Connection
from venmo_api.main import create_app
from venmo_api.settings import Settings


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
