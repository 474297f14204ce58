"""Contacts: claimed by who says so, proved by a one-time code, changed and removed; and what is sent to them."""

import asyncio
import secrets
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

import structlog

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.postgres import Transaction
from venmo_api.audit import service as audit
from venmo_api.audit.rules import Act, Result
from venmo_api.auth import addresses, queries
from venmo_api.auth.rules import (
    CODE_LASTS,
    CODE_WAIT,
    WRONG_MOST,
    CodeExpired,
    CodeSentRecently,
    CodeWrong,
    Contact,
    ContactKind,
    ContactNotFound,
    ContactVerifiedAlready,
    attempts_left,
    judge_code,
    message,
    next_code_at,
)
from venmo_api.core.errors import AppError, Unavailable
from venmo_api.core.events import ContactChanged, ContactClaimed, ContactLost, ContactVerified, Event
from venmo_api.core.origin import Origin
from venmo_api.crypto import service as crypto
from venmo_api.outbox import service as outbox

SENDING_MOST = 3
SENDING_SECONDS = 10
"""Some messages go out while the relay waits: a messenger that hangs must not hold up all other events."""
CHANGED = ("contact_changes", "sealed")
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Code:
    """A code that was kept, as ``kind``, and is still to be sent. Only here and in the message is it in clear."""

    user_id: UUID
    contact: Contact
    kind: str
    digits: str
    hash: bytes


async def of(tx: Transaction, app: Adapters, user_id: UUID) -> dict[ContactKind, Contact]:
    """A person's contacts: of each kind the one they have proved, or else the one they claim."""
    found = await addresses.of(tx, app, [user_id])
    return {contact.kind: contact for _, contact in sorted(found, key=lambda row: row[1].verified)}


async def claimed(tx: Transaction, app: Adapters, user_id: UUID) -> dict[ContactKind, Contact]:
    """What a person says is theirs and has not proved yet, beside a proved one or without."""
    return {contact.kind: contact for _, contact in await addresses.of(tx, app, [user_id]) if not contact.verified}


async def names(tx: Transaction, app: Adapters, user_id: UUID) -> list[tuple[str, str]]:
    """Kind and canonical value of all by which a person can be named at sign-in."""
    own = [(contact.kind.value, contact.address) for _, contact in await addresses.of(tx, app, [user_id])]
    return [("username", await queries.username(tx, user_id)), *own]


async def send_code(app: Adapters, user_id: UUID, kind: ContactKind) -> datetime:
    """Send a new code to the contact that is still to be proved; it replaces the one before; when it runs out.

    Raises ContactNotFound, ContactVerifiedAlready, CodeSentRecently, and Unavailable when it could not be sent.
    """
    now = app.clock.now()
    await send(app, await app.database.transact(_renew_claimed, app, user_id, kind, now=now))
    return now + CODE_LASTS


async def change(app: Adapters, user_id: UUID, kind: ContactKind, address: str, *, origin: Origin) -> datetime:
    """Claim another contact (canonical), instead of what was claimed before, and send a code there; when that runs
    out. A proved one stays until the code has come back. Raises what ``send_code`` raises."""
    now, contact = app.clock.now(), Contact(kind, address, False)
    await send(app, await app.database.transact(_claim, app, user_id, contact, now=now, origin=origin))
    return now + CODE_LASTS


async def remove_phone(tx: Transaction, app: Adapters, user_id: UUID, *, origin: Origin) -> None:
    """Have no phone, neither a proved nor a claimed one. Raises ContactNotFound."""
    kind = ContactKind.PHONE
    dropped = await addresses.drop_proved(tx, app, user_id, kind)
    if not await addresses.drop_claim(tx, user_id, kind) and dropped is None:
        raise ContactNotFound
    await queries.forget_codes(tx, [user_id], kind)
    await note_change(tx, app, user_id, kind, "removed", origin=origin)
    if dropped is not None:
        await _keep_undoable(tx, app, user_id, Contact(kind, dropped, True))


async def send_first_codes(app: Adapters, user_ids: Sequence[UUID]) -> None:
    """Send a code to each contact of new people, once. One that cannot be sent they may ask for themselves."""
    await deliver([send(app, code) for code in await app.database.transact(_keep_first, app, user_ids)])


