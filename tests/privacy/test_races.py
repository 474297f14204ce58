"""What happens in the same instant: two proofs of one address while keys are exchanged, and a person who is erased."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest

from tests.conftest import Person, World, new_key
from tests.crypto.stand_ins import vault_over
from tests.privacy.dump import run
from tests.transfers.steps import new_email
from venmo_api.adapters.keys import KeyDestroyed
from venmo_api.adapters.postgres import Transaction
from venmo_api.auth import addresses, contacts
from venmo_api.auth.rules import Contact, ContactKind
from venmo_api.core import ids
from venmo_api.crypto import service as crypto
from venmo_api.crypto.keyring import ANNOUNCED_FOR
from venmo_api.privacy import service as privacy
from venmo_api.settings import Settings

PHONE = "+14155550101"


def _id(person: Person) -> UUID:
    found = ids.decode(ids.USER, person.id)
    assert found is not None
    return found


async def test_two_proofs_on_both_sides_of_a_rotation_leave_one_holder(fresh: World, settings: Settings) -> None:
    address = Contact(ContactKind.EMAIL, new_email(), False)
    async with vault_over(fresh, settings) as before, vault_over(fresh, settings) as after:
        alice, bob = await before.world.person("alice"), await before.world.person("bob")
        await privacy.rotate(before.world.app)
        await after.world.app.keys.refresh()
        after.clock.advance(ANNOUNCED_FOR + timedelta(seconds=1))
        assert before.world.app.keys.current("index") < after.world.app.keys.current("index")
        both = asyncio.Barrier(2)

        async def prove(world: World, person: Person) -> None:
            async def work(tx: Transaction) -> None:
                await both.wait()
                await contacts.prove(tx, world.app, _id(person), address)
                await asyncio.sleep(0.2)  # as a slow commit

            await world.app.database.transact(work)

        await asyncio.gather(prove(before.world, alice), prove(after.world, bob))
        forms = after.world.app.keys.indexes("email", address.address)
        proved = "SELECT FROM identifiers WHERE value = ANY($1) AND verified_at IS NOT NULL"
        held = await run(fresh, proved, forms)
        assert len(held) == 1
        before.clock.advance(ANNOUNCED_FOR + timedelta(seconds=1))
        assert (await privacy.seal_all(before.world.app, lambda line: None)).nothing


async def test_nothing_is_sealed_for_who_was_erased_though_their_token_is_good_for_a_while(fresh: World) -> None:
    alice = await fresh.person("alice", display_name="Alice Ant")
    await fresh.app.database.transact(privacy.erase, fresh.app, alice.username)
    added = await alice.post("/wallet/funding-sources", {"token": "sandbox_bank_ok"})
    claimed = await alice.post("/me/contacts", {"kind": "phone", "address": PHONE})
    assert [answer.status_code for answer in (added, claimed)] == [404, 404], (added.text, claimed.text)
    await alice.patch("/me", {"display_name": "Alice again"})
    for table in ("person_keys", "identifiers", "funding_sources"):
        assert await run(fresh, f"SELECT FROM {table} WHERE user_id = $1", _id(alice)) == []
    [row] = await run(fresh, "SELECT display_name FROM users WHERE id = $1", _id(alice))
    assert row["display_name"] == "Erased"
    body = {"recipient": {"email": new_email()}, "amount": 1, "note": "lunch"}
    assert (await alice.post("/transfers", body, key=new_key())).status_code in (402, 404)


async def test_who_is_erased_while_they_claim_a_contact_has_none(fresh: World) -> None:
    alice = await fresh.person("alice")
    begun, erasing = asyncio.Event(), asyncio.Event()

    async def claim(tx: Transaction) -> None:
        await crypto.ensure(tx, fresh.app, _id(alice))
        begun.set()
        await erasing.wait()
        await asyncio.sleep(0.3)
        await addresses.claim(tx, fresh.app, _id(alice), "phone", PHONE)

    async def erase() -> None:
        await begun.wait()
        erasing.set()
        await fresh.app.database.transact(privacy.erase, fresh.app, alice.username)

    await asyncio.gather(fresh.app.database.transact(claim), erase())
    assert await run(fresh, "SELECT FROM identifiers WHERE user_id = $1", _id(alice)) == []
    with pytest.raises(KeyDestroyed):
        await fresh.app.database.transact(addresses.claim, fresh.app, _id(alice), "phone", PHONE)
