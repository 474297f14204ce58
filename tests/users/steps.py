"""How people of these tests stand to each other."""

from typing import Any
from uuid import UUID

import httpx2

from tests.conftest import Person, World, new_key
from venmo_api.core import ids

NOBODY = "usr_" + "0" * 32


def uuid(person: Person) -> UUID:
    found = ids.decode(ids.USER, person.id)
    assert found is not None
    return found


async def block(one: Person, other: Person) -> None:
    answer = await one.post(f"/users/{other.id}/block")
    assert (answer.status_code, answer.content) == (204, b"")


async def unblock(one: Person, other: Person) -> None:
    answer = await one.delete(f"/users/{other.id}/block")
    assert (answer.status_code, answer.content) == (204, b"")


async def listed(person: Person, path: str, **params: Any) -> list[str]:
    """Ids of the people in a list."""
    answer = await person.get(path, **params)
    assert answer.status_code == 200, answer.text
    return [(row.get("user") or row)["id"] for row in answer.json()["data"]]


async def show_friends(*people: Person, to: str = "public") -> None:
    for person in people:
        assert (await person.patch("/me", {"friend_list": to})).status_code == 200


async def pay(payer: Person, recipient: dict[str, str], **more: Any) -> httpx2.Response:
    body = {"recipient": recipient, "amount": 7, "note": "lunch"} | more
    return await payer.post("/transfers", body, key=new_key())


async def request(asker: Person, payer: Person) -> str:
    body = {"payer": {"user_id": payer.id}, "amount": 7, "note": "lunch"}
    answer = await asker.post("/requests", body, key=new_key())
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def strangers(world: World, *, money: int = 10_000) -> tuple[Person, Person]:
    """Two people whose contacts are proved, one of whom has blocked the other."""
    one = await world.person("one", money=money, phone=_phone())
    other = await world.person("other", money=money, phone=_phone())
    for person in (one, other):
        await person.verify("email")
        await person.verify("phone")
    await block(one, other)
    return one, other


_numbers = iter(range(7_300_000, 7_400_000))


def _phone() -> str:
    return f"+1415{next(_numbers)}"


def unknown_phone() -> str:
    return _phone()
