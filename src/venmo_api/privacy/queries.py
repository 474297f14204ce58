"""SQL over everything personal, whichever feature it belongs to."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from venmo_api.adapters.keys import WrappedKey
from venmo_api.adapters.postgres import APP_ROLE, Transaction
from venmo_api.privacy.rules import FORGOTTEN_NAME, NOBODY, Left, Standing

_CONTACTS_IN_CLEAR = "kind <> 'username' AND sealed IS NULL"
_PAYEES_IN_CLEAR = "contact IS NOT NULL AND contact_sealed IS NULL"
_SOURCES_IN_CLEAR = "sealed IS NULL"
_ANSWERS_IN_CLEAR = """body IS NOT NULL AND position('"contact":{'::bytea IN body) > 0
    AND position('"value":"sealed:'::bytea IN body) = 0"""
_WRAPPED_BEFORE = "wrapped_by <> :wrapping"
_CONTACTS_INDEXED_BEFORE = "kind <> 'username' AND sealed IS NOT NULL AND value NOT LIKE :index"
_PAYEES_INDEXED_BEFORE = f"contact_sealed IS NOT NULL AND contact NOT LIKE :index AND contact <> '{NOBODY}'"
LEFT = text(f"""
    SELECT (SELECT count(*) FROM identifiers WHERE {_CONTACTS_IN_CLEAR}),
           (SELECT count(*) FROM transfers WHERE {_PAYEES_IN_CLEAR}),
           (SELECT count(*) FROM funding_sources WHERE {_SOURCES_IN_CLEAR}),
           (SELECT count(*) FROM idempotency_keys WHERE {_ANSWERS_IN_CLEAR}),
           (SELECT count(*) FROM person_keys WHERE {_WRAPPED_BEFORE}),
           (SELECT count(*) FROM identifiers WHERE {_CONTACTS_INDEXED_BEFORE}),
           (SELECT count(*) FROM transfers WHERE {_PAYEES_INDEXED_BEFORE})
""")
# What somebody else holds right now is passed over, and found again: a step is repeated until nothing is left.
_SOME = "LIMIT :most FOR UPDATE SKIP LOCKED"
CONTACTS_IN_CLEAR = text(f"SELECT kind, value, user_id FROM identifiers WHERE {_CONTACTS_IN_CLEAR} {_SOME}")
SEAL_CONTACT = text("""
    UPDATE identifiers SET value = :index, sealed = :sealed WHERE kind = :kind AND value = :value AND user_id = :user_id
""")
PAYEES_IN_CLEAR = text(f"""
    SELECT id, sender_id, contact_kind, contact FROM transfers WHERE {_PAYEES_IN_CLEAR} {_SOME}
""")
SEAL_PAYEE = text("UPDATE transfers SET contact = :index, contact_sealed = :sealed WHERE id = :id")
SOURCES_IN_CLEAR = text(f"""
    SELECT id, user_id, token, label, last4 FROM funding_sources WHERE {_SOURCES_IN_CLEAR} {_SOME}
""")
SEAL_SOURCE = text("""
    UPDATE funding_sources SET sealed = :sealed, token = NULL, label = NULL, last4 = NULL WHERE id = :id
""")
ANSWERS_IN_CLEAR = text(f"""
    SELECT user_id, route, key, status, body FROM idempotency_keys WHERE {_ANSWERS_IN_CLEAR} {_SOME}
""")
SEAL_ANSWER = text("""
    UPDATE idempotency_keys SET body = :body WHERE user_id = :user_id AND route = :route AND key = :key
""")
WRAPPED_BEFORE = text(f"""
    SELECT user_id, wrapped_by, wrapped FROM person_keys WHERE {_WRAPPED_BEFORE}
    LIMIT :most FOR NO KEY UPDATE SKIP LOCKED
""")
WRAP = text("UPDATE person_keys SET wrapped_by = :wrapped_by, wrapped = :wrapped WHERE user_id = :user_id")
CONTACTS_INDEXED_BEFORE = text(f"""
    SELECT kind, value, sealed, user_id FROM identifiers WHERE {_CONTACTS_INDEXED_BEFORE} {_SOME}
""")
PAYEES_INDEXED_BEFORE = text(f"""
    SELECT id, sender_id, contact_kind, contact_sealed FROM transfers WHERE {_PAYEES_INDEXED_BEFORE} {_SOME}
""")
CLAIMABLE = text("""
    SELECT t.id FROM transfers t JOIN identifiers i ON i.kind = t.contact_kind AND i.value = t.contact
    WHERE t.status = 'pending' AND t.recipient_id IS NULL AND i.verified_at IS NOT NULL
