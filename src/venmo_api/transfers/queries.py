"""SQL of transfers."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text

from venmo_api.adapters.postgres import Transaction
from venmo_api.core.paging import PageRequest
from venmo_api.transfers.parts import Funding
from venmo_api.transfers.payees import Attempts
from venmo_api.transfers.rules import Status, Transfer
from venmo_api.transfers.strangers import Sealed

_COLUMNS = {
    "id": "uuid",
    "sender_id": "uuid",
    "recipient_id": "uuid",
    "contact_kind": "text",
    "contact": "text",
    "contact_sealed": "bytea",
    "amount": "bigint",
    "fee": "bigint",
    "seller_fee": "bigint",
    "currency": "text",
    "note": "text",
    "audience": "text",
    "goods_and_services": "boolean",
    "status": "text",
    "refund_of": "uuid",
    "hold_id": "uuid",
    "request_id": "uuid",
    "likeness": "bigint",
    "created_at": "timestamptz",
    "expires_at": "timestamptz",
    "ended_at": "timestamptz",
}
INSERT = text(f"""
    INSERT INTO transfers ({", ".join(_COLUMNS)})
    SELECT * FROM unnest({", ".join(f"CAST(:{name} AS {type_}[])" for name, type_ in _COLUMNS.items())})
""")
# One probe of the index each: the newest payment that looks the same.
EARLIER = text("""
    SELECT t.likeness, t.id, t.created_at
    FROM unnest(CAST(:likenesses AS bigint[]), CAST(:since AS timestamptz[]), CAST(:until AS timestamptz[]))
         AS w (likeness, since, until)
    CROSS JOIN LATERAL (
        SELECT likeness, id, created_at FROM transfers
        WHERE date_trunc('hour', created_at AT TIME ZONE 'UTC') = ANY(ARRAY(SELECT generate_series(
                date_trunc('hour', w.since AT TIME ZONE 'UTC'), w.until AT TIME ZONE 'UTC' + interval '1 minute',
                interval '1 hour')))
          AND likeness = w.likeness AND created_at > w.since AND status IN ('settled', 'pending', 'held')
        ORDER BY created_at DESC LIMIT 1) t
""")
ATTEMPTS = text("""
    SELECT sender_id, recipient_id, confirmed_at, wrong, wrong_since FROM payee_confirmations
    WHERE (sender_id, recipient_id) IN (
        SELECT * FROM unnest(CAST(:senders AS uuid[]), CAST(:recipients AS uuid[])))
""")
NOTE_ATTEMPTS = text("""
    INSERT INTO payee_confirmations AS p (sender_id, recipient_id, confirmed_at, wrong, wrong_since)
    SELECT * FROM unnest(CAST(:senders AS uuid[]), CAST(:recipients AS uuid[]), CAST(:confirmed AS timestamptz[]),
                         CAST(:wrong AS smallint[]), CAST(:since AS timestamptz[]))
    ON CONFLICT (sender_id, recipient_id) DO UPDATE
    SET confirmed_at = coalesce(p.confirmed_at, excluded.confirmed_at),
        wrong = excluded.wrong, wrong_since = excluded.wrong_since
""")
# The parties' accounts are locked before: a step of a transfer has its row to itself.
LOCK = text("SELECT * FROM transfers WHERE id = :id FOR UPDATE")
GIVE_BACK = text("UPDATE transfers SET refunded = refunded + :amount WHERE id = :id")
END = text("""
    UPDATE transfers SET status = :status, recipient_id = :recipient_id, audience = :audience,
                         seller_fee = :seller_fee, ended_at = :ended_at
    WHERE id = :id AND status = 'pending'
""")
CONCLUDE = text("""
    UPDATE transfers SET status = :status, audience = :audience, seller_fee = :seller_fee, expires_at = :expires_at,
                         ended_at = :ended_at
    WHERE id = :id AND status = 'held'
""")
HELD = text("""
    SELECT * FROM transfers
    WHERE status = 'held' AND expires_at > :now AND (CAST(:after AS uuid) IS NULL OR id > :after)
      AND sender_id <> :reader AND recipient_id IS DISTINCT FROM CAST(:reader AS uuid)
    ORDER BY id LIMIT :most
""")
HELD_FOR = text("SELECT id FROM transfers WHERE status = 'held' AND request_id = :request_id")
UNDECIDED = text("""
    SELECT id, sender_id, expires_at FROM transfers
    WHERE status = 'held' AND expires_at <= :now AND (expires_at, id) > (:since, :after)
    ORDER BY expires_at, id LIMIT :most
""")
# A payment whose card or bank is still being asked waits for that first.
_AWAITS_CLAIM = """t.status = 'pending' AND t.recipient_id IS NULL
    AND NOT EXISTS (SELECT FROM fundings f WHERE f.transfer_id = t.id AND f.status = 'pending')"""
AWAITING = text(f"""
    SELECT t.id FROM identifiers i JOIN transfers t ON t.contact = i.value AND t.contact_kind = i.kind
    WHERE i.user_id = :user_id AND i.kind = :kind AND i.verified_at IS NOT NULL AND {_AWAITS_CLAIM} ORDER BY t.id
