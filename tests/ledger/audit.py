"""An auditor who trusts nothing but the rows: every promise of the ledger as a query that finds what breaks it.

One that compares two lists asks for what stands in one and not, or not as often, in the other.
"""

from typing import Any

import asyncpg

from tests.conftest import World, database_url

# House accounts and debts by their owners, as ``ledger.rules`` has them.
BANK = "('00000000-0000-00ba-0000-00000000000' || right({0}::text, 1))::uuid"
FEES = "('00000000-0000-00fe-0000-00000000000' || right({0}::text, 1))::uuid"
DEBT = "overlay({0}::text PLACING to_hex(('x' || substr({0}::text, 15, 1))::bit(4)::int # 10) FROM 15 FOR 1)::uuid"
PAID = "SELECT * FROM transfers WHERE refund_of IS NULL AND status = 'settled'"
REFUNDS = "SELECT * FROM transfers WHERE refund_of IS NOT NULL"
# What a card or bank pays of a payment is not held: it is not there before it comes, and for a payment to somebody who
# is already here it goes on at once.
CHARGED = """coalesce((SELECT f.amount FROM fundings f WHERE f.transfer_id = t.id
    AND (f.status = 'pending' OR t.contact IS NULL)), 0)"""
# Of whom what waits: each must be an open hold of the ledger.
WAITING = f"""
    SELECT id, sender_id AS account_id, amount + fee - {CHARGED} AS left_over FROM transfers t
    WHERE status IN ('pending', 'held') AND amount + fee > {CHARGED}
    UNION ALL SELECT id, payer_id, amount - captured FROM holds WHERE status = 'held'
    UNION ALL SELECT id, user_id, amount FROM cash_outs WHERE status = 'pending'"""
# What left, in the end, of all that was ever held.
CAPTURED = f"""
    SELECT id, CASE status WHEN 'settled' THEN amount + fee - {CHARGED} ELSE 0 END AS captured FROM transfers t
    WHERE contact IS NOT NULL OR status = 'held' OR ended_at IS NOT NULL
       OR EXISTS (SELECT FROM fundings f WHERE f.transfer_id = t.id)
    UNION ALL SELECT id, captured FROM holds
    UNION ALL SELECT id, CASE status WHEN 'settled' THEN amount ELSE 0 END FROM cash_outs"""
# The ids of transfers that answers name as theirs, each once an answer.
CLAIMS = """
    SELECT DISTINCT k.user_id, k.route, k.key, said.id #>> '{}' AS id FROM idempotency_keys k
    CROSS JOIN LATERAL (
        SELECT jsonb_path_query(convert_from(k.body, 'UTF8')::jsonb, 'lax $.**.id') AS id
        UNION SELECT jsonb_path_query(convert_from(k.body, 'UTF8')::jsonb, 'lax $.**.transfer_id')) said
    WHERE k.status IN (200, 201) AND said.id #>> '{}' LIKE 'tr\\_%'"""


def _unlike(due: str, actual: str) -> str:
    return f"(({due}) EXCEPT ALL ({actual})) UNION ALL (({actual}) EXCEPT ALL ({due}))"


def _entries(kind: str, due: str) -> str:
    """Whether the entries of a kind are ``due``: transaction, account, amount."""
    actual = f"""
        SELECT e.transaction_id, e.account_id, e.amount FROM ledger_entries e
        JOIN ledger_transactions l ON l.id = e.transaction_id WHERE l.kind = '{kind}'"""
    return _unlike(due, actual)


def _announced(topic: str, name: str, due: str) -> str:
    """Whether the events of a topic are ``due``: id, moment."""
    actual = f"""
        SELECT (payload ->> '{name}')::uuid AS id, (payload ->> 'at')::timestamptz AS at
        FROM events WHERE topic = '{topic}'"""
    return _unlike(due, actual)