""")
KEYS_IN_USE = text("SELECT wrapped_by, count(*) FROM person_keys GROUP BY wrapped_by ORDER BY wrapped_by")
INDEXES_IN_USE = text("""
    SELECT CAST(split_part(value, '.', 1) AS integer) AS number, count(*)
    FROM (SELECT value FROM identifiers WHERE sealed IS NOT NULL
          UNION ALL SELECT contact FROM risk_blocklist WHERE contact IS NOT NULL) u (value)
    GROUP BY number ORDER BY number
""")
LOCK_KEY = text("SELECT FROM person_keys WHERE user_id = :id FOR UPDATE")
STANDING = text("""
    SELECT (SELECT balance FROM ledger_accounts WHERE id = :id),
           coalesce((SELECT -balance FROM ledger_accounts WHERE id = :debt), 0),
           (SELECT count(*) FROM ledger_holds WHERE account_id = :id AND open),
           (SELECT count(*) FROM top_ups WHERE user_id = :id AND status = 'pending'),
           (SELECT count(*) FROM cash_outs WHERE user_id = :id AND status = 'pending'),
           (SELECT count(*) FROM transfers
            WHERE status IN ('pending', 'held') AND (sender_id = :id OR recipient_id = :id)),
           (SELECT count(*) FROM payment_requests
            WHERE status = 'pending' AND expires_at > :now AND (requester_id = :id OR payer_id = :id)),
           (SELECT count(*) FROM holds WHERE status = 'held' AND expires_at > :now
            AND (payer_id = :id OR payee_id = :id))
""")
IS_STAFF = text("SELECT EXISTS (SELECT FROM staff_roles WHERE user_id = :id)")
# Only who owns the schema writes who is staff, so the service's role is left for one statement.
DISMISS = (
    text("SET LOCAL ROLE NONE"),
    text("DELETE FROM staff_roles WHERE user_id = :id"),
    text(f"SET LOCAL ROLE {APP_ROLE}"),
)
FORGET = (
    text(f"""
        UPDATE users SET username = :username, display_name = '{FORGOTTEN_NAME}', avatar_url = NULL, pay_code = NULL,
                         erased_at = :now
        WHERE id = :id
    """),
    text(f"""
        UPDATE transfers SET contact = '{NOBODY}', contact_sealed = ''
        WHERE contact_sealed IS NOT NULL AND status NOT IN ('pending', 'held')
          AND (sender_id = :id OR recipient_id = :id OR contact = ANY(CAST(:indexes AS text[])))
    """),
    text("DELETE FROM identifiers WHERE user_id = :id"),
    text("DELETE FROM contact_codes WHERE user_id = :id"),
    text("DELETE FROM contact_changes WHERE user_id = :id"),
    text("DELETE FROM credentials WHERE user_id = :id"),
    text("DELETE FROM factors WHERE user_id = :id"),
    text("DELETE FROM recovery_codes WHERE user_id = :id"),
    text("DELETE FROM friendships WHERE low_id = :id OR high_id = :id"),
    # Blocks stay: what was hidden from somebody is not shown to them now.
    text("DELETE FROM dismissals WHERE user_id = :id OR dismissed_id = :id"),
    text("""
        UPDATE idempotency_keys SET body = convert_to((convert_from(body, 'UTF8')::jsonb
            - ARRAY['sender', 'recipient', 'contact', 'note', 'requester', 'payer', 'payee', 'requests'])::text,
            'UTF8')
        WHERE user_id = :id AND body IS NOT NULL
    """),
    # What somebody said goes; that something was said stays, so that counts of stories stay right.
    text("UPDATE comments SET words = '', mentions = '[]' WHERE author_id = :id"),
    text("UPDATE reports SET words = NULL WHERE reporter_id = :id"),
    text("DELETE FROM notification_sends WHERE user_id = :id"),
    text("DELETE FROM notifications WHERE user_id = :id"),
    text("DELETE FROM notification_preferences WHERE user_id = :id"),
    text("DELETE FROM push_tokens WHERE user_id = :id"),
    text("DELETE FROM sandbox_messages WHERE user_id = :id"),
    text("DELETE FROM person_keys WHERE user_id = :id"),
)

WORDS_AT_ONCE = 5_000
FORGET_WORDS = text("SELECT forget_words(:id, :most)")
PARTITIONS = text(
    "SELECT lower::text, upper::text FROM archive_partitions WHERE group_name = 'events' AND state <> 'moved'"
)
IS_MOVING = text("SELECT EXISTS (SELECT FROM archive_partitions WHERE group_name = 'events' AND state = 'frozen')")
FORGET_SAID = text("""
    SELECT forget_said(:id, CAST(CAST(:lower AS text) AS timestamptz), CAST(CAST(:upper AS text) AS timestamptz))
