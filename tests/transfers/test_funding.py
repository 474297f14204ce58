"""Payments that a card or bank pays the rest of: the split and the fee to the cent, every state, what refuses them."""

from datetime import timedelta
from typing import Any

import httpx2
import pytest

from tests.conftest import Person, World, new_key
from tests.ledger import audit
from tests.transfers.steps import new_email, run
from tests.wallet.steps import A_DAY, FlakyBank, settle, source, told, town_in
from tests.wallet.steps import wallet as balances
from venmo_api.core.figures import Figures


async def _pay(payer: Person, payee: Person, amount: int, source_id: str, **more: Any) -> httpx2.Response:
    return await payer.pay(payee, amount, funding_source_id=source_id, **more)


async def _fees(world: World) -> int:
    [row] = await run(world, "SELECT sum(balance) AS taken FROM ledger_accounts WHERE kind = 'fees'")
    return int(row["taken"])


async def _events(world: World, topic: str) -> int:
    [row] = await run(world, "SELECT count(*) AS times FROM events WHERE topic = $1", topic)
    return int(row["times"])


@pytest.mark.parametrize(
    ("token", "money", "amount", "missing", "fee"),
    [
        ("sandbox_card_ok", 0, 1000, 1000, 30),
        ("sandbox_card_ok", 400, 1000, 600, 18),
        ("sandbox_card_ok", 999, 1000, 1, 0),
        ("sandbox_card_ok", 984, 1000, 16, 0),
        ("sandbox_card_ok", 983, 1000, 17, 1),
        ("sandbox_card_ok", 0, 8333, 8333, 250),
        ("sandbox_bank_ok", 0, 1000, 1000, 0),
        ("sandbox_bank_ok", 400, 1000, 600, 0),
    ],
)
async def test_the_balance_pays_first_and_the_source_the_rest(
    fresh: World, token: str, money: int, amount: int, missing: int, fee: int
) -> None:
    alice, bob, key = await fresh.person("alice", money=money), await fresh.person("bob"), new_key()
    card = await source(alice, token)
    paid = await _pay(alice, bob, amount, card, key=key)
    document = paid.json()
    assert (paid.status_code, document["status"], document["amount"], document["fee"]) == (201, "settled", amount, fee)
    assert document["funding"] == {"balance": money, "funding_source": missing, "fee": fee}
    assert document["ended_at"] >= document["created_at"]
    assert (await balances(alice), await bob.balance(), await _fees(fresh)) == ((0, 0, 0), amount, fee)
    [charged] = await run(fresh, "SELECT amount, status FROM fundings")
    assert tuple(charged) == (missing + fee, "settled")
    again = await _pay(alice, bob, amount, card, key=key)
    assert (again.content, again.headers["idempotent-replayed"]) == (paid.content, "true")
    assert (await alice.get(f"/transfers/{document['id']}")).json()["fee"] == fee
    assert await audit.findings(fresh) == []


async def test_a_balance_that_covers_it_leaves_the_source_alone(fresh: World) -> None:
    alice, bob = await fresh.person("alice", money=1000), await fresh.person("bob")
    card = await source(alice, "sandbox_card_declined")
    paid = await _pay(alice, bob, 1000, card)
    assert (paid.status_code, paid.json()["fee"]) == (201, 0)
    assert paid.json()["funding"] == {"balance": 1000, "funding_source": 0, "fee": 0}
    assert await run(fresh, "SELECT FROM fundings") == []
    plain = await bob.pay(alice, 10)
    assert "funding" not in plain.json()
    assert await audit.findings(fresh) == []


async def test_what_the_source_refuses_is_402_remembered_and_leaves_the_balance(fresh: World) -> None:
    alice, bob, key = await fresh.person("alice", money=400), await fresh.person("bob"), new_key()
    card = await source(alice, "sandbox_card_declined")
    first, again = [await _pay(alice, bob, 1000, card, key=key) for _ in range(2)]
    assert told(first) == (402, "bank_declined")
    assert (again.content, again.headers["idempotent-replayed"]) == (first.content, "true")
    assert (await balances(alice), await bob.balance()) == ((400, 0, 0), 0)
    [listed] = (await alice.get("/transfers")).json()["data"]
    assert (listed["status"], listed["amount"], listed["fee"]) == ("failed", 1000, 18)
    assert await _events(fresh, "TransferEnded") == 1
    assert told(await alice.post(f"/transfers/{listed['id']}/cancel")) == (409, "transfer_not_pending")
    for person, refusal in ((alice, (409, "transfer_not_settled")), (bob, (404, "transfer_not_found"))):
        assert told(await person.post(f"/transfers/{listed['id']}/refund", {}, key=new_key())) == refusal
    assert await audit.findings(fresh) == []


