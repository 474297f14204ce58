"""Passwords: judged, changed by who knows the one before, reset by a code, hashed anew as parameters change."""

from collections.abc import Iterable, Sequence
from functools import partial
from uuid import UUID

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.postgres import Transaction
from venmo_api.audit import service as audit
from venmo_api.audit.rules import Act, Result
from venmo_api.auth import addresses, challenges, contacts, devices, factors, queries, sessions, throttles
from venmo_api.auth.contacts import Code
from venmo_api.auth.password_rules import (
    PasswordNamesYou,
    PasswordTooCommon,
    PasswordWrong,
    ResetRefused,
    names_somebody,
)
from venmo_api.auth.rules import CODE_LASTS, CodeSentRecently, Contact, ContactKind, named
from venmo_api.auth.throttles import Purpose
from venmo_api.auth.tokens import Actor
from venmo_api.core import ids
from venmo_api.core.events import PasswordChanged, PasswordResetAsked
from venmo_api.core.origin import Origin
from venmo_api.outbox import service as outbox

CODE_KIND = "password"
"""As which reset codes are kept, beside those that prove contacts."""
RESET_SECONDS = int(CODE_LASTS.total_seconds())
NEW_PASSWORD = "/new_password"  # noqa: S105 - a field


def judge(app: Adapters, password: str, names: Iterable[str], *, pointer: str) -> None:
    """Raises PasswordTooCommon, and PasswordNamesYou for one that is hardly more than one of ``names``."""
    if app.passwords.is_common(password):
        raise PasswordTooCommon(pointer)
    if names_somebody(password, names):
        raise PasswordNamesYou(pointer)


async def change(app: Adapters, actor: Actor, *, current: str, new: str, origin: Origin) -> Sequence[UUID]:
    """Replace the password of who knows it, and end their other sessions: which.

    Raises PasswordWrong, PasswordTooCommon, PasswordNamesYou, TooManyAttempts.
    """
    seen, own = await app.database.read(_password_and_names, app, actor.user_id)
    judge(app, new, own, pointer=NEW_PASSWORD)
    async with throttles.attempt(app, Purpose.STEP_UP, await sessions.device_of(app, actor)) as guess:
        guess.right = await app.passwords.verify(current, seen)
    if not guess.right:
        note = partial(audit.note, subject=actor.user_id, result=Result.WRONG, origin=origin)
        await app.database.transact(note, app, Act.CHANGE_PASSWORD)
        raise PasswordWrong
    made = await app.passwords.hash(new)
    return await app.database.transact(_change, app, actor, made, seen=seen, origin=origin)


async def ask_reset(app: Adapters, identifier: str) -> None:
    """Have a code sent to a proved contact of whoever has this name. The same is done for a name nobody has."""
    kind, value = named(identifier)
    user_id = await app.database.read(addresses.find_holder, app, kind, value)
    asked = PasswordResetAsked(user_id or app.new_id(), kind, app.clock.now())
    await app.database.transact(outbox.emit, [asked], new_id=app.new_id)


async def send_reset_codes(app: Adapters, asked: Sequence[PasswordResetAsked]) -> None:
    """Send a code to each who asked, has a proved contact, and was not sent one a short while ago."""
    codes = [await app.database.transact(_new_reset_code, app, event) for event in asked]
    await contacts.deliver([contacts.send(app, code) for code in codes if code is not None])


async def reset(app: Adapters, *, identifier: str, digits: str, new: str, origin: Origin) -> Sequence[UUID]:
    """Replace a password by a code that was sent; all devices are strangers and all sessions end: which.

    Raises ResetRefused, after the same work for unknown names, PasswordTooCommon, PasswordNamesYou, TooManyAttempts.
    """
    judge(app, new, [identifier], pointer=NEW_PASSWORD)
    name = named(identifier)
    # Of each network its own count: no stranger can keep the owner of a name from resetting.
    async with throttles.attempt(app, Purpose.RESET, " ".join((origin.network, *name))) as guess:
        made = await app.passwords.hash(new)
        outcome = await app.database.transact(_reset, app, name, digits, new, made, origin)
        guess.right = not isinstance(outcome, ResetRefused)
    if isinstance(outcome, ResetRefused):
        raise outcome
    return outcome


