"""People: sign-up, profiles, search, and how they stand to each other."""

import secrets
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from uuid import UUID

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.keys import KeyAway
from venmo_api.adapters.postgres import Transaction
from venmo_api.audit import service as audit
from venmo_api.audit.rules import Act
from venmo_api.auth import addresses, contacts, passwords, throttles
from venmo_api.auth import service as auth
from venmo_api.auth.rules import CodeWrong, ContactKind
from venmo_api.auth.tokens import TokenPair
from venmo_api.core.errors import AppError
from venmo_api.core.events import IdentityVerified, ProfileChanged, UserSignedUp
from venmo_api.core.origin import Origin
from venmo_api.core.paging import Page, PageRequest, cut
from venmo_api.ledger import service as ledger
from venmo_api.outbox import service as outbox
from venmo_api.users import queries
from venmo_api.users.rules import (
    Audience,
    Card,
    Changes,
    IdentifierTaken,
    Party,
    PayeeProof,
    Profile,
    Relations,
    UserNotFound,
)

Parties = dict[UUID, Party]


async def sign_up(
    app: Adapters, *, username: str, display_name: str, email: str, phone: str | None, password: str, origin: Origin
) -> tuple[Card, TokenPair]:
    """A new person with an empty wallet, signed in. Identifiers are canonical.

    Raises IdentifierTaken, PasswordTooCommon, PasswordNamesYou.
    """
    identifiers = {"username": username, "email": email} | ({"phone": phone} if phone else {})
    passwords.judge(app, password, [*identifiers.values(), display_name], pointer="/password")
    password_hash = await app.passwords.hash(password)
    return await app.database.transact(_sign_up, app, identifiers, display_name, password_hash, origin)


async def _sign_up(
    tx: Transaction, app: Adapters, identifiers: dict[str, str], display_name: str, password_hash: str, origin: Origin
) -> tuple[Card, TokenPair]:
    user_id, now = app.new_id(), app.clock.now()
    username = identifiers["username"]
    if taken := await auth.taken(tx, app, identifiers):
        raise IdentifierTaken(taken)
    await queries.insert(tx, user_id, username=username, display_name=display_name, at=now)
    await auth.register(tx, app, user_id, identifiers=identifiers, password_hash=password_hash)
    await ledger.open_wallet(tx, user_id, at=now)
    await outbox.emit(tx, [UserSignedUp(user_id, now)], new_id=app.new_id)
    await contacts.take_word(tx, app, user_id, identifiers)
    return Card(user_id, username, display_name, None), await auth.begin_first_session(tx, app, user_id, origin=origin)


async def profile(tx: Transaction, app: Adapters, user_id: UUID) -> Profile:
    row = await queries.get(tx, user_id)
    if row is None:
        raise UserNotFound
    own, claimed = await contacts.of(tx, app, user_id), await contacts.claimed(tx, app, user_id)
    email, phone = own.get(ContactKind.EMAIL), own.get(ContactKind.PHONE)
    email_verified, phone_verified = bool(email and email.verified), bool(phone and phone.verified)
    return Profile(
        card_of(row),
        email.address if email else None,
        phone.address if phone else None,
        Audience(row.default_audience),
        Audience(row.friend_list),
        row.findable,
        row.created_at,
        email_verified=email_verified,
        phone_verified=phone_verified,
        identity_verified=row.verified_at is not None,
        claimed_email=claimed[ContactKind.EMAIL].address if email_verified and ContactKind.EMAIL in claimed else None,
        claimed_phone=claimed[ContactKind.PHONE].address if phone_verified and ContactKind.PHONE in claimed else None,
    )


async def change_profile(tx: Transaction, app: Adapters, user_id: UUID, changes: Changes, *, origin: Origin) -> Profile:
    """Change what is given, keep the rest. A new default audience binds payments from now on."""
    if await queries.update(tx, user_id, changes):
        await outbox.emit(tx, [ProfileChanged(user_id, app.clock.now())], new_id=app.new_id)
        await audit.note(tx, app, Act.CHANGE_PROFILE, actor=user_id, subject=user_id, origin=origin)
    return await profile(tx, app, user_id)


