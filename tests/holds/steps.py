"""What tests of authorisations do over HTTP."""

from typing import Any
from uuid import UUID

import httpx2

from tests.conftest import Person, World, new_key
from venmo_api.core import ids


async def authorise(
    payer: Person, payee: Person, amount: int, /, *, key: str | None = None, **more: Any
) -> httpx2.Response:
    body = {"payee": {"user_id": payee.id}, "amount": amount, "note": "deposit", **more}
    return await payer.post("/holds", body, key=key or new_key())


async def capture(
    payee: Person, hold_id: str, amount: int | None = None, /, *, key: str | None = None, **more: Any
) -> httpx2.Response:
    body = ({} if amount is None else {"amount": amount}) | more
    return await payee.post(f"/holds/{hold_id}/capture", body, key=key or new_key())


async def void(payee: Person, hold_id: str) -> httpx2.Response:
    return await payee.post(f"/holds/{hold_id}/void")


async def held(
    world: World, amount: int = 1000, *, money: int | None = None, **more: Any
) -> tuple[Person, Person, str]:
    """A payer, a payee, and what the one authorised the other to take."""
    alice, bob = await world.person("alice", money=amount if money is None else money), await world.person("bob")
    answer = await authorise(alice, bob, amount, **more)
    assert answer.status_code == 201, answer.text
    return alice, bob, answer.json()["id"]


def uuid_of(hold_id: str) -> UUID:
    found = ids.decode(ids.HOLD, hold_id)
    assert found is not None
    return found
