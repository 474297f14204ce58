"""Payments to people who have not signed up: held, claimed, cancelled, returned."""

from datetime import timedelta
from functools import partial
from uuid import UUID

import pytest
from sqlalchemy import text

from tests.conftest import Person, World, new_key
from tests.ledger import audit
from tests.transfers.commands import AT, pay, user_id
from tests.transfers.steps import new_email, pay_contact, run, verify, wallet
from venmo_api.adapters.postgres import Contended, Transaction
from venmo_api.core import ids
from venmo_api.core.events import ContactVerified
from venmo_api.transfers import claims, handlers, jobs, schemas, service
from venmo_api.users import queries as user_queries


async def _pending(world: World, amount: int = 1000, **more: object) -> tuple[Person, str, str]:
    """A sender, the address they paid, and the payment."""
    alice, email = await world.person("alice", money=amount), new_email()
    answer = await pay_contact(alice, email, amount, **more)
    assert (answer.status_code, answer.json()["status"]) == (201, "pending"), answer.text
    return alice, email, answer.json()["id"]


async def _proved(world: World, email: str, **fields: object) -> Person:
    """The person of this address, who has proved it and of whom the worker has heard."""
    person = await world.person("bob", email=email, **fields)
    await verify(world, "email", email)
    await world.drain()
    return person


async def test_a_payment_to_an_unknown_address_is_held(world: World) -> None:
    alice, email, paid = await _pending(world, 700)
    document = (await alice.get(f"/transfers/{paid}")).json()
    assert document["recipient"] is None
    assert document["contact"] == {"kind": "email", "value": email}
    assert (document["status"], document["ended_at"], document["refunds"]) == ("pending", None, [])
    assert await wallet(alice) == (0, 700, 0)
    assert (await alice.get("/limits")).json()["limits"][0]["used"] == 700
    await world.drain()
    assert (await alice.get("/feed", scope="mine")).json()["data"] == []


async def test_whoever_proves_the_contact_has_the_money(fresh: World) -> None:
    alice, email, paid = await _pending(fresh)
    bob = await fresh.person("bob", email=email)
    await fresh.drain()
    assert await wallet(bob) == (0, 0, 0)
    assert (await bob.get(f"/transfers/{paid}")).status_code == 404
    await verify(fresh, "email", email)
    await fresh.drain()
    assert (await wallet(alice), await wallet(bob)) == ((0, 0, 0), (1000, 0, 0))
    documents = [(await person.get(f"/transfers/{paid}")).json() for person in (alice, bob)]
    assert documents[0] == documents[1]
    assert (documents[0]["status"], documents[0]["recipient"]["id"]) == ("settled", bob.id)
    assert documents[0]["contact"] is None
    assert documents[0]["ended_at"] >= documents[0]["created_at"]
    assert (await alice.get("/limits")).json()["limits"][0]["used"] == 1000
    await fresh.drain()
    for person in (alice, bob):
        stories = (await person.get("/feed", scope="mine")).json()["data"]
        assert [(story["amount"], story["target"]["id"]) for story in stories] == [(1000, bob.id)]
    assert await audit.findings(fresh) == []


async def test_a_contact_that_somebody_has_not_proved_gives_nothing(world: World) -> None:
    alice, email, paid = await _pending(world)
    bob = await world.person("bob", email=email)
    await handlers.claim(world.app, [ContactVerified(user_id(bob), "email", world.clock.now())])
    assert await world.app.database.transact(claims.claim, world.app, _uuid(paid)) is False
    assert (await wallet(alice), await wallet(bob)) == ((0, 1000, 0), (0, 0, 0))


@pytest.mark.parametrize("kind", ["email", "phone"])
async def test_who_typed_a_contact_at_sign_up_is_not_paid_before_they_prove_it(world: World, kind: str) -> None:
    contact = {"email": new_email(), "phone": "+14155550799"}[kind]
    alice, mallory = await world.person("alice", money=1000), await world.person("mallory", **{kind: contact})
    body = {"recipient": {kind: contact}, "amount": 1000, "note": "rent"}
    paid = await alice.post("/transfers", body, key=new_key())
    assert (paid.json()["status"], paid.json()["recipient"]) == ("pending", None), paid.text
    await world.drain()
    assert (await wallet(alice), await wallet(mallory)) == ((0, 1000, 0), (0, 0, 0))
    await mallory.verify(kind)
    await world.drain()
    assert (await wallet(alice), await wallet(mallory)) == ((0, 0, 0), (1000, 0, 0))