async def verify_contact(app: Adapters, user_id: UUID, kind: ContactKind, digits: str, *, origin: Origin) -> Profile:
    """Take the code sent to a contact.

    Raises ContactNotFound, ContactVerifiedAlready, CodeWrong, CodeUsedUp, CodeExpired, TooManyAttempts.
    """
    claimed = (await app.database.read(contacts.claimed, app, user_id)).get(kind)
    if claimed is None:
        outcome = await app.database.transact(_verify_contact, app, user_id, kind, digits, origin)
    else:
        async with throttles.code(app, kind, claimed.address) as guess:
            outcome = await app.database.transact(_verify_contact, app, user_id, kind, digits, origin)
            guess.right = not isinstance(outcome, CodeWrong)  # where no code counts, nothing was guessed
    if isinstance(outcome, AppError):
        raise outcome
    return outcome


async def _verify_contact(
    tx: Transaction, app: Adapters, user_id: UUID, kind: ContactKind, digits: str, origin: Origin
) -> Profile | AppError:
    """A refusal is returned, since a wrong guess counts."""
    return await contacts.verify(tx, app, user_id, kind, digits, origin=origin) or await profile(tx, app, user_id)


async def verify_identity(tx: Transaction, app: Adapters, user_id: UUID, *, origin: Origin) -> Profile:
    """Keep that the identity provider is sure who this is. Saying so again changes nothing."""
    now = app.clock.now()
    if await queries.verify_identity(tx, user_id, now=now):
        await outbox.emit(tx, [IdentityVerified(user_id, now)], new_id=app.new_id)
        await audit.note(tx, app, Act.VERIFY_IDENTITY, actor=user_id, subject=user_id, origin=origin)
    return await profile(tx, app, user_id)


async def pay_code(tx: Transaction, user_id: UUID) -> str:
    """What this person's QR code holds; made at the first asking."""
    row = await queries.get(tx, user_id)
    if row is None:
        raise UserNotFound
    return row.pay_code or await queries.set_first_pay_code(tx, user_id, _new_pay_code())


async def replace_pay_code(tx: Transaction, user_id: UUID) -> str:
    """A new pay code; the one before proves nothing from now on."""
    made = _new_pay_code()
    await queries.set_pay_code(tx, user_id, made)
    return made


async def card(tx: Transaction, user_id: UUID) -> Card:
    """Raises UserNotFound."""
    row = await queries.get(tx, user_id)
    if row is None:
        raise UserNotFound
    return card_of(row)


async def shown(tx: Transaction, viewer: UUID, user_id: UUID) -> Card:
    """Raises UserNotFound, also for who is hidden from ``viewer``."""
    row = await queries.get_shown(tx, viewer, user_id)
    if row is None:
        raise UserNotFound
    return card_of(row)


async def search(tx: Transaction, viewer: UUID | None, prefix: str, page: PageRequest) -> Page[Card]:
    """People whose username or display name begins so, without regard to case, by username. From staff (None) nobody is
    hidden."""
    rows = await queries.search(tx, viewer, prefix, page)
    return cut([card_of(row) for row in rows], page.limit, lambda found: found.id)


async def matches(tx: Transaction, app: Adapters, viewer: UUID, hashes: Sequence[bytes]) -> list[tuple[bytes, Card]]:
    """Of these SHA-256 of canonical contacts, those that somebody has proved who wants to be found by them, and who it
    is. Raises KeyAway."""
    forms = {
        (kind, form): hashed
        for hashed in hashes
        for kind in ContactKind
        for form in app.keys.indexes_of_hash(kind, hashed)
    }
    hash_of = {form: hashed for (_, form), hashed in forms.items()}
    found = {hash_of[row.form]: card_of(row) for row in await queries.matches(tx, viewer, list(forms))}
    return [(hashed, found[hashed]) for hashed in dict.fromkeys(hashes) if hashed in found]


