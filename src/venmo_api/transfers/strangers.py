"""People a payment names who have not signed up: their contact is found by blind index, and sealed under the sender's
key."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.postgres import Transaction
from venmo_api.crypto import service as crypto
from venmo_api.transfers.rules import Contact, Transfer

PLACE = ("transfers", "contact_sealed")


@dataclass(frozen=True, slots=True)
class Sealed:
    """A contact as it is stored."""

    kind: str
    index: str
    sealed: bytes


async def sealed(tx: Transaction, app: Adapters, transfers: Iterable[Transfer]) -> dict[UUID, Sealed]:
    """By transfer, for those that wait for a stranger. Raises KeyAway."""
    waiting = [(one, *one.contact) for one in transfers if one.contact]
    sealers = await crypto.held(tx, app, [one.sender.id for one, _, _ in waiting])
    return {
        one.id: Sealed(kind, app.keys.index(kind, address), sealers[one.sender.id].seal(*PLACE, one.id, address))
        for one, kind, address in waiting
    }


async def opened(tx: Transaction, app: Adapters, rows: Sequence[Any]) -> dict[UUID, Contact]:
    """The contact of each of these rows of transfers that waits, or waited in vain, for one. Raises KeyAway."""
    waiting = [row for row in rows if row.contact_sealed and row.recipient_id is None]
    sealers = await crypto.of(tx, app, [row.sender_id for row in waiting])
    return {
        row.id: (row.contact_kind, sealers[row.sender_id].unseal(*PLACE, row.id, row.contact_sealed))
        for row in waiting
        if row.sender_id in sealers
    }