async def test_a_planted_defect_is_seen_that_finds_people_by_what_they_typed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    every = user_queries.BY_IDENTIFIER.text.replace("OR i.verified_at IS NOT NULL", "OR true")
    monkeypatch.setattr(user_queries, "BY_IDENTIFIER", text(every))
    alice, mallory = await world.person("alice", money=1000), await world.person("mallory")
    assert (await pay_contact(alice, mallory.email, 1000)).json()["status"] == "settled"
    assert await mallory.balance() == 1000


async def test_a_proved_contact_takes_only_what_was_paid_to_it(world: World) -> None:
    alice, _, paid = await _pending(world)
    bob = await _proved(world, new_email(), phone="+14155550777")
    await verify(world, "phone", "+14155550777")
    await world.drain()
    assert await wallet(bob) == (0, 0, 0)
    assert (await alice.get(f"/transfers/{paid}")).json()["status"] == "pending"


async def test_payments_by_phone_and_several_of_them_are_claimed(fresh: World) -> None:
    alice = await fresh.person("alice", money=1000)
    for amount in (100, 200, 300):
        body = {"recipient": {"phone": "+14155550788"}, "amount": amount, "note": "lunch"}
        assert (await alice.post("/transfers", body, key=f"key-{amount:06}")).json()["status"] == "pending"
    bob = await fresh.person("bob", phone="+14155550788")
    await verify(fresh, "phone", "+14155550788")
    await fresh.drain()
    assert (await wallet(alice), await wallet(bob)) == ((400, 0, 0), (600, 0, 0))
    assert await audit.findings(fresh) == []


async def test_an_event_delivered_twice_settles_once(fresh: World) -> None:
    alice, email, paid = await _pending(fresh)
    bob = await _proved(fresh, email)
    for _ in range(2):
        await handlers.claim(fresh.app, [ContactVerified(user_id(bob), "email", fresh.clock.now())])
        assert await fresh.app.database.transact(claims.claim, fresh.app, _uuid(paid)) is False
    assert (await wallet(alice), await wallet(bob)) == ((0, 0, 0), (1000, 0, 0))
    assert await audit.findings(fresh) == []


async def test_a_payment_made_while_its_contact_was_being_proved_is_claimed_too(fresh: World) -> None:
    alice, bob = await fresh.person("alice", money=1000), await fresh.person("bob")
    await verify(fresh, "email", bob.email)
    await fresh.drain()
    stored = fresh.app.keys.index("email", bob.email)
    await run(fresh, "UPDATE identifiers SET value = 'later-' || value WHERE value = $1", stored)
    assert (await pay_contact(alice, bob.email, 1000)).json()["status"] == "pending"
    await run(fresh, "UPDATE identifiers SET value = substr(value, 7) WHERE value = 'later-' || $1", stored)
    await fresh.drain()
    assert await wallet(bob) == (1000, 0, 0)
    assert await audit.findings(fresh) == []


async def test_a_person_who_has_proved_the_contact_is_paid_at_once(world: World) -> None:
    alice, bob = await world.person("alice", money=100), await world.person("bob")
    await bob.verify()
    answer = await pay_contact(alice, bob.email.upper(), 100)
    assert (answer.json()["status"], await bob.balance()) == ("settled", 100)


async def test_the_stricter_of_the_two_audiences_holds(world: World) -> None:
    alice, email, paid = await _pending(world, audience="public")
    bob = await world.person("bob", email=email)
    await bob.patch("/me", {"default_audience": "private"})
    await verify(world, "email", email)
    await world.drain()
    assert (await alice.get(f"/transfers/{paid}")).json()["audience"] == "private"


async def test_the_seller_pays_the_fee_when_they_claim(fresh: World) -> None:
    alice, email, paid = await _pending(fresh, goods_and_services=True)
    assert (await alice.get(f"/transfers/{paid}")).json()["seller_fee"] == 0
    shop = await _proved(fresh, email)
    assert await wallet(shop) == (971, 0, 0)
    assert (await alice.get(f"/transfers/{paid}")).json()["seller_fee"] == 29
    assert await audit.findings(fresh) == []