async def parties(tx: Transaction, ids: Iterable[UUID]) -> Parties:
    """People as sides of payments; unknown ids are absent."""
    rows = await queries.cards(tx, sorted(set(ids)))
    return {
        card[0]: Party(Card(*card), Audience(audience), verified is not None, erased is not None, since)
        for *card, audience, verified, erased, since in rows
    }


async def reachable(tx: Transaction, viewer: UUID, ids: Collection[UUID]) -> Parties:
    """Those of these people whom ``viewer`` may name as the other side of a payment: absent is who is unknown, who was
    erased, and who is hidden."""
    people, away = await tx.together(parties(tx, ids), hidden(tx, [(viewer, other) for other in ids]))
    return {id: party for id, party in people.items() if not party.erased and (viewer, id) not in away}


async def payee_proofs(
    tx: Transaction, app: Adapters, ids: Iterable[UUID], *, digits_needed: bool
) -> dict[UUID, PayeeProof]:
    """What can be told of these people by those who know them. Raises KeyAway only if the digits of phones are needed;
    else they are left out when they cannot be read."""
    rows = await queries.payee_proofs(tx, sorted(set(ids)))
    proofs = {row.id: PayeeProof(row.pay_code) for row in rows}
    try:
        numbers = {
            row.id: addresses.opened(app.keys, row, "phone", row.phone) for row in rows if row.phone and row.wrapped
        }
    except KeyAway:
        if digits_needed:
            raise
        return proofs
    return proofs | {id: PayeeProof(proofs[id].pay_code, number[-4:]) for id, number in numbers.items()}


async def befriended(tx: Transaction, pairs: Iterable[tuple[UUID, UUID]]) -> frozenset[tuple[UUID, UUID]]:
    """Those of these pairs, in either order, who are friends."""
    return frozenset((row.one, row.other) for row in await queries.befriended(tx, sorted(set(pairs))))


async def find(tx: Transaction, app: Adapters, names: Sequence[tuple[str, str]]) -> dict[tuple[str, str], UUID]:
    """Who is reached by these identifiers (kind, canonical value); unknown and unproved ones are absent.

    Raises KeyAway for contacts.
    """
    if not names:
        return {}
    stored = {(kind, value): (kind, name) for kind, name in names for value in addresses.forms(app.keys, kind, name)}
    return {stored[row.kind, row.value]: row.user_id for row in await queries.by_identifier(tx, list(stored))}


async def relations(tx: Transaction, viewer: UUID) -> Relations:
    """How this person stands to others."""
    friends, hidden = await tx.together(circles(tx, [viewer]), hidden_of(tx, [viewer]))
    packed: bytes = friends.get(viewer, b"")
    return Relations(
        frozenset(UUID(bytes=packed[at : at + 16]) for at in range(0, len(packed), 16)),
        hidden.get(viewer, frozenset()),
    )


async def circles(tx: Transaction, people: Iterable[UUID]) -> dict[UUID, bytes]:
    """The accepted friends of each person who has any: their ids, 16 bytes each, one after another."""
    return dict(await queries.circles(tx, sorted(set(people))))


async def hidden_of(tx: Transaction, people: Iterable[UUID]) -> dict[UUID, frozenset[UUID]]:
    """Of each person who blocked anybody or was blocked: all from whom they are hidden, and who from them."""
    found: dict[UUID, set[UUID]] = defaultdict(set)
    for person, other in await queries.hidden_of(tx, sorted(set(people))):
        found[person].add(other)
    return {person: frozenset(others) for person, others in found.items()}


async def hidden(tx: Transaction, pairs: Collection[tuple[UUID, UUID]]) -> frozenset[tuple[UUID, UUID]]:
    """Those of these pairs, as they are given, who are hidden from each other."""
    if not pairs:
        return frozenset()
    return frozenset((one, other) for one, other in await queries.hidden_between(tx, pairs))


def card_of(row: Card) -> Card:
    """The card in a row that was read with its columns."""
    return Card(row.id, row.username, row.display_name, row.avatar_url)


def _new_pay_code() -> str:
    return "pay_" + secrets.token_urlsafe(24)