""")
CLAIMABLE = text(f"""
    SELECT t.sender_id, t.contact, t.goods_and_services, t.fee, i.user_id AS claimer_id
    FROM transfers t JOIN identifiers i ON i.kind = t.contact_kind AND i.value = t.contact
    WHERE t.id = :id AND i.verified_at IS NOT NULL AND {_AWAITS_CLAIM}
""")
UNCLAIMED = text(f"""
    SELECT t.id, t.sender_id, t.expires_at FROM transfers t
    WHERE t.expires_at <= :now AND (t.expires_at, t.id) > (:since, :after) AND {_AWAITS_CLAIM}
    ORDER BY t.expires_at, t.id LIMIT :most
""")
AWAITS_CLAIM = text(f"SELECT EXISTS (SELECT FROM transfers t WHERE t.id = :id AND {_AWAITS_CLAIM})")
INSERT_FUNDING = text("""
    INSERT INTO fundings (transfer_id, ledger_transaction_id, funding_source_id, amount, status, route, idempotency_key,
                          fingerprint, request_id, due_at)
    VALUES (:id, :ledger_transaction_id, :source_id, :amount, 'pending', :route, :key, :fingerprint, :request_id,
            :due_at)
""")
END_FUNDING = text("UPDATE fundings SET status = :status WHERE transfer_id = :id AND status = 'pending'")
# Moving due_at on is the claim: no other worker asks the bank meanwhile, and what keeps failing goes to the back.
CLAIM_FUNDINGS = text("""
    UPDATE fundings f SET due_at = :next
    FROM funding_sources s JOIN person_keys k USING (user_id)
    WHERE s.id = f.funding_source_id AND f.transfer_id IN (
        SELECT transfer_id FROM fundings WHERE status = 'pending' AND due_at <= :now ORDER BY due_at LIMIT :most
        FOR UPDATE SKIP LOCKED)
    RETURNING f.*, s.user_id, s.type, s.sealed, s.created_at AS source_created_at, k.wrapped_by, k.wrapped
""")
BY_IDS = text("SELECT * FROM transfers WHERE id = ANY(CAST(:ids AS uuid[]))")
REFUNDS_OF = text("SELECT id FROM transfers WHERE refund_of = :id ORDER BY id")
# What a payer tried and did not come through is nobody else's business.
_RECEIVED = "recipient_id = :user_id AND status = 'settled'"
GET = text(f"SELECT * FROM transfers WHERE id = :id AND (sender_id = :user_id OR ({_RECEIVED}))")
_SIDE = """(SELECT * FROM transfers WHERE {side} AND (CAST(:after AS uuid) IS NULL OR id < :after)
            ORDER BY id DESC LIMIT :most)"""
LIST = text(
    f"{_SIDE.format(side='sender_id = :user_id')} UNION ALL {_SIDE.format(side=_RECEIVED)} ORDER BY id DESC LIMIT :most"
)


async def insert(tx: Transaction, transfers: Sequence[Transfer], *, strangers: Mapping[UUID, Sealed]) -> None:
    """``strangers``: the contact, by transfer, of those that wait for one."""
    rows = [_row(transfer, strangers.get(transfer.id)) for transfer in transfers]
    await tx.write(INSERT, dict(zip(_COLUMNS, map(list, zip(*rows, strict=True)), strict=True)))


def _row(transfer: Transfer, stranger: Sealed | None) -> tuple[Any, ...]:
    """In the order of _COLUMNS."""
    return (
        transfer.id,
        transfer.sender.id,
        transfer.recipient.id if transfer.recipient else None,
        stranger and stranger.kind,
        stranger and stranger.index,
        stranger and stranger.sealed,
        transfer.amount,
        transfer.fee,
        transfer.seller_fee,
        transfer.currency,
        transfer.note,
        transfer.audience,
        transfer.goods_and_services,
        transfer.status,
        transfer.refund_of,
        transfer.hold_id,
        transfer.settles,
        transfer.likeness,
        transfer.created_at,
        transfer.expires_at,
        transfer.ended_at,
    )


async def earlier(tx: Transaction, wary: Sequence[tuple[int, datetime]], *, window: timedelta) -> Sequence[Any]:
    """For each (likeness, moment) that had one no longer than ``window`` before."""
    parameters = {
        "likenesses": [likeness for likeness, _ in wary],
        "since": [at - window for _, at in wary],
        "until": [at for _, at in wary],
    }
    return await tx.rows(EARLIER, parameters)


async def attempts(tx: Transaction, pairs: Sequence[tuple[UUID, UUID]]) -> Sequence[Any]:
    """For each (sender, recipient) that has any."""
    parameters = {"senders": [sender for sender, _ in pairs], "recipients": [recipient for _, recipient in pairs]}
    return (await tx.execute(ATTEMPTS, parameters)).all()


async def note_attempts(tx: Transaction, attempts: Mapping[tuple[UUID, UUID], Attempts], now: datetime) -> None:
    if attempts:
        await tx.write(
            NOTE_ATTEMPTS,
            {
                "senders": [sender for sender, _ in attempts],
                "recipients": [recipient for _, recipient in attempts],
                "confirmed": [now if one.confirmed else None for one in attempts.values()],
                "wrong": [one.wrong for one in attempts.values()],
                "since": [one.since for one in attempts.values()],
            },
        )


async def lock(tx: Transaction, transfer_id: UUID) -> Any:
    """The row, this transaction's until it ends. The accounts of its parties are locked before it."""
    return (await tx.execute(LOCK, {"id": transfer_id})).one()