@pytest.mark.parametrize(
    ("token", "money", "amount", "end"),
    [
        ("sandbox_bank_slow", 400, 1000, "settled"),
        ("sandbox_bank_ok", 100, 9103, "settled"),
        ("sandbox_bank_ok", 100, 9104, "failed"),
        ("sandbox_card_ok", 0, 8741, "settled"),
        ("sandbox_card_ok", 0, 8742, "failed"),
    ],
)
async def test_a_payment_whose_source_is_slow(fresh: World, token: str, money: int, amount: int, end: str) -> None:
    alice, bob, key = await fresh.person("alice", money=money), await fresh.person("bob"), new_key()
    slow = await source(alice, token)
    first = await _pay(alice, bob, amount, slow, key=key)
    document = first.json()
    assert (first.status_code, document["status"], document["ended_at"]) == (201, "pending", None)
    assert document["recipient"]["id"] == bob.id
    assert document["funding"]["balance"] == money
    assert (await balances(alice), await bob.balance()) == ((0, 0, money), 0)
    cancelled = await alice.post(f"/transfers/{document['id']}/cancel")
    assert told(cancelled) == (409, "transfer_not_pending")
    refused = await alice.post(f"/transfers/{document['id']}/refund", {}, key=new_key())
    assert told(refused) == (409, "transfer_not_settled")
    for answer in (cancelled, refused):
        assert "card or bank is still to pay" in answer.json()["detail"]
        assert "may cancel" not in answer.json()["detail"]
    assert (await bob.get(f"/transfers/{document['id']}")).status_code == 404
    await bob.verify("email")
    await fresh.drain()
    assert await bob.balance() == 0
    assert await audit.findings(fresh) == []
    assert await settle(fresh) == 0
    fresh.clock.advance(A_DAY)
    assert await settle(fresh) == 1
    found = (await alice.get(f"/transfers/{document['id']}")).json()
    assert found["status"] == end
    assert (await bob.get(f"/transfers/{document['id']}")).status_code == (200 if end == "settled" else 404)
    assert found["ended_at"] > found["created_at"]
    has = (0, amount) if end == "settled" else (money, 0)
    assert (await balances(alice), await bob.balance()) == ((has[0], 0, 0), has[1])
    assert await _events(fresh, "TransferSettled") == int(end == "settled")
    again = await _pay(alice, bob, amount, slow, key=key)
    assert (again.content, again.headers["idempotent-replayed"]) == (first.content, "true")
    assert await audit.findings(fresh) == []


async def test_the_magic_amount_that_fails_at_once(world: World) -> None:
    alice, bob = await world.person("alice"), await world.person("bob")
    assert told(await _pay(alice, bob, 8740, await source(alice, "sandbox_card_ok"))) == (402, "bank_declined")


async def test_a_sale_paid_by_card_costs_both(fresh: World) -> None:
    alice, shop = await fresh.person("alice", money=1000), await fresh.person("shop")
    paid = await _pay(alice, shop, 3000, await source(alice, "sandbox_card_ok"), goods_and_services=True)
    assert (paid.json()["fee"], paid.json()["seller_fee"]) == (60, 67)
    assert (await alice.balance(), await shop.balance(), await _fees(fresh)) == (0, 3000 - 67, 127)
    assert await audit.findings(fresh) == []


async def test_a_funded_payment_is_in_the_feed_on_the_statement_and_can_be_refunded(fresh: World) -> None:
    alice, bob = await fresh.person("alice", money=100), await fresh.person("bob")
    paid = (await _pay(alice, bob, 600, await source(alice, "sandbox_card_ok"), note="cake")).json()
    await fresh.drain()
    [story] = (await alice.get("/feed", scope="mine")).json()["data"]
    assert story["note"] == "cake"
    back = await bob.post(f"/transfers/{paid['id']}/refund", {}, key=new_key())
    assert (back.status_code, back.json()["amount"]) == (201, 600)
    assert (await alice.balance(), await bob.balance()) == (600, 0)
    assert await audit.findings(fresh) == []