async def test_what_somebody_sent_to_their_own_later_contact_comes_back(fresh: World) -> None:
    alice, email, paid = await _pending(fresh)
    index = partial(fresh.app.keys.index, "email")
    await run(fresh, "UPDATE identifiers SET value = $1 WHERE value = $2", index(email), index(alice.email))
    await verify(fresh, "email", email)
    await fresh.drain()
    assert await wallet(alice) == (1000, 0, 0)
    assert (await alice.get(f"/transfers/{paid}")).json()["status"] == "cancelled"
    assert await audit.findings(fresh) == []


async def test_a_claim_repays_what_the_claimer_owes(fresh: World) -> None:
    alice, email, _ = await _pending(fresh, 300)
    await alice.top_up(500)
    bob = await fresh.person("bob", email=email)
    paid = (await alice.pay(bob, 500)).json()["id"]
    await bob.pay(await fresh.person("shop"), 500)
    await bob.post(f"/transfers/{paid}/refund", {}, key="bob-gives-back")
    assert await wallet(bob) == (0, 0, 500)
    await verify(fresh, "email", email)
    await fresh.drain()
    assert await wallet(bob) == (0, 0, 200)
    assert await audit.findings(fresh) == []


async def test_the_sender_cancels_until_it_is_claimed(fresh: World) -> None:
    alice, email, paid = await _pending(fresh)
    first = await alice.post(f"/transfers/{paid}/cancel")
    assert (first.status_code, first.json()["status"]) == (200, "cancelled")
    assert first.json()["ended_at"] is not None
    again = await alice.post(f"/transfers/{paid}/cancel")
    assert (again.status_code, again.content) == (200, first.content)
    assert await wallet(alice) == (1000, 0, 0)
    bob = await _proved(fresh, email)
    assert await wallet(bob) == (0, 0, 0)
    rows = await run(fresh, "SELECT payload ->> 'status' AS status FROM events WHERE topic = 'TransferEnded'")
    assert [row["status"] for row in rows] == ["cancelled"]
    assert await audit.findings(fresh) == []


async def test_what_was_claimed_is_not_cancelled(world: World) -> None:
    alice, email, paid = await _pending(world)
    bob = await _proved(world, email)
    answer = await alice.post(f"/transfers/{paid}/cancel")
    assert (answer.status_code, answer.json()["code"]) == (409, "transfer_not_pending")
    assert "refund" in answer.json()["detail"]
    settled = (await alice.pay(bob, 1)).json()
    assert settled["code"] == "insufficient_funds"
    for stranger in (bob, await world.person("carol")):
        answer = await stranger.post(f"/transfers/{paid}/cancel")
        assert (answer.status_code, answer.json()["code"]) == (404, "transfer_not_found")
    assert await wallet(bob) == (1000, 0, 0)


async def test_a_stranger_cancels_nothing(world: World) -> None:
    alice, _, paid = await _pending(world)
    carol = await world.person("carol")
    for transfer_id in (paid, "tr_" + "0" * 32, "nonsense"):
        answer = await carol.post(f"/transfers/{transfer_id}/cancel")
        assert (answer.status_code, answer.json()["code"]) == (404, "transfer_not_found")
    assert await wallet(alice) == (0, 1000, 0)


async def test_what_nobody_claims_in_time_goes_back(fresh: World) -> None:
    alice, email, paid = await _pending(fresh)
    fresh.clock.advance(timedelta(days=14, seconds=-5))
    assert await jobs.return_unclaimed(fresh.app) == 0
    assert await wallet(alice) == (0, 1000, 0)
    fresh.clock.advance(timedelta(seconds=6))
    assert await jobs.return_unclaimed(fresh.app) == 1
    assert await jobs.return_unclaimed(fresh.app) == 0
    assert await wallet(alice) == (1000, 0, 0)
    document = (await alice.get(f"/transfers/{paid}")).json()
    assert (document["status"], document["recipient"]) == ("expired", None)
    assert document["ended_at"] == document["expires_at"]
    answer = await alice.post(f"/transfers/{paid}/cancel")
    assert (answer.status_code, answer.json()["transfer_status"]) == (409, "expired")
    bob = await _proved(fresh, email)
    assert await wallet(bob) == (0, 0, 0)
    assert await audit.findings(fresh) == []


