"""An auditor who trusts nothing but the rows: every promise of the ledger as a query that finds what breaks it."""

from typing import Any

import asyncpg

from tests.conftest import World, database_url

WRONG = {
    "a transaction does not sum to zero": """
        SELECT transaction_id FROM ledger_entries GROUP BY transaction_id HAVING sum(amount) <> 0""",
    "a transaction has fewer than two entries": """
        SELECT t.id FROM ledger_transactions t LEFT JOIN ledger_entries e ON e.transaction_id = t.id
        GROUP BY t.id HAVING count(e.account_id) < 2""",
    "an entry has no transaction": """
        SELECT e.transaction_id FROM ledger_entries e LEFT JOIN ledger_transactions t ON t.id = e.transaction_id
        WHERE t.id IS NULL""",
    "an entry has no account": """
        SELECT e.account_id FROM ledger_entries e LEFT JOIN ledger_accounts a ON a.id = e.account_id
        WHERE a.id IS NULL""",
    "all entries do not sum to zero": "SELECT sum(amount) FROM ledger_entries HAVING sum(amount) <> 0",
    "all balances do not sum to zero": "SELECT sum(balance) FROM ledger_accounts HAVING sum(balance) <> 0",
    "a stored balance is not what its entries say": """
        SELECT a.id FROM ledger_accounts a LEFT JOIN ledger_entries e ON e.account_id = a.id
        GROUP BY a.id HAVING a.balance <> coalesce(sum(e.amount), 0)""",
    "versions have a gap": """
        SELECT a.id FROM ledger_accounts a LEFT JOIN ledger_entries e ON e.account_id = a.id
        GROUP BY a.id HAVING count(e.version) <> a.version OR coalesce(max(e.version), 0) <> a.version""",
    "a running balance is wrong": """
        SELECT account_id FROM (
            SELECT account_id, balance_after, sum(amount) OVER (PARTITION BY account_id ORDER BY version) AS running
            FROM ledger_entries) e WHERE balance_after <> running""",
    "an account is below its floor": "SELECT id FROM ledger_accounts WHERE held < 0 OR balance - held < floor",
    "a person's balance was below zero": """
        SELECT e.account_id FROM ledger_entries e JOIN users u ON u.id = e.account_id WHERE e.balance_after < 0""",
    "a transfer and its ledger transaction differ": """
        SELECT coalesce(t.id, l.id) FROM transfers t
        FULL JOIN (SELECT * FROM ledger_transactions WHERE kind = 'transfer') l ON l.id = t.id
        WHERE t.id IS NULL OR l.id IS NULL""",
    "a transfer and its entries differ": """
        SELECT t.id FROM transfers t LEFT JOIN ledger_entries e ON e.transaction_id = t.id
        GROUP BY t.id
        HAVING count(*) <> 2
            OR count(*) FILTER (WHERE e.account_id = t.sender_id AND e.amount = -t.amount) <> 1
            OR count(*) FILTER (WHERE e.account_id = t.recipient_id AND e.amount = t.amount) <> 1""",
    "a transfer is not claimed by exactly one key": """
        SELECT t.id FROM transfers t
        LEFT JOIN (SELECT convert_from(body, 'UTF8')::jsonb ->> 'id' AS id FROM idempotency_keys
                   WHERE route = 'pay' AND status = 201) k ON k.id = 'tr_' || replace(t.id::text, '-', '')
        GROUP BY t.id HAVING count(k.id) <> 1""",
    "a key answered with a transfer that is not there": """
        SELECT k.id FROM (SELECT convert_from(body, 'UTF8')::jsonb ->> 'id' AS id FROM idempotency_keys
                          WHERE route = 'pay' AND status = 201) k
        LEFT JOIN transfers t ON k.id = 'tr_' || replace(t.id::text, '-', '') WHERE t.id IS NULL""",
    "a transfer was not announced exactly once": """
        SELECT t.id FROM transfers t LEFT JOIN events e ON e.topic = 'TransferSettled'
            AND (e.payload ->> 'transfer_id')::uuid = t.id
        GROUP BY t.id HAVING count(e.id) <> 1""",
    "a settled top-up is not in the ledger exactly once": """
        SELECT coalesce(t.id, l.id) FROM (SELECT * FROM top_ups WHERE status = 'settled') t
        FULL JOIN (SELECT * FROM ledger_transactions WHERE kind = 'top_up') l ON l.id = t.id
        WHERE t.id IS NULL OR l.id IS NULL""",
}


async def connect(world: World) -> Any:
    """A superuser's connection to the world's database."""
    return await asyncpg.connect(_url(world))


async def findings(world: World) -> list[str]:
    """What is wrong with the ledger; empty when nothing is."""
    return await findings_at(_url(world))


async def findings_at(url: str) -> list[str]:
    connection = await asyncpg.connect(url)
    try:
        return [what for what, query in WRONG.items() if await connection.fetch(query)]
    finally:
        await connection.close()


async def balances(world: World) -> dict[Any, int]:
    connection = await connect(world)
    try:
        rows = await connection.fetch("SELECT id, balance FROM ledger_accounts WHERE kind = 'wallet'")
        return {row["id"]: row["balance"] for row in rows}
    finally:
        await connection.close()


def _url(world: World) -> str:
    return database_url(str(world.app.database.engine.url.database), driver="postgresql")
