"""The auditor finds what is planted: each promise is broken by hand, behind the triggers' back, and reported."""

from typing import Any

import pytest

from tests.conftest import Person, World
from tests.ledger import audit

ONE_CASH_OUT = (
    "INSERT INTO cash_outs (id, user_id, funding_source_id, amount, fee, currency, speed, status, idempotency_key, "
    "fingerprint, request_id, created_at, due_at) SELECT gen_random_uuid(), id, id, 100, 0, 'USD', 'standard', "
    "'{status}', 'some-key', '', '', now(), now() FROM users LIMIT 1"
)
ONE_HOLD = (
    "INSERT INTO holds (id, payer_id, payee_id, amount, captured, currency, note, audience, status, created_at, "
    "expires_at, ended_at) SELECT gen_random_uuid(), min(id::text)::uuid, max(id::text)::uuid, 100, {captured}, 'USD', "
    "'x', 'private', '{status}', now(), now(), {ended_at} FROM users"
)
PLANTED = {
    "a transaction does not sum to zero": "UPDATE ledger_entries SET amount = amount + 1 WHERE amount > 0",
    "a transaction has fewer than two entries": """
        INSERT INTO ledger_transactions VALUES (gen_random_uuid(), 'transfer', now())""",
    "an entry has no transaction": "DELETE FROM ledger_transactions",
    "an entry has no account": "DELETE FROM ledger_accounts WHERE kind = 'wallet'",
    "all entries do not sum to zero": """
        INSERT INTO ledger_entries SELECT id, version + 1, gen_random_uuid(), 5, balance + 5, now()
        FROM ledger_accounts WHERE kind = 'wallet'""",
    "all balances do not sum to zero": "UPDATE ledger_accounts SET balance = balance + 1 WHERE kind = 'wallet'",
    "a stored balance is not what its entries say": """
        UPDATE ledger_accounts SET balance = balance + 1 WHERE kind = 'wallet' AND balance > 0""",
    "versions have a gap": "UPDATE ledger_entries SET version = version + 1000 WHERE amount > 0",
    "a running balance is wrong": "UPDATE ledger_entries SET balance_after = balance_after + 1 WHERE amount > 0",
    "an account has an entry twice": "INSERT INTO ledger_entries SELECT account_id, version, transaction_id, amount, "
    "balance_after, at + interval '1 day' FROM ledger_entries LIMIT 1",
    "a transaction is there twice": "INSERT INTO ledger_transactions SELECT id, kind, created_at + interval '1 day' "
    "FROM ledger_transactions LIMIT 1",
    "an entry is of another moment than its transaction": """
        UPDATE ledger_entries SET at = at + interval '1 microsecond' WHERE amount > 0""",
    "the times of an account step back": """
        UPDATE ledger_transactions SET created_at = created_at + interval '1 day' WHERE kind = 'top_up'""",
    "an account does not know when it last moved": """
        UPDATE ledger_accounts SET moved_at = moved_at - interval '1 microsecond' WHERE version > 0""",
    "an account is below its floor": """
        ALTER TABLE ledger_accounts DROP CONSTRAINT ck_ledger_accounts_floor;
        UPDATE ledger_accounts SET balance = -1 WHERE kind = 'wallet'""",
    "a person's balance was below zero": """
        UPDATE ledger_entries SET balance_after = -1 WHERE account_id IN (SELECT id FROM users)""",
    "what is held is not what is left of the holds": """
        UPDATE ledger_holds SET amount = amount + 1 WHERE open""",
    "what waits and what is held differ": "UPDATE transfers SET status = 'cancelled' WHERE status = 'pending'",
    "what was captured and what was paid of it differ": """
        UPDATE ledger_holds SET captured = captured + 1 WHERE NOT open AND captured = 0""",
    "an authorisation and its captures differ": ONE_HOLD.format(captured=100, status="settled", ended_at="now()"),
    "a person owes and nobody knows": "UPDATE ledger_accounts SET owes = NOT owes WHERE kind = 'wallet'",
    "a debt is nobody's": "UPDATE ledger_accounts SET id = gen_random_uuid() WHERE kind = 'debt'",
    "an advance is not of one person": """
        UPDATE ledger_entries e SET account_id = (SELECT id FROM ledger_accounts WHERE kind = 'bank' LIMIT 1)
        FROM ledger_transactions t WHERE t.id = e.transaction_id AND t.kind = 'advance' AND e.amount < 0""",
    "a repayment is not of one person": """
        UPDATE ledger_entries e SET amount = -amount
        FROM ledger_transactions t WHERE t.id = e.transaction_id AND t.kind = 'repayment'""",
    "a transfer and its entries differ": "UPDATE transfers SET amount = amount + 1",
    "a refund and its entries differ": "UPDATE transfers SET amount = amount + 1 WHERE refund_of IS NOT NULL",
    "a top-up and its entries differ": "DELETE FROM top_ups",
    "a funding and its entries differ": """
        INSERT INTO fundings SELECT id, gen_random_uuid(), gen_random_uuid(), 100, 'settled', 'pay', 'some-key', '',
        '', now() FROM transfers LIMIT 1""",
    "a cash-out and its entries differ": ONE_CASH_OUT.format(status="settled"),
    "a transfer has another moment than its posting": """
        UPDATE transfers SET created_at = created_at - interval '1 microsecond' WHERE ended_at IS NULL""",
    "a refund is not of its payment": """
        UPDATE transfers SET refund_of = gen_random_uuid() WHERE refund_of IS NOT NULL""",
    "what was refunded is not the sum of the refunds": "UPDATE transfers SET refunded = 1 WHERE refunded > 0",
    "a settled request and its transfer differ": """
        UPDATE transfers SET request_id = gen_random_uuid() WHERE status = 'settled' AND refund_of IS NULL""",
    "a limit does not add up": """
        UPDATE limit_uses SET total = total + 1 WHERE (user_id, kind, total) IN (
            SELECT user_id, kind, max(total) FROM limit_uses GROUP BY 1, 2 HAVING count(*) > 1)""",
    "a transfer is not claimed by exactly one key": "DELETE FROM idempotency_keys WHERE route = 'pay'",
    "a key answered with a transfer that is not there": "DELETE FROM transfers",
    "a transfer was not announced exactly once": "DELETE FROM events",
    "a refund was not announced exactly once": """
        UPDATE events SET payload = payload || '{"at": "2026-01-01T00:00:00Z"}' WHERE topic = 'TransferRefunded'""",
    "a top-up was not announced exactly once": """
        INSERT INTO events SELECT gen_random_uuid(), topic, payload, created_at FROM events
        WHERE topic = 'TopUpSettled'""",
    "a cash-out was not announced exactly once": ONE_CASH_OUT.format(status="settled"),
}
MORE_PLANTED = {
    "a transfer and its entries differ": (
        "DELETE FROM transfers WHERE refund_of IS NULL",
        "DELETE FROM ledger_transactions WHERE kind = 'transfer'",
        "UPDATE transfers SET seller_fee = seller_fee + 1 WHERE seller_fee > 0",
        "UPDATE transfers SET fee = 1 WHERE status = 'settled'",
    ),
    "what waits and what is held differ": (
        ONE_CASH_OUT.format(status="pending"),
        ONE_HOLD.format(captured=0, status="held", ended_at="NULL"),
        "UPDATE ledger_holds SET open = false WHERE open",
        "UPDATE ledger_holds SET open = true WHERE NOT open AND captured = 0",
        "DELETE FROM ledger_holds WHERE open",
        "UPDATE transfers SET amount = amount + 1 WHERE status = 'pending'",
        "UPDATE transfers SET sender_id = gen_random_uuid() WHERE status = 'pending'",
    ),
    "a funding and its entries differ": (
        "DELETE FROM fundings",
        "UPDATE fundings SET amount = amount + 1 WHERE status = 'settled'",
        "UPDATE fundings SET status = 'settled'",
        "UPDATE fundings SET ledger_transaction_id = gen_random_uuid() WHERE status = 'settled'",
    ),
    "a cash-out and its entries differ": (
        "DELETE FROM cash_outs",
        "UPDATE cash_outs SET fee = fee - 1 WHERE status = 'settled'",
        "UPDATE cash_outs SET amount = amount + 1 WHERE status = 'settled'",
        "UPDATE cash_outs SET status = 'settled'",
    ),
    "a cash-out was not announced exactly once": ("DELETE FROM events WHERE topic = 'CashOutSettled'",),
    "a limit does not add up": (
        "UPDATE limit_uses SET at = at - interval '1 year' WHERE total > amount",
        "DELETE FROM limit_uses WHERE (user_id, kind, total) IN (SELECT user_id, kind, total FROM ("
        "SELECT *, row_number() OVER (PARTITION BY user_id, kind ORDER BY total) AS n FROM limit_uses) u WHERE n = 2)",
    ),
    "what was refunded is not the sum of the refunds": (
        "DELETE FROM transfers WHERE refund_of IS NOT NULL",
        "UPDATE transfers SET refund_of = NULL WHERE refund_of IS NOT NULL",
    ),
    "a refund is not of its payment": (
        "UPDATE transfers SET sender_id = gen_random_uuid() WHERE refund_of IS NOT NULL",
        "UPDATE transfers SET refund_of = id WHERE refund_of IS NOT NULL",
        "UPDATE transfers SET status = 'pending' WHERE refund_of IS NOT NULL",
    ),
    "a refund was not announced exactly once": ("DELETE FROM transfers WHERE refund_of IS NOT NULL",),
    "an authorisation and its captures differ": (
        "UPDATE holds SET captured = captured + 1",
        "UPDATE holds SET payee_id = payer_id, payer_id = payee_id",
        "UPDATE transfers SET hold_id = NULL WHERE hold_id IS NOT NULL",
        "UPDATE transfers SET hold_id = gen_random_uuid() WHERE hold_id IS NOT NULL",
        ONE_HOLD.format(captured=100, status="cancelled", ended_at="now()"),
        ONE_HOLD.format(captured=0, status="settled", ended_at="now()"),
    ),
    "what was captured and what was paid of it differ": (
        "UPDATE ledger_holds SET captured = captured - 1 WHERE captured > 0",
        "DELETE FROM holds",
    ),
    "a settled request and its transfer differ": (
        "UPDATE payment_requests SET amount = amount + 1 WHERE status = 'settled'",
        "UPDATE payment_requests SET payer_id = requester_id, requester_id = payer_id WHERE status = 'settled'",
        "UPDATE transfers SET request_id = NULL WHERE request_id IS NOT NULL",
        "DELETE FROM payment_requests WHERE status = 'settled'",
    ),
    "a transfer is not claimed by exactly one key": (
        "DELETE FROM idempotency_keys WHERE route = 'accept'",
        "DELETE FROM idempotency_keys WHERE route = 'capture'",
        "DELETE FROM idempotency_keys WHERE route = 'refund'",
    ),
    "an account does not know when it last moved": (
        "UPDATE ledger_accounts SET moved_at = NULL",
        "UPDATE ledger_accounts SET moved_at = now() WHERE version = 0",
    ),
}
"""Further ways to break a promise."""


