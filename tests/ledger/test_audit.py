"""The auditor finds what is planted: each promise is broken by hand, behind the triggers' back, and reported."""

import pytest

from tests.conftest import World
from tests.ledger import audit

PLANTED = {
    "a transaction does not sum to zero": "UPDATE ledger_entries SET amount = amount + 1 WHERE amount > 0",
    "a transaction has fewer than two entries": """
        INSERT INTO ledger_transactions VALUES (gen_random_uuid(), 'transfer', now())""",
    "an entry has no transaction": "DELETE FROM ledger_transactions",
    "an entry has no account": "DELETE FROM ledger_accounts WHERE kind = 'wallet'",
    "all entries do not sum to zero": """
        INSERT INTO ledger_entries SELECT id, version + 1, gen_random_uuid(), 5, balance + 5
        FROM ledger_accounts WHERE kind = 'wallet'""",
    "all balances do not sum to zero": "UPDATE ledger_accounts SET balance = balance + 1 WHERE kind = 'wallet'",
    "a stored balance is not what its entries say": """
        UPDATE ledger_accounts SET balance = balance + 1 WHERE kind = 'wallet' AND balance > 0""",
    "versions have a gap": "UPDATE ledger_entries SET version = version + 10 WHERE amount > 0",
    "a running balance is wrong": "UPDATE ledger_entries SET balance_after = balance_after + 1 WHERE amount > 0",
    "an account is below its floor": """
        ALTER TABLE ledger_accounts DROP CONSTRAINT ck_ledger_accounts_floor;
        UPDATE ledger_accounts SET balance = -1 WHERE kind = 'wallet'""",
    "a person's balance was below zero": """
        UPDATE ledger_entries SET balance_after = -1 WHERE account_id IN (SELECT id FROM users)""",
    "a transfer and its ledger transaction differ": "DELETE FROM transfers",
    "a transfer and its entries differ": "UPDATE transfers SET amount = amount + 1",
    "a transfer is not claimed by exactly one key": "DELETE FROM idempotency_keys WHERE route = 'pay'",
    "a key answered with a transfer that is not there": "DELETE FROM transfers",
    "a transfer was not announced exactly once": "DELETE FROM events",
    "a settled top-up is not in the ledger exactly once": "DELETE FROM top_ups",
}


def test_every_promise_is_broken_once() -> None:
    assert set(PLANTED) == set(audit.WRONG)


async def test_the_auditor_is_silent_about_a_sound_ledger_and_finds_each_planted_defect(fresh: World) -> None:
    alice, bob = await fresh.person("alice", money=10_000), await fresh.person("bob")
    assert (await alice.pay(bob, 1250)).status_code == 201
    assert await audit.findings(fresh) == []
    connection = await audit.connect(fresh)
    await connection.execute("SET session_replication_role = replica")  # triggers look away
    try:
        for promise, damage in PLANTED.items():
            change = connection.transaction()
            await change.start()
            await connection.execute(damage)
            assert await connection.fetch(audit.WRONG[promise]), promise
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