""")


async def left(tx: Transaction, *, wrapping: int, index: int) -> Left:
    """What is in clear, or under other keys than these."""
    [counted] = await tx.rows(LEFT, {"wrapping": wrapping, "index": f"{index}.%"})
    return Left(*counted)


async def contacts_in_clear(tx: Transaction, *, most: int) -> Sequence[Any]:
    return (await tx.execute(CONTACTS_IN_CLEAR, {"most": most})).all()


async def contacts_indexed_before(tx: Transaction, index: int, *, most: int) -> Sequence[Any]:
    return (await tx.execute(CONTACTS_INDEXED_BEFORE, {"index": f"{index}.%", "most": most})).all()


async def seal_contact(tx: Transaction, row: Any, *, index: str, sealed: bytes) -> None:
    place = {"kind": row.kind, "value": row.value, "user_id": row.user_id}
    await tx.execute(SEAL_CONTACT, place | {"index": index, "sealed": sealed})


async def payees_in_clear(tx: Transaction, *, most: int) -> Sequence[Any]:
    return (await tx.execute(PAYEES_IN_CLEAR, {"most": most})).all()


async def payees_indexed_before(tx: Transaction, index: int, *, most: int) -> Sequence[Any]:
    return (await tx.execute(PAYEES_INDEXED_BEFORE, {"index": f"{index}.%", "most": most})).all()


async def seal_payee(tx: Transaction, transfer_id: UUID, *, index: str, sealed: bytes) -> None:
    await tx.execute(SEAL_PAYEE, {"id": transfer_id, "index": index, "sealed": sealed})


async def sources_in_clear(tx: Transaction, *, most: int) -> Sequence[Any]:
    return (await tx.execute(SOURCES_IN_CLEAR, {"most": most})).all()


async def seal_source(tx: Transaction, source_id: UUID, sealed: bytes) -> None:
    await tx.execute(SEAL_SOURCE, {"id": source_id, "sealed": sealed})


async def answers_in_clear(tx: Transaction, *, most: int) -> Sequence[Any]:
    return (await tx.execute(ANSWERS_IN_CLEAR, {"most": most})).all()


async def seal_answer(tx: Transaction, row: Any, body: bytes) -> None:
    await tx.execute(SEAL_ANSWER, {"user_id": row.user_id, "route": row.route, "key": row.key, "body": body})


async def wrapped_before(tx: Transaction, number: int, *, most: int) -> Sequence[Any]:
    return (await tx.execute(WRAPPED_BEFORE, {"wrapping": number, "most": most})).all()


async def wrap(tx: Transaction, user_id: UUID, key: WrappedKey) -> None:
    await tx.execute(WRAP, {"user_id": user_id, "wrapped_by": key.wrapped_by, "wrapped": key.wrapped})


async def claimable(tx: Transaction) -> Sequence[UUID]:
    """Payments that wait for a contact which somebody has proved."""
    return (await tx.execute(CLAIMABLE)).scalars().all()


async def in_use(tx: Transaction) -> dict[tuple[str, int], int]:
    """How many rows are under each data key, by purpose and number."""
    wrapped = {("wrapping", number): count for number, count in await tx.rows(KEYS_IN_USE, {})}
    return wrapped | {("index", number): count for number, count in await tx.rows(INDEXES_IN_USE, {})}


async def lock_key(tx: Transaction, user_id: UUID) -> None:
    """Wait for who seals with this person's key right now; who comes later waits, and finds none."""
    await tx.execute(LOCK_KEY, {"id": user_id})


async def standing(tx: Transaction, user_id: UUID, *, debt: UUID, now: datetime) -> Standing:
    [counted] = await tx.rows(STANDING, {"id": user_id, "debt": debt, "now": now})
    return Standing(*counted)


async def forget(tx: Transaction, user_id: UUID, *, username: str, indexes: Sequence[str], now: datetime) -> None:
    """Remove what tells who somebody was; their key last of all."""
    values = {"id": user_id, "username": username, "indexes": indexes, "now": now}
    dismissed = DISMISS if (await tx.execute(IS_STAFF, {"id": user_id})).scalar_one() else ()
    for statement in (*dismissed, *FORGET):
        await tx.execute(statement, {name: values[name] for name in statement.compile().params})


async def is_moving(tx: Transaction) -> bool:
    """Whether events are on their way to the archive right now."""
    return bool((await tx.execute(IS_MOVING)).scalar_one())


async def forget_words(tx: Transaction, user_id: UUID) -> None:
    """Remove the notes that somebody wrote who was erased: from payments, requests and stories, and from the events
    that are not archived yet. In the archive they are under the key that is no more."""
    for partition in (await tx.execute(PARTITIONS)).all():
        await tx.execute(FORGET_SAID, {"id": user_id, "lower": partition.lower, "upper": partition.upper})
    while (await tx.execute(FORGET_WORDS, {"id": user_id, "most": WORDS_AT_ONCE})).scalar_one():
        pass