async def tell(app: Adapters, user_id: UUID, text: str, *, save: ContactKind | None = None) -> int:
    """Send a notice to each contact this person has proved, ``save`` one of a kind; how many could not be sent."""
    contacts = (await app.database.read(of, app, user_id)).values()
    proved = [contact for contact in contacts if contact.verified and contact.kind is not save]
    sends = (app.messenger.send(user_id, contact.kind.value, contact.address, text) for contact in proved)
    return await deliver(list(sends))


async def deliver(sends: Sequence[Coroutine[Any, Any, None]]) -> int:
    """Send, a few at a time; how many could not be sent. The relay waits meanwhile, so not for long."""
    gate = asyncio.Semaphore(SENDING_MOST)
    unsent = len(sends)

    async def one(sending: Coroutine[Any, Any, None]) -> None:
        nonlocal unsent
        async with gate:
            try:
                await sending
                unsent -= 1
            except Unavailable:
                log.warning("message_not_sent")

    try:
        async with asyncio.timeout(SENDING_SECONDS):
            await asyncio.gather(*(one(sending) for sending in sends))
    except TimeoutError:
        log.warning("messages_not_sent_in_time", messages=unsent)
        for sending in sends:
            sending.close()
    return unsent


async def verify(
    tx: Transaction, app: Adapters, user_id: UUID, kind: ContactKind, digits: str, *, origin: Origin
) -> AppError | None:
    """Take the code that was sent: from now on the contact is known to be this person's, and nobody else's.

    Why not, otherwise: returned, since a wrong guess counts. Raises ContactNotFound, ContactVerifiedAlready.
    """
    await addresses.hold(tx, app, kind, (await _unverified(tx, app, user_id, kind)).address)
    sent = await queries.lock_code(tx, user_id, kind)  # so that a guess sees what the one before it did
    contact = await _unverified(tx, app, user_id, kind)  # once more: somebody else may have proved it meanwhile
    note = partial(audit.note, tx, app, Act.VERIFY_CONTACT, actor=user_id, origin=origin, details={"kind": kind})
    if refusal := await judge(tx, app, sent, _purpose(user_id, contact), digits):
        await note(subject=user_id, result=Result.WRONG)
        return refusal
    await prove(tx, app, user_id, contact)
    await note(subject=user_id)
    return None


async def note_change(
    tx: Transaction, app: Adapters, user_id: UUID, kind: ContactKind, change: str, *, origin: Origin
) -> None:
    """For the audit trail: which kind of contact, never the address."""
    details = {"kind": kind, "change": change}
    await audit.note(tx, app, Act.CHANGE_CONTACT, actor=user_id, subject=user_id, origin=origin, details=details)


async def judge(tx: Transaction, app: Adapters, sent: Any | None, purpose: str, digits: str) -> AppError | None:
    """Why these are not the digits of the code that was ``sent`` for a ``purpose``; a wrong guess is counted."""
    if sent is None:
        return CodeExpired()
    if refusal := judge_code(sent.sent_at, sent.wrong, now=app.clock.now()):
        return refusal
    if app.signer.is_keyed_hash(f"{purpose} {digits}", sent.code_hash):
        return None
    await queries.count_wrong(tx, sent.user_id, sent.kind)
    return CodeWrong(attempts_left(sent.wrong + 1))


async def take_word(tx: Transaction, app: Adapters, user_id: UUID, identifiers: Mapping[str, str]) -> None:
    """Verify those contacts of a new person that the messenger asks no proof of."""
    for kind in ContactKind:
        if kind in identifiers and app.messenger.takes_word(identifiers[kind]):
            await prove(tx, app, user_id, Contact(kind, identifiers[kind], False))


async def prove(tx: Transaction, app: Adapters, user_id: UUID, contact: Contact) -> None:
    """Keep that this contact is this person's. Who claimed it, or had proved it before, has it no longer; what the
    person had instead of it can be restored for a while."""
    now, kind = app.clock.now(), contact.kind
    await addresses.hold(tx, app, kind, contact.address)
    losers = await addresses.drop_others(tx, app, user_id, kind, contact.address)
    replaced = await addresses.drop_proved(tx, app, user_id, kind)
    await addresses.keep_proved(tx, app, user_id, kind, contact.address, now=now)
    await queries.forget_codes(tx, [user_id, *losers], kind)
    events: list[Event] = [ContactVerified(user_id, kind, now)]
    events += [ContactLost(loser, kind, now) for loser in losers]
    await outbox.emit(tx, events, new_id=app.new_id)
    if replaced is not None and replaced != contact.address:
        await _keep_undoable(tx, app, user_id, Contact(kind, replaced, True))


