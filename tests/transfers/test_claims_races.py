"""Claim, cancel and return of one payment at once: exactly one wins; and that the checks behind it can fail."""

import asyncio
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from tests.conftest import Person, World, new_key
from tests.ledger import audit
from tests.races import storm
from tests.transfers.commands import user_id
from tests.transfers.steps import new_email, pay_contact, run, until_answered, verify, wallet
from venmo_api.adapters.postgres import Transaction
from venmo_api.core import ids
from venmo_api.core.events import ContactVerified
from venmo_api.ledger.book import Book, OpenHold
from venmo_api.ledger.rules import HoldEnded
from venmo_api.transfers import claims, handlers, jobs, queries
from venmo_api.transfers.rules import Transfer


async def _proved(world: World, amount: int = 1000) -> tuple[Person, Person, str]:
    """A payment that waits, and somebody who has just proved its contact."""
    alice, email = await world.person("alice", money=amount), new_email()
    paid = (await pay_contact(alice, email, amount)).json()["id"]
    bob = await world.person("bob", email=email)
    await world.drain()
    await verify(world, "email", email)
    return alice, bob, paid


def _uuid(transfer_id: str) -> UUID:
    found = ids.decode(ids.TRANSFER, transfer_id)
    assert found is not None
    return found


async def test_of_claim_cancel_and_return_exactly_one_wins(fresh: World) -> None:
    won = set()
    async with storm.second_app(fresh) as other:
        for turn in range(8):
            alice, bob, paid = await _proved(fresh)
            told = [ContactVerified(user_id(bob), "email", fresh.clock.now())]
            cancelling = [partial(storm.at(other, alice).post, f"/transfers/{paid}/cancel") for _ in range(3)]
            expiring = partial(claims.expire, app=other.app, transfer_id=_uuid(paid), sender_id=user_id(alice))
            steps: list[Any] = [
                handlers.claim(fresh.app, told),
                handlers.claim(other.app, told),
                *(until_answered(cancel) for cancel in cancelling),
                other.app.database.transact(expiring),
            ]
            order = [(at + turn) % len(steps) for at in range(len(steps))]
            results = await asyncio.gather(*(steps[at] for at in order))
            cancelled = [result.status_code for result in results if hasattr(result, "status_code")]
            status = (await alice.get(f"/transfers/{paid}")).json()["status"]
            assert cancelled == [200 if status == "cancelled" else 409] * 3
            assert results.count(True) == (status == "expired")
            settled = status == "settled"
            assert (await wallet(alice), await wallet(bob)) == (
                ((0, 0, 0), (1000, 0, 0)) if settled else ((1000, 0, 0), (0, 0, 0))
            )
            won.add(status)
    assert won <= {"settled", "cancelled", "expired"}
    ends = await run(fresh, "SELECT count(*) AS times FROM events WHERE topic IN ('TransferEnded', 'TransferSettled')")
    assert ends[0]["times"] == 8
    assert await audit.findings(fresh) == []


async def test_jobs_of_two_workers_return_each_payment_once(fresh: World) -> None:
    alice = await fresh.person("alice", money=200)
    for _ in range(20):
        await pay_contact(alice, new_email(), 10)
    async with storm.second_app(fresh) as other:
        for world in (fresh, other):
            world.clock.advance(timedelta(days=15))
        done = await asyncio.gather(*(jobs.return_unclaimed(world.app) for world in (fresh, other, fresh)))
    assert sum(done) == 20
    assert await wallet(alice) == (200, 0, 0)
    assert await audit.findings(fresh) == []


async def test_claims_and_payments_both_ways_do_not_deadlock(fresh: World) -> None:
    alice, email = await fresh.person("alice", money=5000), new_email()
    for number in range(10):
        await pay_contact(alice, email, 100, note=f"waits {number}")
    bob = await fresh.person("bob", email=email, money=1000)
    await verify(fresh, "email", email)
    async with storm.second_app(fresh) as other:
        paying = [partial(alice.pay, bob, 10, key=new_key()) for _ in range(20)]
        paying += [partial(storm.at(other, bob).pay, alice, 10, key=new_key()) for _ in range(20)]
        await asyncio.gather(fresh.drain(), *(until_answered(send) for send in paying))
    await fresh.drain()
    assert (await wallet(alice), await wallet(bob)) == ((4000, 0, 0), (2000, 0, 0))
    assert (await run(fresh, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"))[0][0] == 0
    assert await audit.findings(fresh) == []


def _never_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """A defect: steps no longer look whether the transfer has ended."""

    async def waits(tx: Transaction, transfer_id: UUID) -> bool:
        return True

    monkeypatch.setattr(queries, "awaits_claim", waits)


async def test_steps_that_do_not_look_whether_it_has_ended_are_stopped_by_the_book(
    fresh: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob, paid = await _proved(fresh)
    await fresh.drain()
    assert await wallet(bob) == (1000, 0, 0)
    _never_ended(monkeypatch)
    with pytest.raises(HoldEnded):
        await fresh.app.database.transact(claims.expire, fresh.app, transfer_id=_uuid(paid), sender_id=user_id(alice))
    assert (await wallet(alice), await wallet(bob)) == ((0, 0, 0), (1000, 0, 0))
    assert await audit.findings(fresh) == []


async def test_steps_that_do_not_look_at_all_are_found_by_the_auditor(
    fresh: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, _, paid = await _proved(fresh)
    await fresh.drain()
    _never_ended(monkeypatch)

    def released(self: Book, hold_id: UUID, *, at: datetime) -> int:
        held: OpenHold = self.holds[hold_id]
        return held.left

    async def ended(tx: Transaction, transfer: Transfer) -> None:
        unguarded = queries.END.text.replace("AND status = 'pending'", "")
        await tx.execute(queries.text(unguarded), _ended(transfer))

    monkeypatch.setattr(Book, "release", released)
    monkeypatch.setattr(queries, "end", ended)
    await fresh.app.database.transact(claims.expire, fresh.app, transfer_id=_uuid(paid), sender_id=user_id(alice))
    assert await audit.findings(fresh) != []


def _ended(transfer: Transfer) -> dict[str, Any]:
    told = {name: getattr(transfer, name) for name in ("id", "status", "audience", "seller_fee", "ended_at")}
    return told | {"recipient_id": transfer.recipient.id if transfer.recipient else None}


async def test_a_claim_that_captures_more_than_is_held_is_refused(fresh: World) -> None:
    alice, _, paid = await _proved(fresh)
    await run(fresh, "UPDATE transfers SET amount = 1001 WHERE id = $1", _uuid(paid))
    with pytest.raises(Exception, match="more than what is left"):
        await fresh.app.database.transact(claims.claim, fresh.app, _uuid(paid))
    assert await wallet(alice) == (0, 1000, 0)
