"""Undo: who reads the mail of an address that was replaced or removed can restore it for three days."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.postgres import Transaction
from venmo_api.auth import addresses, contacts, passwords, queries
from venmo_api.auth.rules import Contact, ContactKind, UndoRefused
from venmo_api.core.origin import Origin
from venmo_api.crypto import service as crypto

UNDO_LASTS = timedelta(hours=72)


def token(app: Adapters, change_id: UUID) -> str:
    """What undoes this change. It is made again whenever needed, and kept nowhere."""
    proof = app.signer.keyed_hash(_purpose(change_id))
    return "undo_" + urlsafe_b64encode(change_id.bytes + proof).decode()


async def taken_away(tx: Transaction, app: Adapters, change_id: UUID) -> Contact | None:
    """What a change took away; None when it was undone."""
    change = await queries.get_change(tx, change_id)
    return None if change is None else await _contact(tx, app, change)


async def undo(tx: Transaction, app: Adapters, given: str, *, origin: Origin) -> Sequence[UUID]:
    """Restore the contact that a change took away, forget later changes of its kind, and end all sessions: which.

    Raises UndoRefused, also when somebody else has proved the contact since.
    """
    change_id = _change_of(app, given)
    change = await queries.take_change(tx, change_id, since=app.clock.now() - UNDO_LASTS)
    if change is None:
        raise UndoRefused
    user_id, contact = change.user_id, await _contact(tx, app, change)
    if contact is None:
        raise UndoRefused
    await addresses.hold(tx, app, contact.kind, contact.address)
    if await addresses.find_holder(tx, app, contact.kind, contact.address) not in (None, user_id):
        raise UndoRefused
    await addresses.drop_proved(tx, app, user_id, contact.kind)
    await addresses.drop_claim(tx, user_id, contact.kind)
    await contacts.prove(tx, app, user_id, contact)
    await contacts.note_change(tx, app, user_id, contact.kind, "restored", origin=origin)
    return await passwords.reclaim(tx, app, user_id)


async def _contact(tx: Transaction, app: Adapters, change: Any) -> Contact | None:
    """None: the person was erased."""
    sealer = (await crypto.of(tx, app, [change.user_id])).get(change.user_id)
    if sealer is None:
        return None
    return Contact(ContactKind(change.kind), sealer.unseal(*contacts.CHANGED, change.id, change.sealed), True)


def _change_of(app: Adapters, given: str) -> UUID:
    """Raises UndoRefused for what this service did not make."""
    try:
        raw = urlsafe_b64decode(given.removeprefix("undo_"))
        change_id, proof = UUID(bytes=raw[:16]), raw[16:]
    except ValueError:
        raise UndoRefused from None
    if not app.signer.is_keyed_hash(_purpose(change_id), proof):
        raise UndoRefused
    return change_id


def _purpose(change_id: UUID) -> str:
    return f"contact undo {change_id}"