async def test_who_owes_pays_with_their_card_and_owes_as_before(fresh: World) -> None:
    """What the card is charged is for the payment, whatever they came to owe before, or while it was asked."""
    alice, bob, shop = [await fresh.person(name, money=500 * (name == "bob")) for name in ("alice", "bob", "shop")]
    earned = (await bob.pay(alice, 500)).json()["id"]
    await alice.pay(shop, 500)
    slow = await source(alice, "sandbox_bank_slow")
    waiting = await _pay(alice, bob, 1200, slow, note="first")
    assert (waiting.json()["status"], waiting.json()["funding"]["balance"]) == ("pending", 0)
    given = await alice.post(f"/transfers/{earned}/refund", {}, key=new_key())
    assert given.status_code == 201, given.text
    assert (await alice.get("/wallet")).json()["debt"] == 500
    by_card = await _pay(alice, bob, 300, await source(alice, "sandbox_card_ok"), note="second")
    assert by_card.json()["status"] == "settled"
    fresh.clock.advance(A_DAY)
    assert await settle(fresh) == 1
    assert await bob.balance() == 500 + 300 + 1200
    wallet = (await alice.get("/wallet")).json()
    assert (wallet["available"], wallet["on_hold"], wallet["debt"]) == (0, 0, 500)
    assert await audit.findings(fresh) == []


async def test_nothing_is_lent_while_a_card_or_bank_is_asked_for_the_rest(fresh: World) -> None:
    alice, bob = await fresh.person("alice"), await fresh.person("bob", money=500)
    earned = (await bob.pay(alice, 500)).json()["id"]
    waiting = await _pay(alice, bob, 9504, await source(alice))
    assert (waiting.json()["status"], waiting.json()["funding"]["balance"]) == ("pending", 500)
    refused = await alice.post(f"/transfers/{earned}/refund", {}, key=new_key())
    assert told(refused) == (402, "insufficient_funds")
    fresh.clock.advance(A_DAY)
    assert await settle(fresh) == 1
    assert (await alice.post(f"/transfers/{earned}/refund", {}, key=new_key())).status_code == 201
    wallet = (await alice.get("/wallet")).json()
    assert (wallet["available"], wallet["on_hold"], wallet["debt"]) == (0, 0, 0)
    assert await audit.findings(fresh) == []


async def test_what_a_funded_payment_is_refused_for_burns_no_key(world: World) -> None:
    alice, bob, key = await world.person("alice", money=100), await world.person("bob"), new_key()
    card = await source(alice, "sandbox_card_ok")
    to_contact = {"recipient": {"email": new_email()}, "amount": 101, "note": "x", "funding_source_id": card}
    assert told(await alice.post("/transfers", to_contact, key=key)) == (422, "recipient_not_signed_up")
    for unknown in ("fs_" + "0" * 32, "junk", await source(bob, "sandbox_card_ok")):
        assert told(await _pay(alice, bob, 50, unknown, key=key)) == (404, "funding_source_not_found")
    assert told(await _pay(alice, alice, 101, card, key=key)) == (422, "cannot_pay_self")
    nobody = {"recipient": {"username": "nobody_is_here"}, "amount": 101, "note": "x", "funding_source_id": card}
    assert told(await alice.post("/transfers", nobody, key=key)) == (404, "recipient_not_found")
    assert told(await _pay(alice, bob, 101, "x" * 65, key=key)) == (422, "validation_failed")
    held = await alice.post("/transfers", to_contact | {"amount": 100}, key=key)
    assert (held.status_code, held.json()["status"]) == (201, "pending")  # the balance covers it: nobody is charged
    assert await balances(alice) == (0, 0, 100)


