"""Seal what was kept in clear, renew keys while payments run, and forget people."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final
from uuid import UUID

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.keys import ROTATED, Purpose, WrappedKey
from venmo_api.adapters.postgres import Transaction
from venmo_api.archive import legal
from venmo_api.audit import service as audit
from venmo_api.audit.rules import Act
from venmo_api.auth import addresses, passwords
from venmo_api.core.events import FriendshipEnded, ProfileChanged
from venmo_api.crypto import service as crypto
from venmo_api.idempotency import service as idempotency
from venmo_api.idempotency.rules import Claim, Reply
from venmo_api.ledger import service as ledger
from venmo_api.ledger.rules import debt_account
from venmo_api.outbox import service as outbox
from venmo_api.privacy import queries
from venmo_api.privacy.rules import CannotErase, Left, forgotten_username
from venmo_api.transfers import claims, strangers
from venmo_api.users import service as users
from venmo_api.users.rules import UserNotFound

AT_ONCE: Final = 500
ROUNDS_MOST: Final = 20
ROUND_PAUSE_SECONDS: Final = 0.5
"""Rows that somebody holds are passed over, and found in the next round."""
LOOK_SECONDS: Final = 0.2
Step = Callable[..., Awaitable[int]]


async def seal_all(app: Adapters, progress: Callable[[str], None]) -> Left:
    """Seal what is in clear, wrap people's keys by the newest key, index contacts by the newest key; what is left.

    Each batch is a transaction: it may be stopped anywhere and begun again, while payments run.
    """
    await _until_newest_counts(app)
    for _ in range(ROUNDS_MOST):
        for step, what in STEPS:
            await _to_the_end(app, step, partial(_tell, progress, what))
        found = await left(app)
        if found.nothing:
            break
        await asyncio.sleep(ROUND_PAUSE_SECONDS)
    for transfer_id in await app.database.read(queries.claimable):
        # Proved while one side was under the key before: neither event found the other side.
        await app.database.transact(claims.claim, app, transfer_id)
    return found


async def seal_clear(app: Adapters, progress: Callable[[str], None]) -> Left:
    """Seal what is in clear, if anything is; what is left."""
    await app.keys.refresh()
    found = await left(app)
    return await seal_all(app, progress) if found.in_clear else found


async def left(app: Adapters) -> Left:
    """What is in clear, or under a key before the newest that counts."""
    keys = app.keys
    return await app.database.read(queries.left, wrapping=keys.current("wrapping"), index=keys.current("index"))


async def rotate(app: Adapters, purposes: Sequence[Purpose] = ROTATED) -> dict[Purpose, int]:
    """Announce a new key of each purpose; their numbers. ``seal_all`` then takes everything over to them. Raises
    KeyStands."""
    made = {purpose: await app.keys.rotate(purpose) for purpose in purposes}
    details = {str(purpose): number for purpose, number in made.items()}
    await app.database.transact(audit.note, app, Act.ROTATE_KEYS, details=details)
    return made


@dataclass(frozen=True, slots=True)
class KeyInUse:
    """``rows`` are those under it; None: every story, which the standing key names."""

    purpose: Purpose
    number: int
    counts_from: datetime
    rows: int | None


async def keys(app: Adapters) -> list[KeyInUse]:
    """Each data key, and how many rows are under it."""
    used = await app.database.read(queries.in_use)
    known = sorted(app.keys.announced().items())
    return [
        KeyInUse(purpose, number, at, used.get((purpose, number), 0) if purpose in ROTATED else None)
        for (purpose, number), at in known
    ]


async def erase(tx: Transaction, app: Adapters, username: str) -> UUID:
    """Destroy a person's key, remove what tells who they were and what they wrote, end their sessions. The
    ledger stays as it is.

    Raises UserNotFound and CannotErase.
    """
    now = app.clock.now()
    user_id = (await users.find(tx, app, [("username", username)])).get(("username", username))
    if user_id is None:
        raise UserNotFound
    await ledger.open(tx, [user_id])  # nothing moves meanwhile
    await queries.lock_key(tx, user_id)  # and nothing is sealed
    reasons = (await queries.standing(tx, user_id, debt=debt_account(user_id), now=now)).reasons()
    found = await queries.left(tx, wrapping=app.keys.current("wrapping"), index=app.keys.current("index"))
    if found.in_clear:
        reasons.append("data is in clear yet: run `venmo-api keys re-encrypt`")
    if await queries.is_moving(tx):
        reasons.append("events are on their way to the archive: try again when `venmo-api archive` is done")
    reasons += await legal.against_erasing(tx, user_id)
    if reasons:
        raise CannotErase(reasons)
    own = [contact for _, contact in await addresses.of(tx, app, [user_id])]
    indexes = [form for contact in own for form in app.keys.indexes(contact.kind, contact.address)]
    await passwords.end_all(tx, app, user_id)
    packed = (await users.circles(tx, [user_id])).get(user_id, b"")
    friends = [UUID(bytes=packed[at : at + 16]) for at in range(0, len(packed), 16)]
    await queries.forget(tx, user_id, username=forgotten_username(user_id), indexes=indexes, now=now)
    await queries.forget_words(tx, user_id)
    ended = [FriendshipEnded(user_id, friend, now) for friend in friends]
    await outbox.emit(tx, [ProfileChanged(user_id, now), *ended], new_id=app.new_id)
    await audit.note(tx, app, Act.ERASE_PERSON, subject=user_id)
    return user_id


async def _until_newest_counts(app: Adapters) -> None:
    await app.keys.refresh()
    for purpose in ROTATED:
        newest = max(number for kind, number in app.keys.announced() if kind == purpose)
        while app.keys.current(purpose) != newest:  # noqa: ASYNC110 - it waits for a moment, not for another task
            await asyncio.sleep(LOOK_SECONDS)


async def _to_the_end(app: Adapters, step: Step, tell: Callable[[int], None]) -> None:
    total = 0
    while done := await app.database.transact(step, app):
        total += done
        tell(total)


def _tell(progress: Callable[[str], None], what: str, total: int) -> None:
    progress(f"{what}: {total:,}")


async def _seal_contacts(tx: Transaction, app: Adapters) -> int:
    rows = await queries.contacts_in_clear(tx, most=AT_ONCE)
    for row in rows:
        sealed = (await crypto.ensure(tx, app, row.user_id)).seal(*addresses.PLACE, row.kind, row.value)
        await queries.seal_contact(tx, row, index=app.keys.index(row.kind, row.value), sealed=sealed)
    return len(rows)


async def _seal_payees(tx: Transaction, app: Adapters) -> int:
    rows = await queries.payees_in_clear(tx, most=AT_ONCE)
    for row in rows:
        sealed = (await crypto.ensure(tx, app, row.sender_id)).seal(*strangers.PLACE, row.id, row.contact)
        await queries.seal_payee(tx, row.id, index=app.keys.index(row.contact_kind, row.contact), sealed=sealed)
    return len(rows)


async def _seal_sources(tx: Transaction, app: Adapters) -> int:
    rows = await queries.sources_in_clear(tx, most=AT_ONCE)
    for row in rows:
        details = json.dumps([row.token, row.label, row.last4])
        sealer = await crypto.ensure(tx, app, row.user_id)
        await queries.seal_source(tx, row.id, sealer.seal("funding_sources", "sealed", row.id, details))
    return len(rows)


async def _seal_answers(tx: Transaction, app: Adapters) -> int:
    rows = await queries.answers_in_clear(tx, most=AT_ONCE)
    now = app.clock.now()
    for row in rows:
        claim = Claim(row.user_id, row.route, row.key, (b"",), now)
        address = json.loads(row.body)["contact"]["value"]
        [kept] = await idempotency.sealed(tx, app, [(claim, Reply(row.status, row.body, address=address))])
        await queries.seal_answer(tx, row, kept.body)
    return len(rows)


async def _wrap_keys(tx: Transaction, app: Adapters) -> int:
    rows = await queries.wrapped_before(tx, app.keys.current("wrapping"), most=AT_ONCE)
    for row in rows:
        await queries.wrap(tx, row.user_id, app.keys.rewrapped(row.user_id, WrappedKey(row.wrapped_by, row.wrapped)))
    return len(rows)


async def _index_payees(tx: Transaction, app: Adapters) -> int:
    rows = await queries.payees_indexed_before(tx, app.keys.current("index"), most=AT_ONCE)
    sealers = await crypto.of(tx, app, [row.sender_id for row in rows])
    for row in rows:
        address = sealers[row.sender_id].unseal(*strangers.PLACE, row.id, row.contact_sealed)
        index = app.keys.index(row.contact_kind, address)
        await queries.seal_payee(tx, row.id, index=index, sealed=row.contact_sealed)
    return len(rows)


async def _index_contacts(tx: Transaction, app: Adapters) -> int:
    rows = await queries.contacts_indexed_before(tx, app.keys.current("index"), most=AT_ONCE)
    sealers = await crypto.of(tx, app, [row.user_id for row in rows])
    for row in rows:
        address = sealers[row.user_id].unseal(*addresses.PLACE, row.kind, row.sealed)
        await queries.seal_contact(tx, row, index=app.keys.index(row.kind, address), sealed=row.sealed)
    return len(rows)


STEPS: tuple[tuple[Step, str], ...] = (
    (_seal_contacts, "contacts sealed"),
    (_seal_payees, "payees sealed"),
    (_seal_sources, "funding sources sealed"),
    (_seal_answers, "answers sealed"),
    (_wrap_keys, "keys wrapped anew"),
    (_index_payees, "payees indexed anew"),
    (_index_contacts, "contacts indexed anew"),
)
