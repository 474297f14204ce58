"""Steps of the tests of credentials: who somebody is, what was sent to them, signing in, and what is kept."""

import itertools
import re
from typing import Any
from uuid import UUID

import httpx2
from sqlalchemy import text

from tests.conftest import PASSWORD, Person, World, new_name
from venmo_api.adapters.postgres import Transaction
from venmo_api.core import ids

_numbers = itertools.count(7_000_000)
NEW = "another horse entirely"


def new_phone() -> str:
    return f"+1415{next(_numbers)}"


def new_email() -> str:
    return f"{new_name('mail')}@example.com"


def own_id(person: Person) -> UUID:
    found = ids.decode(ids.USER, person.id)
    assert found is not None
    return found


async def sign_in(world: World, identifier: str, password: str = PASSWORD, **more: Any) -> httpx2.Response:
    return await world.client.post("/v1/auth/token", json={"identifier": identifier, "password": password, **more})


async def refresh(world: World, tokens: dict[str, Any]) -> httpx2.Response:
    return await world.client.post("/v1/auth/refresh", json={"refresh_token": tokens["refresh_token"]})


async def sent(world: World, person: Person, address: str) -> list[str]:
    """What was sent to this address, or number, on behalf of this person: newest first."""

    async def read(tx: Transaction) -> list[Any]:
        asked = "SELECT address, text FROM sandbox_messages WHERE user_id = :id ORDER BY id DESC"
        return list((await tx.execute(text(asked), {"id": own_id(person)})).all())

    return [row.text for row in await world.app.database.read(read) if row.address == address]


async def code(world: World, person: Person, address: str) -> str:
    """The code that was sent there last."""
    return next(message[:6] for message in await sent(world, person, address) if re.match(r"\d{6} ", message))


async def undo_token(world: World, person: Person, address: str) -> str:
    """The token that was sent there last."""
    await world.drain()
    found = (re.search(r"undo_\S+", message) for message in await sent(world, person, address))
    return next(match.group() for match in found if match)


async def change(person: Person, kind: str, address: str) -> httpx2.Response:
    return await person.post("/me/contacts", {"kind": kind, "address": address})


async def give(person: Person, digits: str, kind: str = "email") -> httpx2.Response:
    return await person.post(f"/me/contacts/{kind}/verify", {"code": digits})


async def changed(world: World, person: Person, kind: str, address: str) -> None:
    """Let a person change a contact, and prove the new one."""
    answer = await change(person, kind, address)
    assert answer.status_code == 202, answer.text
    proved = await give(person, await code(world, person, address), kind)
    assert proved.status_code == 200, proved.text


async def ask_reset(world: World, identifier: str) -> httpx2.Response:
    return await world.client.post("/v1/auth/password-reset", json={"identifier": identifier})


async def confirm(world: World, identifier: str, digits: str, password: str = NEW) -> httpx2.Response:
    body = {"identifier": identifier, "code": digits, "new_password": password}
    return await world.client.post("/v1/auth/password-reset/confirm", json=body)


async def reset_code(world: World, person: Person, identifier: str, address: str) -> str:
    answer = await ask_reset(world, identifier)
    assert answer.status_code == 202, answer.text
    await world.drain()
    return await code(world, person, address)


async def undo(world: World, token: str) -> httpx2.Response:
    return await world.client.post("/v1/auth/contact-change/undo", json={"token": token})


def other(digits: str, by: int = 1) -> str:
    """A code that is not this one."""
    return f"{(int(digits) + by) % 10**6:06d}"


def told(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]
