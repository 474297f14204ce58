"""The proof knows every way money moves or waits, and finds what was changed of any of them, in either tier."""

from typing import Any

import pytest

from tests.archive.test_proof import failed
from tests.archive.town import Town, settle
from tests.conftest import Person, World, new_key
from tests.ledger.test_audit import use_banks
from tests.transfers.steps import give_back, new_email, pay_contact, verify
from venmo_api.archive import service

REFUNDS = "refund_of IS NOT NULL"
BY_KIND = "transaction_id IN (SELECT id FROM ledger_transactions WHERE kind = '{0}')"
ONE_HOLD = (
    "INSERT INTO holds (id, payer_id, payee_id, amount, captured, currency, note, audience, status, created_at, "
    "expires_at, ended_at) SELECT gen_random_uuid(), min(id::text)::uuid, max(id::text)::uuid, 100, {captured}, 'USD', "
    "'x', 'private', '{status}', now(), now(), {ended_at} FROM users"
)
ONE_CASH_OUT = (
    "INSERT INTO cash_outs (id, user_id, funding_source_id, amount, fee, currency, speed, status, idempotency_key, "
    "fingerprint, request_id, created_at, due_at) SELECT gen_random_uuid(), id, id, 100, 1, 'USD', 'standard', "
    "'{status}', 'some-key', '', '', now(), now() FROM users LIMIT 1"
)
ONE_FUNDING = (
    "INSERT INTO fundings SELECT id, gen_random_uuid(), gen_random_uuid(), 100, 'settled', 'pay', 'some-key', '', '', "
    "now() FROM transfers WHERE status = 'settled' LIMIT 1"
)
ONE_REQUEST = (
    "INSERT INTO payment_requests (id, requester_id, payer_id, amount, currency, note, status, transfer_id, "
    "created_at, expires_at, ended_at) SELECT gen_random_uuid(), recipient_id, sender_id, amount, 'USD', 'x', "
    "'settled', id, now(), now(), now() FROM transfers WHERE status = 'settled' AND refund_of IS NULL LIMIT 1"
)
IN_POSTGRES = {
    "the seller's fee": (
        "UPDATE transfers SET seller_fee = seller_fee + 1 WHERE seller_fee > 0",
        {"transfers posted"},
    ),
    "a fee nobody paid": (
        "UPDATE transfers SET fee = 5 WHERE id IN (SELECT id FROM transfers WHERE status = 'settled' AND fee = 0 "
        "AND refund_of IS NULL LIMIT 1)",
        {"transfers posted"},
    ),
    "the amount of a refund": (
        f"UPDATE transfers SET amount = amount + 1 WHERE {REFUNDS}",
        {"refunds posted", "refunds announced", "refunds of their payments"},
    ),
    "a refund deleted": (
        f"DELETE FROM transfers WHERE {REFUNDS}",
        {"refunds posted", "refunds announced", "refunds of their payments"},
    ),
    "what was refunded": ("UPDATE transfers SET refunded = 0 WHERE refunded > 0", {"refunds of their payments"}),
    "refunded and never given back": (
        "UPDATE transfers SET refunded = amount WHERE refunded = 0 AND refund_of IS NULL",
        {"refunds of their payments"},
    ),
    "more refunded than paid": (
        "ALTER TABLE transfers DROP CONSTRAINT ck_transfers_refunded; "
        "UPDATE transfers SET refunded = amount + 1 WHERE refunded > 0",
        {"refunds of their payments"},
    ),
    "a refund of nothing": (
        f"UPDATE transfers SET refund_of = gen_random_uuid() WHERE {REFUNDS}",
        {"refunds of their payments", "refunds announced"},
    ),
    "a refund of a refund": (
        f"UPDATE transfers SET refund_of = id WHERE {REFUNDS}",
        {"refunds of their payments", "refunds announced"},
    ),
    "a refund by somebody else": (
        f"UPDATE transfers SET sender_id = gen_random_uuid() WHERE {REFUNDS}",
        {"refunds of their payments", "refunds posted", "refunds announced"},
    ),
    "a refund that is not settled": (
        f"UPDATE transfers SET status = 'failed' WHERE {REFUNDS}",
        {"refunds of their payments"},
    ),
    "a refund that is a payment": (
        f"UPDATE transfers SET refund_of = NULL WHERE {REFUNDS}",
        {"refunds posted", "transfers posted", "transfers announced", "refunds announced"},
    ),
    "the time of a refund": (
        f"UPDATE transfers SET created_at = created_at - interval '1 microsecond' WHERE {REFUNDS}",
        {"refunds announced", "times agree"},
    ),
    "when a payment was claimed": (
        "UPDATE transfers SET ended_at = ended_at + interval '1 microsecond' WHERE status = 'settled'",
        {"times agree", "transfers announced"},
    ),
    "who claimed a payment": (
        "UPDATE transfers SET recipient_id = sender_id, sender_id = recipient_id WHERE contact IS NOT NULL "
        "AND status = 'settled'",
        {"transfers posted", "transfers announced"},
    ),
    "the story of a claimed payment": (
        "DELETE FROM stories WHERE id IN (SELECT id FROM transfers WHERE contact IS NOT NULL)",
        {"stories as announced"},
    ),
    "a pending payment that is settled": (
        "UPDATE transfers SET status = 'settled', recipient_id = gen_random_uuid() WHERE status = 'pending'",
        {"transfers posted", "transfers announced", "money held", "holds captured"},
    ),
    "a settled payment that is pending": (
        "UPDATE transfers SET status = 'pending' WHERE status = 'settled' AND contact IS NOT NULL",
        {"transfers posted", "transfers announced", "money held", "holds captured"},
    ),
    "a pending payment cancelled by hand": (
        "UPDATE transfers SET status = 'cancelled' WHERE status = 'pending'",
        {"money held"},
    ),
    "a cancelled payment that waits again": (
        "UPDATE transfers SET status = 'pending' WHERE status = 'cancelled'",
        {"money held"},
    ),
    "more than is held waits": ("UPDATE transfers SET amount = amount + 1 WHERE status = 'pending'", {"money held"}),
    "a hold opened": ("UPDATE ledger_holds SET open = true WHERE NOT open AND captured = 0", {"money held"}),
    "a hold closed": ("UPDATE ledger_holds SET open = false WHERE open", {"money held"}),
    "a hold deleted": ("DELETE FROM ledger_holds WHERE open", {"money held", "holds captured"}),
    "the amount of a hold": ("UPDATE ledger_holds SET amount = amount + 1 WHERE open", {"money held"}),
    "a hold on somebody else's money": (
        "UPDATE ledger_holds SET account_id = gen_random_uuid() WHERE open",
        {"money held"},
    ),
    "what was captured of a hold": (
        "UPDATE ledger_holds SET captured = captured - 1 WHERE captured > 0",
        {"holds captured"},
    ),
    "money held without a hold": (
        "UPDATE ledger_accounts SET held = 1 WHERE kind = 'wallet' AND held = 0 AND balance > 0",
        {"money held"},
    ),
    "an authorisation nobody holds": (ONE_HOLD.format(captured=0, status="held", ended_at="NULL"), {"money held"}),
    "captured and never paid": (
        ONE_HOLD.format(captured=100, status="settled", ended_at="now()"),
        {"authorisations captured", "holds captured"},
    ),
    "settled and not captured": (
        ONE_HOLD.format(captured=0, status="settled", ended_at="now()"),
        {"authorisations captured"},
    ),
    "a payment that captures nothing": (
        "UPDATE transfers SET hold_id = gen_random_uuid() WHERE status = 'settled' AND refund_of IS NULL",
        {"authorisations captured"},
    ),
    "what an authorisation has captured": (
        "UPDATE holds SET captured = captured + 1",
        {"authorisations captured", "holds captured"},
    ),
    "whose authorisation it is": (
        "UPDATE holds SET payer_id = payee_id, payee_id = payer_id",
        {"authorisations captured", "money held"},
    ),
    "a capture that is a payment": (
        "UPDATE transfers SET hold_id = NULL WHERE hold_id IS NOT NULL",
        {"authorisations captured"},
    ),
    "captured in full and still open": (
        ONE_HOLD.format(captured=100, status="cancelled", ended_at="now()"),
        {"authorisations captured"},
    ),
    "the amount of a settled request": (
        "UPDATE payment_requests SET amount = amount + 1 WHERE status = 'settled'",
        {"requests settled"},
    ),
    "a settled request deleted": ("DELETE FROM payment_requests WHERE status = 'settled'", {"requests settled"}),
    "a cash-out that never left": (ONE_CASH_OUT.format(status="settled"), {"cash-outs posted", "cash-outs announced"}),
    "the fee of a cash-out": (
        "UPDATE cash_outs SET fee = fee - 1 WHERE status = 'settled'",
        {"cash-outs posted", "cash-outs announced"},
    ),
    "a cash-out that settled by hand": (
        "UPDATE cash_outs SET status = 'settled' WHERE status = 'pending'",
        {"cash-outs posted", "cash-outs announced", "money held", "holds captured"},
    ),
    "a cash-out that failed after all": (
        "UPDATE cash_outs SET status = 'failed' WHERE status = 'settled'",
        {"cash-outs posted", "cash-outs announced", "holds captured"},
    ),
    "a cash-out deleted": ("DELETE FROM cash_outs", {"cash-outs posted", "money held", "holds captured"}),
    "what a card was charged": (
        "UPDATE fundings SET amount = amount + 1 WHERE status = 'settled'",
        {"fundings posted", "holds captured"},
    ),
    "a charge forgotten": ("DELETE FROM fundings WHERE status = 'settled'", {"fundings posted", "holds captured"}),
    "a charge that settled by hand": (
        "UPDATE fundings SET status = 'settled' WHERE status = 'pending'",
        {"fundings posted"},
    ),
    "a charge that is awaited and forgotten": ("DELETE FROM fundings WHERE status = 'pending'", {"money held"}),
    "a cash-out nobody holds": (ONE_CASH_OUT.format(status="pending"), {"money held"}),
    "a charge that never came": (ONE_FUNDING, {"fundings posted"}),
    "a request its payment knows nothing of": (ONE_REQUEST, {"requests settled"}),
    "a payment of a request that is not there": (
        "UPDATE transfers SET request_id = gen_random_uuid() WHERE status = 'settled' AND refund_of IS NULL",
        {"requests settled"},
    ),
    "who owes and is not known to": (
        "UPDATE ledger_accounts SET owes = false WHERE owes",
        {"debts"},
    ),
    "who is said to owe": ("UPDATE ledger_accounts SET owes = true WHERE kind = 'wallet'", {"debts"}),
    "the last moment of an account": (
        "UPDATE ledger_accounts SET moved_at = moved_at + interval '1 microsecond' WHERE version > 0",
        {"times never step back"},
    ),
    "an account that forgot when it moved": (
        "UPDATE ledger_accounts SET moved_at = NULL WHERE version > 0",
        {"times never step back"},
    ),
}
IN_LEDGER = {
    "a debt of nobody": (
        "WITH d AS (UPDATE ledger_accounts SET id = gen_random_uuid() WHERE kind = 'debt' RETURNING id) "
        "UPDATE ledger_entries SET account_id = (SELECT id FROM d) WHERE amount < 0 AND " + BY_KIND.format("advance"),
        {"debts"},
    ),
    "who got an advance": (
        "UPDATE ledger_entries SET account_id = (SELECT id FROM ledger_accounts WHERE kind = 'bank' LIMIT 1) "
        "WHERE amount > 0 AND " + BY_KIND.format("advance"),
        {"debts"},
    ),
    "an advance that is a repayment": (
        "UPDATE ledger_transactions SET kind = 'repayment' WHERE kind = 'advance'",
        {"debts"},
    ),
    "a repayment that is a refund": (
        "UPDATE ledger_transactions SET kind = 'refund' WHERE kind = 'repayment'",
        {"refunds posted"},
    ),
    "a repayment to somebody else's debt": (
        "UPDATE ledger_entries SET account_id = gen_random_uuid() WHERE amount > 0 AND " + BY_KIND.format("repayment"),
        {"debts"},
    ),
    "the fees in another stripe": (
        "UPDATE ledger_entries SET account_id = (SELECT max(id::text)::uuid FROM ledger_accounts "
        "WHERE kind = 'fees' AND version = 0) WHERE ctid = (SELECT min(e.ctid) FROM ledger_entries e "
        "JOIN ledger_accounts a ON a.id = e.account_id WHERE a.kind = 'fees')",
        {"transfers posted"},
    ),
    "a cash-out nobody asked for": (
        "UPDATE ledger_transactions SET kind = 'cash_out' WHERE kind = 'refund'",
        {"cash-outs posted", "refunds posted"},
    ),
    "a charge of nobody's card": (
        "UPDATE ledger_transactions SET kind = 'funding' WHERE kind = 'top_up'",
        {"fundings posted", "top-ups posted"},
    ),
    "the event of a refund": ("DELETE FROM events WHERE topic = 'TransferRefunded'", {"refunds announced"}),
    "an event of a cash-out": (
        "UPDATE events SET topic = 'CashOutSettled' WHERE topic = 'TopUpSettled'",
        {"cash-outs announced", "top-ups announced"},
    ),
    **{
        f"an event of a refund that says {field}: {value}": (
            f"UPDATE events SET payload = jsonb_set(payload, '{{{field}}}', '{value}') "
            "WHERE topic = 'TransferRefunded'",
            {"refunds announced"},
        )
        for field, value in (
            ("amount", "1"),
            ("currency", '"EUR"'),
            ("refund_of", '"nothing"'),
            ("sender_id", '"ben"'),
            ("recipient_id", "null"),
            ("at", '"2026-01-01T00:00:00+00:00"'),
        )
    },
    "the times of an account": (
        "UPDATE ledger_entries SET at = now() WHERE " + BY_KIND.format("top_up"),
        {"times never step back", "times agree"},
    ),
}
"""Of what the archive moves: only there while it is still in Postgres."""


