"""Paying somebody who has not signed up: they do, prove their address, and have the money."""

import re

from tests.conftest import World
from tests.ledger import audit
from tests.transfers.steps import give_back, new_email, pay_contact, wallet


async def test_money_waits_for_somebody_who_signs_up_later(fresh: World) -> None:
    alice, email = await fresh.person("alice", money=5000), new_email()
    paid = (await pay_contact(alice, email, 1200)).json()
    assert (paid["status"], paid["contact"]) == ("pending", {"kind": "email", "value": email})
    await fresh.drain()

    bob = await fresh.person("bob", email=email)
    await fresh.drain()
    assert await wallet(bob) == (0, 0, 0)
    [message] = (await bob.get("/sandbox/inbox")).json()["data"]
    code = re.search(r"\b\d{6}\b", message["text"])
    assert code is not None, message
    verified = await bob.post("/me/contacts/email/verify", {"code": code.group()})
    assert verified.status_code == 200, verified.text
    await fresh.drain()

    assert (await wallet(alice), await wallet(bob)) == ((3800, 0, 0), (1200, 0, 0))
    for person in (alice, bob):
        document = (await person.get(f"/transfers/{paid['id']}")).json()
        assert (document["status"], document["recipient"]["id"]) == ("settled", bob.id)
        [story] = (await person.get("/feed", scope="mine")).json()["data"]
        assert (story["actor"]["id"], story["target"]["id"], story["amount"]) == (alice.id, bob.id, 1200)
    assert (await give_back(bob, paid["id"], 200)).status_code == 201
    assert (await wallet(alice), await wallet(bob)) == ((4000, 0, 0), (1000, 0, 0))
    assert await audit.findings(fresh) == []
