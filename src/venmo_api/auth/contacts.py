"""Contacts: one-time codes, by which a person shows that a mail address or a phone number is theirs."""

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hmac import compare_digest
from uuid import UUID

import structlog

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.postgres import Transaction
from venmo_api.auth import queries
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
from venmo_api.core.events import ContactVerified
from venmo_api.outbox import service as outbox

SENDING_MOST = 3
SENDING_SECONDS = 10
"""First codes go out while the relay waits: a messenger that hangs must not hold up all other events."""
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Code:
    """A code that was kept and is still to be sent. Only here, and in the message, does it stand in clear."""

    user_id: UUID
    contact: Contact
    digits: str
    hash: bytes


async def of(tx: Transaction, user_id: UUID) -> dict[ContactKind, Contact]:
    """A person's contacts."""
    return {contact.kind: contact for _, contact in await _contacts(tx, [user_id])}


async def send_code(app: Adapters, user_id: UUID, kind: ContactKind) -> datetime:
    """Send a new code, which replaces the one before; when it runs out.

    Raises ContactNotFound, ContactVerifiedAlready, CodeSentRecently, and Unavailable when it could not be sent.
    """
    now = app.clock.now()
    await _send(app, await app.database.transact(_renew, app, user_id, kind, now=now))
    return now + CODE_LASTS


async def send_first_codes(app: Adapters, user_ids: Sequence[UUID]) -> None:
    """Send a code to each contact of new people, once. One that cannot be sent they may ask for themselves."""
    gate = asyncio.Semaphore(SENDING_MOST)

    async def send(code: Code) -> None:
        async with gate:
            try:
                await _send(app, code)
            except Unavailable:
                log.warning("first_code_not_sent", kind=code.contact.kind)

    codes = await app.database.transact(_keep_first, app, user_ids)
    try:
        async with asyncio.timeout(SENDING_SECONDS):
            await asyncio.gather(*(send(code) for code in codes))
    except TimeoutError:
        log.warning("first_codes_not_sent_in_time", codes=len(codes))


async def verify(tx: Transaction, app: Adapters, user_id: UUID, kind: ContactKind, digits: str) -> AppError | None:
    """Take the code that was sent: from now on the contact is known to be this person's.

    Why not, otherwise: returned, since a wrong guess counts. Raises ContactNotFound, ContactVerifiedAlready.
    """
    sent = await queries.lock_code(tx, user_id, kind)  # first, so that a guess sees what the one before it did
    _unverified(await of(tx, user_id), kind)
    now = app.clock.now()
    if sent is None:
        return CodeExpired()
    if refusal := judge_code(sent.sent_at, sent.wrong, now=now):
        return refusal
    if not compare_digest(sent.code_hash, _hash(app, user_id, kind, digits)):
        await queries.count_wrong(tx, user_id, kind)
        return CodeWrong(attempts_left(sent.wrong + 1))
    await queries.forget_code(tx, user_id, kind)
    await _mark_verified(tx, app, user_id, [kind])
    return None


async def take_word(tx: Transaction, app: Adapters, user_id: UUID, identifiers: Mapping[str, str]) -> None:
    """Verify those contacts of a new person that the messenger asks no proof of."""
    own = [kind for kind in ContactKind if kind in identifiers]
    await _mark_verified(tx, app, user_id, [kind for kind in own if app.messenger.takes_word(identifiers[kind])])


async def _mark_verified(tx: Transaction, app: Adapters, user_id: UUID, kinds: Sequence[ContactKind]) -> None:
    now = app.clock.now()
    for kind in kinds:
        await queries.mark_verified(tx, user_id, kind, now=now)
    await outbox.emit(tx, [ContactVerified(user_id, kind, now) for kind in kinds], new_id=app.new_id)


async def _renew(tx: Transaction, app: Adapters, user_id: UUID, kind: ContactKind, *, now: datetime) -> Code:
    code = _code(app, user_id, _unverified(await of(tx, user_id), kind))
    sent = await queries.lock_code(tx, user_id, kind)
    if sent is not None and (may_at := next_code_at(sent.sent_at, sent.codes)) > now:
        raise CodeSentRecently(may_at - now)
    if not await queries.renew_code(tx, user_id, kind, code.hash, now=now, seen=sent.sent_at if sent else None):
        raise CodeSentRecently(CODE_WAIT)
    return code


async def _keep_first(tx: Transaction, app: Adapters, user_ids: Sequence[UUID]) -> list[Code]:
    contacts = await _contacts(tx, user_ids)
    codes = [_code(app, user_id, contact) for user_id, contact in contacts if not contact.verified]
    owners = [(code.user_id, code.contact.kind) for code in codes]
    kept = await queries.keep_first_codes(tx, owners, [code.hash for code in codes], now=app.clock.now())
    new = {(row.user_id, row.kind) for row in kept}
    return [code for code, owner in zip(codes, owners, strict=True) if owner in new]


async def _send(app: Adapters, code: Code) -> None:
    kind = code.contact.kind
    try:
        await app.messenger.send(code.user_id, kind.value, code.contact.address, message(code.digits))
    except Unavailable:
        # Nobody has it: the person need not wait before asking again, unless somebody has guessed at it meanwhile.
        await app.database.transact(queries.use_up_code, code.user_id, kind, code.hash, wrong=WRONG_MOST, by=CODE_LASTS)
        raise


async def _contacts(tx: Transaction, user_ids: Sequence[UUID]) -> list[tuple[UUID, Contact]]:
    rows = await queries.contacts(tx, user_ids)
    return [(row.user_id, Contact(ContactKind(row.kind), row.value, row.verified_at is not None)) for row in rows]


def _unverified(contacts: dict[ContactKind, Contact], kind: ContactKind) -> Contact:
    contact = contacts.get(kind)
    if contact is None:
        raise ContactNotFound
    if contact.verified:
        raise ContactVerifiedAlready(kind)
    return contact


def _code(app: Adapters, user_id: UUID, contact: Contact) -> Code:
    digits = f"{secrets.randbelow(10**6):06d}"
    return Code(user_id, contact, digits, _hash(app, user_id, contact.kind, digits))


def _hash(app: Adapters, user_id: UUID, kind: ContactKind, digits: str) -> bytes:
    return app.signer.keyed_hash(f"contact code {user_id} {kind} {digits}")