def _owed(kind: str, sign: int) -> str:
    """Transactions of a kind that do not move money between one person and their debt; ``sign`` is the person's."""
    return f"""
        SELECT l.id FROM ledger_transactions l LEFT JOIN ledger_entries e ON e.transaction_id = l.id
        LEFT JOIN ledger_entries d ON d.transaction_id = l.id AND d.account_id = {DEBT.format("e.account_id")}
        LEFT JOIN ledger_accounts a ON a.id = e.account_id WHERE l.kind = '{kind}' GROUP BY l.id
        HAVING count(DISTINCT e.account_id) <> 2 OR count(*) FILTER (WHERE a.kind = 'wallet'
            AND d.amount = -e.amount AND sign(e.amount) = {sign}) <> 1"""


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
    "an account has an entry twice": """
        SELECT account_id FROM ledger_entries GROUP BY account_id, version HAVING count(*) > 1""",
    "a transaction is there twice": "SELECT id FROM ledger_transactions GROUP BY id HAVING count(*) > 1",
    "an entry is of another moment than its transaction": """
        SELECT e.transaction_id FROM ledger_entries e JOIN ledger_transactions t ON t.id = e.transaction_id
        WHERE t.created_at <> e.at""",
    "the times of an account step back": """
        SELECT account_id FROM (
            SELECT e.account_id, t.created_at,
                   lag(t.created_at) OVER (PARTITION BY e.account_id ORDER BY e.version) AS before
            FROM ledger_entries e JOIN ledger_transactions t ON t.id = e.transaction_id) e
        WHERE created_at < before""",
    "an account does not know when it last moved": """
        SELECT a.id FROM ledger_accounts a LEFT JOIN ledger_entries e ON e.account_id = a.id AND e.version = a.version
        LEFT JOIN ledger_transactions t ON t.id = e.transaction_id WHERE a.moved_at IS DISTINCT FROM t.created_at""",
    "an account is below its floor": "SELECT id FROM ledger_accounts WHERE held < 0 OR balance - held < floor",
    "a person's balance was below zero": """
        SELECT e.account_id FROM ledger_entries e JOIN users u ON u.id = e.account_id WHERE e.balance_after < 0""",
    "what is held is not what is left of the holds": """
        SELECT a.id FROM ledger_accounts a LEFT JOIN ledger_holds h ON h.account_id = a.id AND h.open
        GROUP BY a.id HAVING a.held <> coalesce(sum(h.amount - h.captured), 0)""",
    "what waits and what is held differ": _unlike(
        WAITING, "SELECT id, account_id, amount - captured FROM ledger_holds WHERE open"
    ),
    "what was captured and what was paid of it differ": f"""
        SELECT h.id FROM ledger_holds h LEFT JOIN ({CAPTURED}) c ON c.id = h.id
        WHERE h.captured IS DISTINCT FROM c.captured""",
    "an authorisation and its captures differ": f"""
        SELECT h.id FROM holds h LEFT JOIN ({PAID}) t ON t.hold_id = h.id GROUP BY h.id
        HAVING h.captured <> coalesce(sum(t.amount), 0)
            OR (h.captured = h.amount AND h.status <> 'settled') OR (h.captured = 0 AND h.status = 'settled')
            OR count(*) FILTER (WHERE (t.sender_id, t.recipient_id) <> (h.payer_id, h.payee_id)) > 0
        UNION ALL SELECT t.id FROM transfers t LEFT JOIN holds h ON h.id = t.hold_id
        WHERE t.hold_id IS NOT NULL AND h.id IS NULL""",
    "a person owes and nobody knows": f"""
        SELECT a.id FROM ledger_accounts a
        LEFT JOIN ledger_accounts d ON d.kind = 'debt' AND d.id = {DEBT.format("a.id")}
        WHERE a.kind = 'wallet' AND a.owes <> (coalesce(d.balance, 0) < 0)""",
    "a debt is nobody's": f"""
        SELECT d.id FROM ledger_accounts d
        LEFT JOIN ledger_accounts a ON a.kind = 'wallet' AND a.id = {DEBT.format("d.id")}
        WHERE d.kind = 'debt' AND a.id IS NULL""",
    "an advance is not of one person": _owed("advance", 1),
    "a repayment is not of one person": _owed("repayment", -1),
    "a transfer and its entries differ": _entries(
        "transfer",
        f"""SELECT id, sender_id, -amount - fee FROM ({PAID}) t
            UNION ALL SELECT id, recipient_id, amount - seller_fee FROM ({PAID}) t
            UNION ALL SELECT id, {FEES.format("sender_id")}, fee + seller_fee FROM ({PAID}) t
                WHERE fee + seller_fee > 0""",
    ),
    "a refund and its entries differ": _entries(
        "refund",
        f"""SELECT id, sender_id, -amount FROM ({REFUNDS}) t
            UNION ALL SELECT id, recipient_id, amount FROM ({REFUNDS}) t""",
    ),
    "a top-up and its entries differ": _entries(
        "top_up",
        f"""SELECT id, {BANK.format("user_id")}, -amount FROM top_ups WHERE status = 'settled'
            UNION ALL SELECT id, user_id, amount FROM top_ups WHERE status = 'settled'""",
    ),
    "a funding and its entries differ": _entries(
        "funding",
        f"""SELECT f.ledger_transaction_id, {BANK.format("t.sender_id")}, -f.amount
            FROM fundings f JOIN transfers t ON t.id = f.transfer_id WHERE f.status = 'settled'
            UNION ALL SELECT f.ledger_transaction_id, t.sender_id, f.amount
            FROM fundings f JOIN transfers t ON t.id = f.transfer_id WHERE f.status = 'settled'""",
    ),
    "a cash-out and its entries differ": _entries(
        "cash_out",
        f"""SELECT id, user_id, -amount FROM cash_outs WHERE status = 'settled'
            UNION ALL SELECT id, {BANK.format("user_id")}, amount - fee FROM cash_outs WHERE status = 'settled'
            UNION ALL SELECT id, {FEES.format("user_id")}, fee FROM cash_outs WHERE status = 'settled' AND fee > 0""",
    ),
    "a transfer has another moment than its posting": """
        SELECT t.id FROM transfers t JOIN ledger_transactions l ON l.id = t.id
        WHERE l.created_at <> coalesce(t.ended_at, t.created_at)""",
    "a refund is not of its payment": f"""
        SELECT r.id FROM ({REFUNDS}) r LEFT JOIN transfers t ON t.id = r.refund_of
        WHERE t.id IS NULL OR t.refund_of IS NOT NULL OR t.status <> 'settled' OR r.status <> 'settled'
            OR (r.sender_id, r.recipient_id, r.currency) IS DISTINCT FROM (t.recipient_id, t.sender_id, t.currency)
            OR r.fee + r.seller_fee <> 0""",
    "what was refunded is not the sum of the refunds": f"""
        SELECT t.id FROM transfers t LEFT JOIN ({REFUNDS}) r ON r.refund_of = t.id
        GROUP BY t.id HAVING t.refunded <> coalesce(sum(r.amount), 0) OR t.refunded > t.amount""",
    "a settled request and its transfer differ": _unlike(
        "SELECT id, transfer_id, payer_id, requester_id, amount FROM payment_requests WHERE status = 'settled'",
        f"SELECT request_id, id, sender_id, recipient_id, amount FROM ({PAID}) t WHERE request_id IS NOT NULL",
    ),
    "a limit does not add up": """
        SELECT user_id FROM (
            SELECT *, lag(total) OVER w AS previous, lag(at) OVER w AS before
            FROM limit_uses WINDOW w AS (PARTITION BY user_id, kind ORDER BY total)) u
        WHERE total <> previous + amount OR at < before""",
    "a transfer is not claimed by exactly one key": f"""
        SELECT t.id FROM transfers t LEFT JOIN ({CLAIMS}) k ON k.id = 'tr_' || replace(t.id::text, '-', '')
        WHERE t.status <> 'failed' AND NOT EXISTS (
            SELECT FROM fundings f JOIN idempotency_keys i ON i.user_id = t.sender_id AND i.key = f.idempotency_key
            WHERE f.transfer_id = t.id AND f.status = 'pending' AND i.status IS NULL)
        GROUP BY t.id HAVING count(k.id) <> 1""",
    "a key answered with a transfer that is not there": f"""
        SELECT k.id FROM ({CLAIMS}) k LEFT JOIN transfers t ON k.id = 'tr_' || replace(t.id::text, '-', '')
        WHERE t.id IS NULL""",
    "a transfer was not announced exactly once": _announced(
        "TransferSettled", "transfer_id", f"SELECT id, coalesce(ended_at, created_at) FROM ({PAID}) t"
    ),
    "a refund was not announced exactly once": _announced(
        "TransferRefunded", "transfer_id", f"SELECT id, created_at FROM ({REFUNDS}) t"
    ),
    "a top-up was not announced exactly once": _announced(
        "TopUpSettled",
        "top_up_id",
        "SELECT t.id, l.created_at FROM top_ups t LEFT JOIN ledger_transactions l ON l.id = t.id"
        " WHERE t.status = 'settled'",
    ),
    "a cash-out was not announced exactly once": _announced(
        "CashOutSettled",
        "cash_out_id",
        "SELECT c.id, l.created_at FROM cash_outs c LEFT JOIN ledger_transactions l ON l.id = c.id"
        " WHERE c.status = 'settled'",
    ),
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