async def give_back(tx: Transaction, transfer_id: UUID, amount: int) -> None:
    """Count a refund of ``amount`` cents. The database refuses more than the whole."""
    await tx.write(GIVE_BACK, {"id": transfer_id, "amount": amount})


async def end(tx: Transaction, transfer: Transfer) -> None:
    """Keep what became of a pending transfer."""
    await tx.write(
        END,
        {
            "id": transfer.id,
            "status": transfer.status,
            "recipient_id": transfer.recipient.id if transfer.recipient else None,
            "audience": transfer.audience,
            "seller_fee": transfer.seller_fee,
            "ended_at": transfer.ended_at,
        },
    )


async def conclude(tx: Transaction, transfer: Transfer) -> None:
    """Keep what became of a held transfer."""
    await tx.write(
        CONCLUDE,
        {
            "id": transfer.id,
            "status": transfer.status,
            "audience": transfer.audience,
            "seller_fee": transfer.seller_fee,
            "expires_at": transfer.expires_at,
            "ended_at": transfer.ended_at,
        },
    )


async def held(tx: Transaction, page: PageRequest, *, now: datetime, reader: UUID) -> Sequence[Any]:
    """What is held of others than the reader and may still be decided, oldest first."""
    asked = {"after": page.after, "most": page.limit + 1, "now": now, "reader": reader}
    return (await tx.execute(HELD, asked)).all()


async def held_for(tx: Transaction, request_id: UUID) -> Any | None:
    return (await tx.execute(HELD_FOR, {"request_id": request_id})).first()


async def undecided(tx: Transaction, *, now: datetime, after: tuple[datetime, UUID], most: int) -> Sequence[Any]:
    """What was held for too long after this one (moment, id), oldest first."""
    parameters = {"now": now, "since": after[0], "after": after[1], "most": most}
    return (await tx.execute(UNDECIDED, parameters)).all()


async def awaiting(tx: Transaction, user_id: UUID, kind: str) -> Sequence[UUID]:
    """What waits for the contact of this kind that a person has proved to be theirs, oldest first."""
    return (await tx.execute(AWAITING, {"user_id": user_id, "kind": kind})).scalars().all()


async def claimable(tx: Transaction, transfer_id: UUID) -> Any | None:
    """Who may have it and whose accounts that takes; None while nobody may, or when it has ended."""
    return (await tx.execute(CLAIMABLE, {"id": transfer_id})).first()


async def unclaimed(tx: Transaction, *, now: datetime, after: tuple[datetime, UUID], most: int) -> Sequence[Any]:
    """What ran out after this one (moment, id), oldest first."""
    parameters = {"now": now, "since": after[0], "after": after[1], "most": most}
    return (await tx.execute(UNCLAIMED, parameters)).all()


async def awaits_claim(tx: Transaction, transfer_id: UUID) -> bool:
    return bool((await tx.execute(AWAITS_CLAIM, {"id": transfer_id})).scalar_one())


async def insert_funding(tx: Transaction, funding: Funding, *, due_at: datetime) -> None:
    await tx.write(
        INSERT_FUNDING,
        {
            "id": funding.id,
            "ledger_transaction_id": funding.ledger_transaction_id,
            "source_id": funding.source.id,
            "amount": funding.charged,
            "route": funding.claim.route,
            "key": funding.claim.key,
            "fingerprint": funding.claim.fingerprint,
            "request_id": funding.request_id,
            "due_at": due_at,
        },
    )


async def end_funding(tx: Transaction, transfer_id: UUID, *, status: Status) -> None:
    await tx.write(END_FUNDING, {"id": transfer_id, "status": status})


async def claim_fundings(tx: Transaction, *, now: datetime, next: datetime, most: int) -> Sequence[Any]:
    return (await tx.execute(CLAIM_FUNDINGS, {"now": now, "next": next, "most": most})).all()


async def by_ids(tx: Transaction, ids: Sequence[UUID]) -> Sequence[Any]:
    return (await tx.execute(BY_IDS, {"ids": ids})).all()


async def refunds_of(tx: Transaction, transfer_id: UUID) -> Sequence[UUID]:
    return (await tx.execute(REFUNDS_OF, {"id": transfer_id})).scalars().all()


async def get(tx: Transaction, transfer_id: UUID, user_id: UUID) -> Any | None:
    return (await tx.execute(GET, {"id": transfer_id, "user_id": user_id})).first()


async def of_user(tx: Transaction, user_id: UUID, page: PageRequest) -> Sequence[Any]:
    parameters = {"user_id": user_id, "after": page.after, "most": page.limit + 1}
    return (await tx.execute(LIST, parameters)).all()