async def keep_hash_current(app: Adapters, user_id: UUID, password: str, stored: str) -> None:
    """Hash a password that was right anew, if it was hashed with other parameters than today's."""
    if app.passwords.is_outdated(stored):
        made = await app.passwords.hash(password)
        await app.database.transact(queries.replace_password, user_id, made, seen=stored)


async def end_all(tx: Transaction, app: Adapters, user_id: UUID) -> Sequence[UUID]:
    """Let nobody be signed in as this person, or half signed in, and no device be known; which sessions ended."""
    await challenges.drop(tx, user_id, now=app.wall_clock.now())
    await devices.disown(tx, user_id)
    return await sessions.revoke(tx, app, user_id)


async def reclaim(tx: Transaction, app: Adapters, user_id: UUID) -> Sequence[UUID]:
    """Let whoever reads this person's mail begin anew: also without factors from devices that were new."""
    await factors.drop_new(tx, app, user_id)
    return await end_all(tx, app, user_id)


async def _password_and_names(tx: Transaction, app: Adapters, user_id: UUID) -> tuple[str | None, list[str]]:
    return await queries.password_hash(tx, user_id), await _names(tx, app, user_id)


async def _names(tx: Transaction, app: Adapters, user_id: UUID) -> list[str]:
    return [value for _, value in await contacts.names(tx, app, user_id)]


async def _change(
    tx: Transaction, app: Adapters, actor: Actor, made: str, *, seen: str | None, origin: Origin
) -> Sequence[UUID]:
    if not await queries.replace_password(tx, actor.user_id, made, seen=seen):
        raise PasswordWrong  # it was replaced since it was checked
    await challenges.drop(tx, actor.user_id, now=app.wall_clock.now())
    who, details = actor.user_id, {"session": ids.encode(ids.SESSION, actor.session_id)}
    await audit.note(tx, app, Act.CHANGE_PASSWORD, actor=who, subject=who, origin=origin, details=details)
    await _announce(tx, app, actor.user_id, reset=False)
    return await sessions.revoke(tx, app, actor.user_id, kept=actor.session_id)


async def _reset(
    tx: Transaction, app: Adapters, name: tuple[str, str], digits: str, new: str, made: str, origin: Origin
) -> Sequence[UUID] | ResetRefused:
    """A refusal is returned, since a wrong guess counts."""
    holder = await addresses.find_holder(tx, app, *name)
    user_id = holder or app.new_id()
    sent = await queries.lock_code(tx, user_id, CODE_KIND)
    if await contacts.judge(tx, app, sent, _purpose(user_id), digits):
        await audit.note(tx, app, Act.RESET_PASSWORD, subject=holder, result=Result.WRONG, origin=origin)
        return ResetRefused()
    judge(app, new, await _names(tx, app, user_id), pointer=NEW_PASSWORD)
    await queries.replace_password(tx, user_id, made)
    await queries.forget_codes(tx, [user_id], CODE_KIND)
    await audit.note(tx, app, Act.RESET_PASSWORD, actor=user_id, subject=user_id, origin=origin)
    await _announce(tx, app, user_id, reset=True)
    return await reclaim(tx, app, user_id)


async def _announce(tx: Transaction, app: Adapters, user_id: UUID, *, reset: bool) -> None:
    await throttles.forgive(tx, app, user_id, await contacts.names(tx, app, user_id))
    await outbox.emit(tx, [PasswordChanged(user_id, reset, app.clock.now())], new_id=app.new_id)


async def _new_reset_code(tx: Transaction, app: Adapters, asked: PasswordResetAsked) -> Code | None:
    own = await contacts.of(tx, app, asked.user_id)
    proved: dict[str, Contact] = {kind: contact for kind, contact in own.items() if contact.verified}
    contact = proved.get(asked.kind) or proved.get(ContactKind.EMAIL) or proved.get(ContactKind.PHONE)
    if contact is None:
        return None
    code = contacts.new_code(app, asked.user_id, contact, kind=CODE_KIND, purpose=_purpose(asked.user_id))
    try:
        await contacts.renew(tx, code, now=app.clock.now())
    except CodeSentRecently:
        return None
    return code


def _purpose(user_id: UUID) -> str:
    return f"password reset {user_id}"