async def every_kind(world: World) -> Town:
    """A town where money moved and waits in every way people can make it."""
    town = await settle(world, trades=3)
    ann, ben, cid = town.people
    newcomer, somebody = await world.person("eve"), await world.person("fay")
    paid = (await ann.pay(newcomer, 900)).json()
    assert (await ann.pay(somebody, 1000, goods_and_services=True)).status_code == 201
    assert (await newcomer.pay(ben, 900)).status_code == 201
    for amount in (300, 200):  # the newcomer has spent it: the house lends the money
        assert (await give_back(newcomer, paid["id"], amount)).status_code == 201
    assert (await cid.pay(newcomer, 120)).status_code == 201  # and a part of it is repaid
    waiting = [(await pay_contact(ben, new_email(), 70 + number)).json() for number in range(2)]
    assert (await ben.post(f"/transfers/{waiting[0]['id']}/cancel")).status_code == 200
    await ask_and_authorise(ann, ben)
    email = new_email()
    claimed = await pay_contact(cid, email, 210, goods_and_services=True)
    assert claimed.json()["status"] == "pending"
    late = await world.person("late", username=email.partition("@")[0])
    await verify(world, "email", late.email)
    await world.drain()
    assert (await late.balance()) > 0
    await use_banks(cid, ann)
    await world.drain()
    return town