async def test_the_guards_and_limits_of_payments_hold_for_funded_ones(fresh: World) -> None:
    async with town_in(fresh, FlakyBank(), figures=Figures()) as strict:
        alice, bob = await strict.person("alice"), await strict.person("bob", phone="+14155579321")
        await bob.verify("phone")
        card, key = await source(alice, "sandbox_card_ok"), new_key()
        assert (await _pay(alice, bob, 5000, card)).status_code == 201
        assert told(await _pay(alice, bob, 5000, card)) == (409, "possible_duplicate")
        assert told(await _pay(alice, bob, 10_001, card, key=key)) == (403, "payee_confirmation_needed")
        wrong = await _pay(alice, bob, 10_001, card, key=key, confirmation={"phone_last4": "0000"})
        assert (*told(wrong), wrong.json()["tries_left"]) == (403, "payee_confirmation_wrong", 4)
        again = await _pay(alice, bob, 10_001, card, key=key, confirmation={"phone_last4": "0000"})
        assert again.json()["tries_left"] == 3
        right = {"phone_last4": "9321"}
        assert (await _pay(alice, bob, 10_001, card, key=key, confirmation=right)).status_code == 201
        over = await _pay(alice, bob, 14_999, card, key=(key := new_key()))
        assert (*told(over), over.json()["left"]) == (402, "limit_exceeded", 14_998)
        assert (await _pay(alice, bob, 14_999, card, key=key)).headers["idempotent-replayed"] == "true"
        strict.clock.advance(timedelta(days=7, seconds=1))
        assert (await _pay(alice, bob, 14_999, card)).status_code == 201
        assert await audit.findings(strict) == []


@pytest.mark.parametrize(("money", "balance", "missing", "fee"), [(400, 400, 4600, 138), (9000, 5000, 0, 0)])
async def test_a_dry_run_tells_the_split_and_asks_no_bank(
    fresh: World, money: int, balance: int, missing: int, fee: int
) -> None:
    alice, bob, key = await fresh.person("alice", money=money), await fresh.person("bob"), new_key()
    card = await source(alice, "sandbox_card_declined")
    document = (await _pay(alice, bob, 5000, card, key=key, dry_run=True)).json()
    assert document["answer"]["funding"] == {"balance": balance, "funding_source": missing, "fee": fee}
    assert (document["answer"]["status"], document["answer"]["fee"]) == ("settled", fee)
    assert document["balances"]["after"] == {"available": money - balance, "on_hold": 0, "debt": 0}
    sent = next(one for one in document["limits"] if one["limit"] == "sent")
    assert sent["left_before"] - sent["left_after"] == 5000
    assert (await balances(alice), await bob.balance()) == ((money, 0, 0), 0)
    assert (await alice.get(f"/operations/{key}")).json()["state"] == "never_seen"
    assert told(await _pay(alice, alice, 5000, card, dry_run=True)) == (422, "cannot_pay_self")
    assert await run(fresh, "SELECT FROM fundings") == []
    assert await audit.findings(fresh) == []


async def test_what_a_payer_tried_and_what_their_card_cost_is_theirs_to_know(world: World) -> None:
    alice, bob = await world.person("alice"), await world.person("bob")
    declined = await _pay(alice, bob, 1000, await source(alice, "sandbox_card_declined"))
    assert declined.status_code == 402
    assert (await bob.get("/transfers")).json()["data"] == []
    [failed] = (await alice.get("/transfers")).json()["data"]
    assert (failed["status"], (await bob.get(f"/transfers/{failed['id']}")).status_code) == ("failed", 404)
    paid = (await _pay(alice, bob, 1000, await source(alice, "sandbox_card_ok"))).json()
    assert paid["fee"] == (await alice.get(f"/transfers/{paid['id']}")).json()["fee"] == 30
    [received] = (await bob.get("/transfers")).json()["data"]
    assert received["fee"] == (await bob.get(f"/transfers/{paid['id']}")).json()["fee"] == 0


async def test_what_a_bank_pays_counts_as_brought_in(strict: World) -> None:
    alice, bob = await strict.person("alice", verified=True), await strict.person("bob")
    await alice.befriend(bob)
    bank = await source(alice, "sandbox_bank_ok")
    assert (await _pay(alice, bob, 900_000, bank)).status_code == 201
    key = new_key()
    refused = await _pay(alice, bob, 100_001, bank, key=key, note="more")
    assert (*told(refused), refused.json()["limit"]) == (402, "limit_exceeded", "topped_up")
    assert (await _pay(alice, bob, 100_000, bank, note="more")).status_code == 201
    standing = {one["limit"]: one["used"] for one in (await alice.get("/limits")).json()["limits"]}
    assert standing == {"sent": 1_000_000, "topped_up": 1_000_000, "cashed_out": 0}
