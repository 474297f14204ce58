"""Which rows of Postgres the proof reads, and as which columns. None is ever null: what is not there is a nil id."""

from dataclasses import dataclass

import pyarrow as pa

from venmo_api.archive import files
from venmo_api.archive.columns import CASH_OUTS, CENTS, ID, MOMENT, REFUNDS, TOP_UPS, TRANSFERS

NIL = "'00000000-0000-0000-0000-000000000000'::uuid"
_COUNT = pa.int64()
_AT = "coalesce(ended_at, created_at) AS at"


@dataclass(frozen=True, slots=True)
class Source:
    """``select`` and ``where`` are SQL over the rows of ``table``; the columns selected are those of ``schema``."""

    table: str
    schema: pa.Schema
    select: str = "*"
    where: str = "true"


TRANSACTIONS = Source("ledger_transactions", pa.schema([("id", ID), ("kind", pa.string()), ("created_at", MOMENT)]))
ENTRIES = Source(
    "ledger_entries",
    pa.schema(
        [
            ("transaction_id", ID),
            ("account_id", ID),
            ("version", _COUNT),
            ("amount", CENTS),
            ("balance_after", CENTS),
            ("at", MOMENT),
        ]
    ),
)
EVENTS = Source("events", files.EVENTS, "id, topic, payload::text AS payload, created_at")
WAITING = Source("outbox_queue", pa.schema([("event_id", ID)]))
ACCOUNTS = Source(
    "ledger_accounts",
    pa.schema(
        [
            ("id", ID),
            ("kind", pa.string()),
            ("balance", CENTS),
            ("held", CENTS),
            ("floor", CENTS),
            ("version", _COUNT),
            ("owes", _COUNT),
            ("moved_at", MOMENT),
        ]
    ),
    "id, kind, balance, held, floor, version, owes::int AS owes, coalesce(moved_at, 'epoch') AS moved_at",
)
"""``owes`` is 1 or 0; ``moved_at`` of an account that never moved is the epoch."""
PAYMENTS = Source(
    "transfers",
    pa.schema(
        [
            *TRANSFERS,
            ("fee", CENTS),
            ("seller_fee", CENTS),
            ("refunded", CENTS),
            ("hold_id", ID),
            ("request_id", ID),
        ]
    ),
    f"id AS transfer_id, sender_id, coalesce(recipient_id, {NIL}) AS recipient_id, amount, currency, note, audience, "
    f"{_AT}, fee, seller_fee, refunded, coalesce(hold_id, {NIL}) AS hold_id, "
    f"coalesce(request_id, {NIL}) AS request_id",
    "status = 'settled' AND refund_of IS NULL",
)
GIVEN_BACK = Source(
    "transfers",
    pa.schema([*REFUNDS, ("fees", CENTS), ("settled", _COUNT)]),
    f"id AS transfer_id, refund_of, sender_id, coalesce(recipient_id, {NIL}) AS recipient_id, amount, currency, "
    f"created_at AS at, fee + seller_fee AS fees, (status = 'settled')::int AS settled",
    "refund_of IS NOT NULL",
)
PENDED = Source(
    "transfers",
    pa.schema([("id", ID), ("account_id", ID), ("amount", CENTS), ("waits", _COUNT), ("settled", _COUNT)]),
    "id, sender_id AS account_id, amount + fee - coalesce((SELECT f.amount FROM fundings f "
    "WHERE f.transfer_id = transfers.id AND (f.status = 'pending' OR contact IS NULL)), 0) AS amount, "
    "(status IN ('pending', 'held'))::int AS waits, (status = 'settled')::int AS settled",
    "refund_of IS NULL AND (contact IS NOT NULL OR ended_at IS NOT NULL OR status IN ('pending', 'held') "
    "OR EXISTS (SELECT FROM fundings f WHERE f.transfer_id = transfers.id))",
)
"""Payments that wait, or did; ``amount`` is what of the balance waits with them: not what a card or bank still pays, or
paid of one that went on at once."""
STORIES = Source(
    "stories",
    TRANSFERS,
    "id AS transfer_id, actor_id AS sender_id, target_id AS recipient_id, amount, currency, note, "
    "coalesce(announced, audience) AS audience, created_at AS at",
)
TOPPED_UP = Source("top_ups", TOP_UPS, "id AS top_up_id, user_id, amount, currency", "status = 'settled'")
CASHED_OUT = Source(
    "cash_outs",
    pa.schema([*CASH_OUTS, ("waits", _COUNT), ("settled", _COUNT)]),
    "id AS cash_out_id, user_id, amount, fee, currency, (status = 'pending')::int AS waits, "
    "(status = 'settled')::int AS settled",
)
FUNDINGS = Source(
    "fundings",
    pa.schema([("id", ID), ("user_id", ID), ("amount", CENTS)]),
    "ledger_transaction_id AS id, coalesce((SELECT t.sender_id FROM transfers t WHERE t.id = transfer_id), "
    "transfer_id) AS user_id, amount",
    "status = 'settled'",
)
REQUESTS = Source(
    "payment_requests",
    pa.schema([("request_id", ID), ("transfer_id", ID), ("sender_id", ID), ("recipient_id", ID), ("amount", CENTS)]),
    f"id AS request_id, coalesce(transfer_id, {NIL}) AS transfer_id, payer_id AS sender_id, "
    "requester_id AS recipient_id, amount",
    "status = 'settled'",
)
AUTHORISATIONS = Source(
    "holds",
    pa.schema(
        [
            ("hold_id", ID),
            ("sender_id", ID),
            ("recipient_id", ID),
            ("amount", CENTS),
            ("captured", CENTS),
            ("waits", _COUNT),
            ("settled", _COUNT),
        ]
    ),
    "id AS hold_id, payer_id AS sender_id, payee_id AS recipient_id, amount, captured, "
    "(status = 'held')::int AS waits, (status = 'settled')::int AS settled",
)
HOLDS = Source(
    "ledger_holds",
    pa.schema([("id", ID), ("account_id", ID), ("amount", CENTS), ("captured", CENTS), ("open", _COUNT)]),
    "id, account_id, amount, captured, open::int AS open",
)