async def everything(world: World) -> list[Person]:
    """Rows of every kind that people can make."""
    alice, bob, carol = [await world.person(name, money=money) for name, money in (("a", 10_000), ("b", 0), ("c", 50))]
    paid = await alice.pay(bob, 1250)
    assert paid.status_code == 201
    assert (await alice.pay(bob, 1000, goods_and_services=True)).status_code == 201
    assert (await bob.pay(carol, 2200)).status_code == 201
    for amount in (1000, 250):  # Bob has spent it: the house lends the money
        body: Any = {"amount": amount}
        given = await bob.post(f"/transfers/{paid.json()['id']}/refund", body, key=f"refund-{amount}")
        assert given.status_code == 201, given.text
    assert (await carol.pay(bob, 500)).status_code == 201  # and Bob repays
    for number in range(2):
        nobody = {"email": f"nobody-{number}@example.com"}
        body = {"recipient": nobody, "amount": 700 + number, "note": "wait for it"}
        waiting = await alice.post("/transfers", body, key=f"contact-{number}")
        assert (waiting.status_code, waiting.json()["status"]) == (201, "pending")
    assert (await alice.post(f"/transfers/{waiting.json()['id']}/cancel")).status_code == 200
    requests = [(alice, bob, 40), (alice, carol, 50), (bob, alice, 60)]
    for number, (payer, requester, amount) in enumerate(requests):
        body = {"payer": {"user_id": payer.id}, "amount": amount, "note": "please"}
        request = (await requester.post("/requests", body, key=f"request-{number}")).json()
        step = "decline" if number == 1 else "accept"
        ended = await payer.post(f"/requests/{request['id']}/{step}", {}, key=f"accept-{number}")
        assert ended.status_code == (402 if payer is bob else 200), ended.text
    for number in range(3):
        body = {"payee": {"user_id": carol.id}, "amount": 300 + number, "note": "at most"}
        hold = (await alice.post("/holds", body, key=f"a-hold-{number}")).json()
        captured = await carol.post(f"/holds/{hold['id']}/capture", {"amount": 100}, key=f"capture-{number}")
        assert captured.status_code == 201, captured.text
        if number:
            body = {"amount": 20, "final": number == 2}
            await carol.post(f"/holds/{hold['id']}/capture", body, key=f"recapture-{number}")
    await use_banks(alice, carol)
    return [alice, bob, carol]