async def test_after_its_time_it_is_not_claimed_even_if_no_job_has_run(fresh: World) -> None:
    alice, email, paid = await _pending(fresh)
    fresh.clock.advance(timedelta(days=14, seconds=1))
    bob = await _proved(fresh, email)
    assert (await wallet(alice), await wallet(bob)) == ((0, 1000, 0), (0, 0, 0))
    document = (await alice.get(f"/transfers/{paid}")).json()
    assert (document["status"], document["ended_at"]) == ("expired", document["expires_at"])
    [listed] = (await alice.get("/transfers")).json()["data"]
    assert listed | {"refunds": []} == document
    late = await alice.post(f"/transfers/{paid}/cancel")
    assert (late.status_code, late.json()["code"], late.json()["transfer_status"]) == (
        409,
        "transfer_not_pending",
        "expired",
    )
    refused = await alice.post(f"/transfers/{paid}/refund", {}, key=new_key())
    assert (refused.json()["code"], refused.json()["transfer_status"]) == ("transfer_not_settled", "expired")
    assert await wallet(alice) == (0, 1000, 0)
    assert await jobs.return_unclaimed(fresh.app) == 1
    assert (await alice.get(f"/transfers/{paid}")).json() == document
    assert await wallet(alice) == (1000, 0, 0)


async def test_more_than_one_batch_goes_back_in_one_run(fresh: World, monkeypatch: pytest.MonkeyPatch) -> None:
    alice = await fresh.person("alice", money=100)
    for _ in range(5):
        await pay_contact(alice, new_email(), 10)
    fresh.clock.advance(timedelta(days=15))
    monkeypatch.setattr(jobs, "RETURNED_AT_ONCE", 2)
    assert await jobs.return_unclaimed(fresh.app) == 5
    assert await wallet(alice) == (100, 0, 0)


async def test_one_that_cannot_be_claimed_or_returned_holds_up_no_other(
    fresh: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, email = await fresh.person("alice", money=30), new_email()
    stuck, *_ = [_uuid((await pay_contact(alice, email, 10, note=note)).json()["id"]) for note in "abc"]
    real = claims.claim, claims.expire

    async def claim(tx: Transaction, app: object, transfer_id: UUID) -> bool:
        if transfer_id == stuck:
            raise Contended("Somebody has it.")
        return await real[0](tx, app, transfer_id)  # type: ignore[arg-type]

    async def expire(tx: Transaction, app: object, transfer_id: UUID, *, sender_id: UUID) -> bool:
        if transfer_id == stuck:
            raise ValueError
        return await real[1](tx, app, transfer_id, sender_id=sender_id)  # type: ignore[arg-type]

    monkeypatch.setattr(claims, "claim", claim)
    monkeypatch.setattr(claims, "expire", expire)
    bob = await _proved(fresh, email)
    assert await wallet(bob) == (20, 0, 0)
    await pay_contact(alice, new_email(), 10)
    fresh.clock.advance(timedelta(days=15))
    assert await jobs.return_unclaimed(fresh.app) == 0
    assert await wallet(alice) == (0, 10, 0)
    monkeypatch.setattr(jobs, "RETURNED_AT_ONCE", 1)
    monkeypatch.setattr(claims, "expire", real[1])
    assert await jobs.return_unclaimed(fresh.app) == 1


async def test_no_time_of_a_claim_steps_back(fresh: World) -> None:
    """The claimer's account has moved at a later moment than now: the transfer says when the money truly came."""
    alice, email, paid = await _pending(fresh)
    bob = await fresh.person("bob", email=email)
    early = pay(1, user_id(await fresh.person("early", money=5)), user_id(bob), 5)
    await fresh.app.database.transact(partial(service.pay, app=fresh.app, render=schemas.reply), [early])
    await verify(fresh, "email", email)
    await fresh.drain()
    ended = (await alice.get(f"/transfers/{paid}")).json()["ended_at"]
    assert ended.startswith(f"{AT.year}-")
    assert await audit.findings(fresh) == []


def _uuid(transfer_id: str) -> UUID:
    found = ids.decode(ids.TRANSFER, transfer_id)
    assert found is not None
    return found
