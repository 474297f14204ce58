"""What tests of payments do to the database or the clock, beside what a client can."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx2

from tests.conftest import Person, World, new_key, new_name
from tests.ledger import audit
from venmo_api.core.events import ContactVerified
from venmo_api.outbox import service as outbox


async def run(world: World, query: str, *values: Any) -> list[Any]:
    """A query as superuser."""
    connection = await audit.connect(world)
    try:
        return list(await connection.fetch(query, *values))
    finally:
        await connection.close()


async def verify(world: World, kind: str, value: str) -> None:
    """Whoever has this contact proves it; the worker has not heard of it yet."""
    query = "UPDATE identifiers SET verified_at = now() WHERE kind = $1 AND value = $2 RETURNING user_id"
    [row] = await run(world, query, kind, world.app.keys.index(kind, value))
    event = ContactVerified(row["user_id"], kind, world.clock.now())
    await world.app.database.transact(outbox.emit, [event], new_id=world.app.new_id)


def new_email() -> str:
    """An address nobody in this run has."""
    return f"{new_name('later')}@example.com"


async def pay_contact(payer: Person, email: str, amount: int, **more: Any) -> httpx2.Response:
    body = {"recipient": {"email": email}, "amount": amount, "note": "lunch", **more}
    return await payer.post("/transfers", body, key=new_key())


async def give_back(
    person: Person, transfer_id: str, amount: int | None = None, *, key: str | None = None, **more: Any
) -> httpx2.Response:
    body = ({} if amount is None else {"amount": amount}) | more
    return await person.post(f"/transfers/{transfer_id}/refund", body, key=key or new_key())


async def wallet(person: Person) -> tuple[int, int, int]:
    """Available, on hold, debt."""
    document = (await person.get("/wallet")).json()
    return document["available"], document["on_hold"], document["debt"]


async def until_answered(send: Callable[[], Awaitable[httpx2.Response]]) -> httpx2.Response:
    """The answer, sent again while the service is too busy: what a client does with a 503."""
    answer = await send()
    for _ in range(100):
        if answer.status_code != 503:
            break
        await asyncio.sleep(0.05)
        answer = await send()
    return answer