async def send(app: Adapters, code: Code) -> None:
    """Send a code that was kept. Raises Unavailable."""
    try:
        await app.messenger.send(code.user_id, code.contact.kind.value, code.contact.address, message(code.digits))
    except Unavailable:
        # Nobody has it: the person need not wait before asking again, unless somebody has guessed at it meanwhile.
        of_code = (code.user_id, code.kind, code.hash)
        await app.database.transact(queries.use_up_code, *of_code, wrong=WRONG_MOST, by=CODE_LASTS)
        raise


async def renew(tx: Transaction, code: Code, *, now: datetime) -> None:
    """Keep a code instead of the one before. Raises CodeSentRecently."""
    sent = await queries.lock_code(tx, code.user_id, code.kind)
    if sent is not None and (may_at := next_code_at(sent.sent_at, sent.codes)) > now:
        raise CodeSentRecently(may_at - now)
    seen = sent.sent_at if sent else None
    if not await queries.renew_code(tx, code.user_id, code.kind, code.hash, now=now, seen=seen):
        raise CodeSentRecently(CODE_WAIT)


def new_code(app: Adapters, user_id: UUID, contact: Contact, *, kind: str, purpose: str) -> Code:
    """Digits nobody can guess, good for one ``purpose`` only; ``kind`` is what they are kept as."""
    digits = f"{secrets.randbelow(10**6):06d}"
    return Code(user_id, contact, kind, digits, app.signer.keyed_hash(f"{purpose} {digits}"))


async def _renew_claimed(tx: Transaction, app: Adapters, user_id: UUID, kind: ContactKind, *, now: datetime) -> Code:
    code = _code(app, user_id, await _unverified(tx, app, user_id, kind))
    await renew(tx, code, now=now)
    return code


async def _claim(
    tx: Transaction, app: Adapters, user_id: UUID, contact: Contact, *, now: datetime, origin: Origin
) -> Code:
    had = (await of(tx, app, user_id)).get(contact.kind)
    if had is not None and had.verified and had.address == contact.address:
        raise ContactVerifiedAlready(contact.kind)
    await addresses.claim(tx, app, user_id, contact.kind, contact.address)
    code = _code(app, user_id, contact)
    await renew(tx, code, now=now)
    await note_change(tx, app, user_id, contact.kind, "claimed", origin=origin)
    await outbox.emit(tx, [ContactClaimed(user_id, contact.kind, now)], new_id=app.new_id)
    return code


async def _keep_undoable(tx: Transaction, app: Adapters, user_id: UUID, contact: Contact) -> None:
    now, change_id = app.clock.now(), app.new_id()
    sealed = (await crypto.ensure(tx, app, user_id)).seal(*CHANGED, change_id, contact.address)
    await queries.keep_change(tx, change_id, user_id, contact.kind, sealed, now=now)
    await outbox.emit(tx, [ContactChanged(user_id, contact.kind, change_id, now)], new_id=app.new_id)


async def _keep_first(tx: Transaction, app: Adapters, user_ids: Sequence[UUID]) -> list[Code]:
    contacts = await addresses.of(tx, app, user_ids)
    codes = [_code(app, user_id, contact) for user_id, contact in contacts if not contact.verified]
    owners = [(code.user_id, code.kind) for code in codes]
    kept = await queries.keep_first_codes(tx, owners, [code.hash for code in codes], now=app.clock.now())
    new = {(row.user_id, row.kind) for row in kept}
    return [code for code, owner in zip(codes, owners, strict=True) if owner in new]


async def _unverified(tx: Transaction, app: Adapters, user_id: UUID, kind: ContactKind) -> Contact:
    if contact := (await claimed(tx, app, user_id)).get(kind):
        return contact
    raise ContactVerifiedAlready(kind) if kind in await of(tx, app, user_id) else ContactNotFound


def _code(app: Adapters, user_id: UUID, contact: Contact) -> Code:
    return new_code(app, user_id, contact, kind=contact.kind, purpose=_purpose(user_id, contact))


def _purpose(user_id: UUID, contact: Contact) -> str:
    return f"contact code {user_id} {contact.kind} {contact.address}"