async def use_banks(payer: Person, payee: Person) -> None:
    """Money goes out, and comes in with a payment: settled, refused and still awaited."""
    for number, token in enumerate(("sandbox_card_ok", "sandbox_card_declined", "sandbox_bank_slow")):
        source = (await payer.post("/wallet/funding-sources", {"token": token})).json()["id"]
        speed = "standard" if "bank" in token else "instant"
        body: Any = {"funding_source_id": source, "amount": 200 + number, "speed": speed}
        answer = await payer.post("/wallet/cash-outs", body, key=f"cash-out-{number}")
        assert answer.status_code == (402 if "declined" in token else 201), answer.text
        available = await payer.balance()
        body = {"recipient": {"user_id": payee.id}, "amount": available + 100, "note": "all and more"}
        answer = await payer.post("/transfers", body | {"funding_source_id": source}, key=f"funded-{number}")
        assert answer.status_code == (402 if "declined" in token else 201), answer.text
        if number == 0:
            assert (await payee.pay(payer, 600)).status_code == 201


def test_every_promise_is_broken_once() -> None:
    assert set(PLANTED) == set(audit.WRONG)


async def test_the_auditor_is_silent_about_a_sound_ledger_and_finds_each_planted_defect(fresh: World) -> None:
    await everything(fresh)
    assert await audit.findings(fresh) == []
    connection = await audit.connect(fresh)
    await connection.execute("SET session_replication_role = replica")  # triggers look away
    broken = list(PLANTED.items())
    broken += [(promise, damage) for promise, damages in MORE_PLANTED.items() for damage in damages]
    try:
        for promise, damage in broken:
            change = connection.transaction()
            await change.start()
            await connection.execute(damage)
            assert await connection.fetch(audit.WRONG[promise]), (promise, damage)
            await change.rollback()
    finally:
        await connection.close()
    assert await audit.findings(fresh) == []


@pytest.mark.parametrize("key_count", [0, 2])
async def test_a_posting_claimed_by_none_or_by_two_keys_is_found(fresh: World, key_count: int) -> None:
    alice, bob = await fresh.person("alice", money=10_000), await fresh.person("bob")
    await alice.pay(bob, 1250, key="the-one-key")
    connection = await audit.connect(fresh)
    if key_count:
        await connection.execute("""
            INSERT INTO idempotency_keys SELECT user_id, route, 'another-key', fingerprint, status, body, created_at
            FROM idempotency_keys WHERE key = 'the-one-key'""")
    else:
        await connection.execute("DELETE FROM idempotency_keys WHERE key = 'the-one-key'")
    await connection.close()
    assert await audit.findings(fresh) == ["a transfer is not claimed by exactly one key"]
