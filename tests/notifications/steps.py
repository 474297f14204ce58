"""What tests of telling do again and again."""

from typing import Any

from tests.conftest import PASSWORD, Person, World
from venmo_api.core import ids
from venmo_api.notifications import jobs

TOKEN = "f0e1d2c3b4a5968778695a4b3c2d1e0f"


async def told(world: World, person: Person) -> list[dict[str, Any]]:
    """What stands in somebody's inbox once every event has been delivered, newest first."""
    await world.drain()
    answer = await person.get("/inbox")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


async def kinds(world: World, person: Person) -> list[str]:
    return [item["kind"] for item in await told(world, person)]


async def newest(world: World, person: Person, kind: str) -> dict[str, Any]:
    """The newest item of a kind."""
    return next(item for item in await told(world, person) if item["kind"] == kind)


async def sent(world: World, person: Person, channel: str) -> list[str]:
    """What has gone out to somebody, newest first, once everything that is due has."""
    await world.drain()
    await jobs.send_due(world.app)
    inbox = (await person.get("/sandbox/inbox", limit=100)).json()["data"]
    return [message["text"] for message in inbox if message["channel"] == channel]


async def register(person: Person, token: str = TOKEN, platform: str = "apns") -> None:
    answer = await person.post("/me/push-tokens", {"platform": platform, "token": token})
    assert answer.status_code == 204, answer.text


async def choose(person: Person, kind: str, *, push: str = "brief", mail: bool = False) -> None:
    answer = await person.put("/me/notifications", {"kinds": [{"kind": kind, "push": push, "mail": mail}]})
    assert answer.status_code == 200, answer.text


async def again(person: Person) -> Person:
    """The same person, signed in once more: another session, on another device."""
    body = {"identifier": person.username, "password": PASSWORD}
    answer = await person.client.post("/v1/auth/token", json=body)
    assert answer.status_code == 200, answer.text
    return Person(person.client, person.id, person.username, person.email, answer.json())


def raw(person: Person) -> Any:
    """The id as the database has it."""
    return ids.decode(ids.USER, person.id)