async def ask_and_authorise(payer: Person, payee: Person) -> None:
    """A request that is paid, and two authorisations of which parts were captured."""
    body: Any = {"payer": {"user_id": payer.id}, "amount": 330, "note": "please"}
    request = (await payee.post("/requests", body, key=new_key())).json()
    assert (await payer.post(f"/requests/{request['id']}/accept", {}, key=new_key())).status_code == 200
    for final in (False, True):
        body = {"payee": {"user_id": payee.id}, "amount": 440, "note": "at most"}
        hold = (await payer.post("/holds", body, key=new_key())).json()
        for body in ({"amount": 110}, {"amount": 120, "final": final}):
            captured = await payee.post(f"/holds/{hold['id']}/capture", body, key=new_key())
            assert captured.status_code == 201, captured.text


@pytest.mark.parametrize("archived", [False, True], ids=["all in Postgres", "archived half-way"])
async def test_whatever_is_changed_of_money_is_found(fresh: World, archived: bool) -> None:
    town = await every_kind(fresh)
    await town.verify()
    if archived:
        await service.archive(fresh.app, before=fresh.clock.now())
        assert await town.hot() == (0, 0, 0)
        await town.verify()
    await town.keep()
    for name, (statement, expected) in (IN_POSTGRES if archived else IN_POSTGRES | IN_LEDGER).items():
        await town.tamper(statement)
        assert expected <= await failed(town), name
        await town.restore()
    await town.verify()
