"""What tests of requests do again and again."""

from typing import Any
from uuid import UUID

import httpx2

from tests.conftest import Person, World, new_key
from tests.transfers.steps import run
from venmo_api.core import ids


async def ask(requester: Person, payer: Person, amount: int = 1000, /, **more: Any) -> httpx2.Response:
    key = more.pop("key", None) or new_key()
    body = {"payer": {"user_id": payer.id}, "amount": amount, "note": "dinner"} | more
    return await requester.post("/requests", body, key=key)


async def asked(requester: Person, payer: Person, amount: int = 1000, /, **more: Any) -> str:
    """The id of a new request."""
    answer = await ask(requester, payer, amount, **more)
    assert answer.status_code == 201, answer.text
    made: str = answer.json()["id"]
    return made


async def accept(payer: Person, request_id: str, *, key: str | None = None, **body: Any) -> httpx2.Response:
    return await payer.post(f"/requests/{request_id}/accept", body, key=key or new_key())


async def take(person: Person, request_id: str, step: str) -> httpx2.Response:
    return await accept(person, request_id) if step == "accept" else await person.post(f"/requests/{request_id}/{step}")


async def status(person: Person, request_id: str) -> str:
    found: str = (await person.get(f"/requests/{request_id}")).json()["status"]
    return found


async def told(world: World, request_id: str) -> list[tuple[str, str | None]]:
    """The events of a request in order: topic, and how it ended."""
    query = """SELECT topic, payload ->> 'status' AS status FROM events WHERE payload ->> 'request_id' = $1
               ORDER BY id"""
    return [(row["topic"], row["status"]) for row in await run(world, query, str(uuid(request_id)))]


def uuid(request_id: str) -> UUID:
    found = ids.decode(ids.REQUEST, request_id)
    assert found is not None
    return found
