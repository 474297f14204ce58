"""Pay codes: one a person, made when first asked for, replaced on demand, drawn as a QR code."""

import asyncio
from io import BytesIO
from uuid import UUID
from xml.etree import ElementTree

import pytest
import segno

from tests.conftest import Person, World
from venmo_api.adapters.postgres import Transaction
from venmo_api.core import ids
from venmo_api.users import service
from venmo_api.users.rules import PayeeProof


async def pay_code(person: Person) -> str:
    answer = await person.get("/me/pay-code")
    assert answer.status_code == 200, answer.text
    code: str = answer.json()["pay_code"]
    return code


async def test_a_person_has_one_pay_code_and_nobody_else_has_it(world: World) -> None:
    alice, bob = await world.person("alice"), await world.person("bob")
    code = await pay_code(alice)
    assert code == await pay_code(alice) != await pay_code(bob)
    assert len(code.removeprefix("pay_")) * 6 >= 128
    answer = await alice.get("/me/pay-code")
    assert set(answer.json()) == {"pay_code", "url"}
    assert answer.headers["cache-control"] == "private, no-store"
    assert (await alice.client.get(answer.json()["url"], headers=alice.headers)).status_code == 200
    assert code not in (await bob.get(f"/users/{alice.id}")).text


async def test_parallel_first_askers_are_told_the_same(world: World) -> None:
    alice = await world.person("alice")
    assert len(set(await asyncio.gather(*(pay_code(alice) for _ in range(20))))) == 1


async def test_a_pay_code_is_replaced(world: World) -> None:
    alice = await world.person("alice")
    first = (await alice.post("/me/pay-code")).json()["pay_code"]
    second = (await alice.post("/me/pay-code")).json()["pay_code"]
    assert first != second == await pay_code(alice)


async def test_the_picture_holds_the_pay_code(world: World) -> None:
    alice = await world.person("alice")
    answer = await alice.get("/me/pay-code.svg")
    assert answer.headers["content-type"] == "image/svg+xml"
    assert answer.headers["cache-control"] == "private, no-store"
    root = ElementTree.fromstring(answer.content)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    expected = BytesIO()
    segno.make_qr(await pay_code(alice)).save(expected, kind="svg", scale=8)
    assert answer.content == expected.getvalue()


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/me/pay-code"), ("POST", "/me/pay-code"), ("GET", "/me/pay-code.svg")]
)
async def test_it_is_for_those_who_signed_in(world: World, method: str, path: str) -> None:
    assert (await world.client.request(method, "/v1" + path)).status_code == 401


async def test_it_proves_who_a_payee_is(world: World) -> None:
    alice, bob = await world.person("alice", phone="+14155557788"), await world.person("bob")
    code = await pay_code(alice)
    one, other = ids.decode(ids.USER, alice.id), ids.decode(ids.USER, bob.id)
    assert one is not None
    assert other is not None

    async def tell(tx: Transaction, people: list[UUID]) -> dict[UUID, PayeeProof]:
        return await service.payee_proofs(tx, world.app, people, digits_needed=True)

    assert (await world.app.database.read(tell, [one]))[one].phone_last4 is None
    await alice.verify("phone")
    proofs = await world.app.database.read(tell, [one, other, one])
    assert proofs == {one: PayeeProof(code, "7788"), other: PayeeProof(None, None)}
