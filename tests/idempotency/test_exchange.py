"""Keys stay bound to what was asked while the signing key, which their hashes are made with, is exchanged."""

from hashlib import sha256

import asyncpg

from tests.auth.signing_in import elsewhere
from tests.auth.test_rotation import at, signing
from tests.conftest import World, database_url, new_key
from venmo_api.adapters.signing import new_private_key
from venmo_api.settings import Settings
from venmo_api.transfers.schemas import PayBody


async def test_a_payment_sent_again_across_an_exchange_is_the_same_payment(settings: Settings) -> None:
    old, new, key = new_private_key(), new_private_key(), new_key()
    async with signing(settings, old) as before, signing(settings, new, previous=old) as after:
        alice, bob = await before.person(money=1000), await before.person()
        first = await alice.pay(bob, 100, key=key)
        again = await at(after, alice).pay(bob, 100, key=key)
        assert (again.status_code, again.content) == (201, first.content)
        other = await at(after, alice).pay(bob, 101, key=key)
        assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
        assert await alice.balance() == 900
        async with signing(settings, new) as done:  # planted: the old key was taken away too early
            lost = await (await elsewhere(done, at(done, alice))).pay(bob, 100, key=key)
            assert (lost.status_code, lost.json()["code"]) == (422, "idempotency_key_reused")


async def test_what_a_path_names_is_bound_across_an_exchange_too(settings: Settings) -> None:
    old, new, key = new_private_key(), new_private_key(), new_key()
    async with signing(settings, old) as before, signing(settings, new, previous=old) as after:
        alice, bob = await before.person(money=1000), await before.person()
        one, other = [(await alice.pay(bob, 100, note=note)).json()["id"] for note in ("one", "other")]
        first = await bob.post(f"/transfers/{one}/refund", {}, key=key)
        again = await at(after, bob).post(f"/transfers/{one}/refund", {}, key=key)
        assert (again.status_code, again.content) == (201, first.content)
        refused = await at(after, bob).post(f"/transfers/{other}/refund", {}, key=key)
        assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_reused")


async def test_a_hash_without_a_key_is_neither_kept_nor_taken(world: World) -> None:
    """Who has the table could find by trying what it is the hash of."""
    alice, bob = await world.person(money=1000), await world.person()
    key = new_key()
    await alice.pay(bob, 100, key=key)
    body = PayBody.model_validate({"recipient": {"user_id": bob.id}, "amount": 100, "note": "lunch"})
    plain = sha256(body.model_dump_json(exclude={"dry_run"}, exclude_defaults=True).encode()).digest()
    owner = await asyncpg.connect(database_url(str(world.app.database.engine.url.database), driver="postgresql"))
    assert await owner.fetchval("SELECT fingerprint FROM idempotency_keys WHERE key = $1", key) != plain
    await owner.execute("UPDATE idempotency_keys SET fingerprint = $1 WHERE key = $2", plain, key)
    await owner.close()
    assert (await alice.pay(bob, 100, key=key)).json()["code"] == "idempotency_key_reused"
    assert await alice.balance() == 900
