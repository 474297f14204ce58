"""SQL of transfers."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import text

from venmo_api.adapters.postgres import Transaction
from venmo_api.core.paging import PageRequest
from venmo_api.transfers.rules import Transfer

INSERT = text("""
    INSERT INTO transfers (id, sender_id, recipient_id, amount, currency, note, audience, status, created_at)
    SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:senders AS uuid[]), CAST(:recipients AS uuid[]),
                         CAST(:amounts AS bigint[]), CAST(:currencies AS text[]), CAST(:notes AS text[]),
                         CAST(:audiences AS text[]), CAST(:statuses AS text[]), CAST(:moments AS timestamptz[]))
""")
GET = text("SELECT * FROM transfers WHERE id = :id AND (sender_id = :user_id OR recipient_id = :user_id)")
_SIDE = """(SELECT * FROM transfers WHERE {side} = :user_id AND (CAST(:after AS uuid) IS NULL OR id < :after)
            ORDER BY id DESC LIMIT :most)"""
LIST = text(
    f"{_SIDE.format(side='sender_id')} UNION ALL {_SIDE.format(side='recipient_id')} ORDER BY id DESC LIMIT :most"
)


async def insert(tx: Transaction, transfers: Sequence[Transfer]) -> None:
    await tx.execute(
        INSERT,
        {
            "ids": [transfer.id for transfer in transfers],
            "senders": [transfer.sender.id for transfer in transfers],
            "recipients": [transfer.recipient.id for transfer in transfers],
            "amounts": [transfer.amount for transfer in transfers],
            "currencies": [transfer.currency for transfer in transfers],
            "notes": [transfer.note for transfer in transfers],
            "audiences": [transfer.audience for transfer in transfers],
            "statuses": [transfer.status for transfer in transfers],
            "moments": [transfer.created_at for transfer in transfers],
        },
    )


async def get(tx: Transaction, transfer_id: UUID, user_id: UUID) -> Any | None:
    return (await tx.execute(GET, {"id": transfer_id, "user_id": user_id})).first()


async def of_user(tx: Transaction, user_id: UUID, page: PageRequest) -> Sequence[Any]:
    parameters = {"user_id": user_id, "after": page.after, "most": page.limit + 1}
    return (await tx.execute(LIST, parameters)).all()
