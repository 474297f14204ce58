"""Sign-in by password; and the identity half of sign-up, called by ``users``."""

from functools import partial
from typing import Any
from uuid import UUID

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.postgres import Transaction
from venmo_api.audit import service as audit
from venmo_api.audit.rules import Act, Result
from venmo_api.auth import addresses, challenges, devices, factors, passwords, queries, sessions, throttles
from venmo_api.auth.guesses import TooManyAttempts
from venmo_api.auth.rules import SignInRefused, named
from venmo_api.auth.tokens import TokenPair
from venmo_api.core.errors import AppError
from venmo_api.core.origin import Origin
from venmo_api.crypto import service as crypto


async def sign_in(
    app: Adapters, *, identifier: str, password: str, device_token: str | None, origin: Origin
) -> TokenPair:
    """Tokens for whoever has this identifier and password, on a device that is known or needs no second factor.

    Raises SignInRefused and TooManyAttempts, in equal time for unknown names, and SecondFactorRequired.
    """
    kind, value = named(identifier)
    found, device_id = await app.database.read(_find, app, (kind, value), device_token)
    user_id, password_hash = (found.user_id, found.password_hash) if found else (None, None)
    # Also of nobody: it takes as long as of somebody.
    note = partial(audit.note, app=app, act=Act.SIGN_IN, subject=user_id, origin=origin)
    guessing = throttles.sign_in(app, name=(kind, value), user_id=user_id, device_id=device_id, origin=origin)
    try:
        async with guessing as guess:
            guess.right = await app.passwords.verify(password, password_hash) and guess.believed
    except TooManyAttempts:
        await app.database.transact(note, result=Result.LOCKED)
        raise
    if found is None or not guess.right:
        await app.database.transact(note, result=Result.WRONG if guess.believed else Result.LOCKED)
        raise SignInRefused
    outcome = await app.database.transact(_admit, app, found, device_token, origin)
    await passwords.keep_hash_current(app, found.user_id, password, found.password_hash)
    if isinstance(outcome, AppError):
        raise outcome
    return outcome


async def begin_first_session(tx: Transaction, app: Adapters, user_id: UUID, *, origin: Origin) -> TokenPair:
    """Sign a new person in. The device of the sign-up is known from the start."""
    device = await devices.add(tx, app, user_id, origin=origin, proved=True)
    await audit.note(tx, app, Act.SIGN_UP, actor=user_id, subject=user_id, origin=origin)
    return await sessions.begin(tx, app, user_id, device=device, amr=["pwd"], origin=origin)


async def taken(tx: Transaction, app: Adapters, identifiers: dict[str, str]) -> str | None:
    """The kind of the first of these identifiers that a new person cannot have, since somebody has it.

    A contact everybody may claim: that somebody has proved it is not told to strangers. Only where a word is as good
    as a proof, it is no better than the one before.
    """
    for kind, value in identifiers.items():
        claimable = kind != "username" and not app.messenger.takes_word(value)
        if not claimable and await addresses.find_holder(tx, app, kind, value) is not None:
            return kind
    return None


async def register(
    tx: Transaction, app: Adapters, user_id: UUID, *, identifiers: dict[str, str], password_hash: str
) -> None:
    """Give a new person a key, their identifiers (kind to canonical value) and password.

    Raises IntegrityError when one was taken meanwhile: ``transact`` then runs the work again.
    """
    await crypto.create(tx, app, user_id)
    for kind, value in identifiers.items():
        await addresses.insert(tx, app, user_id, kind, value)
    await queries.insert_credential(tx, user_id, password_hash)


async def _find(
    tx: Transaction, app: Adapters, name: tuple[str, str], device_token: str | None
) -> tuple[Any, UUID | None]:
    """Whoever has this name, if anybody; and which of their devices has this token."""
    found = await addresses.find_credential(tx, app, *name)
    return found, await devices.known(tx, found.user_id if found else None, device_token)


async def _admit(
    tx: Transaction, app: Adapters, found: Any, device_token: str | None, origin: Origin
) -> TokenPair | AppError:
    """After the password was right. Who has a second factor needs it on each device that it has not vouched for; the
    challenge is kept, hence returned."""
    user_id = found.user_id
    if not await queries.hold_password(tx, user_id, found.password_hash):
        return SignInRefused()  # it was replaced since it was checked
    device = await devices.recognise(tx, app, user_id, device_token)
    if (device is None or device.unproved_since) and await factors.registered(tx, user_id):
        await audit.note(tx, app, Act.SIGN_IN, subject=user_id, result=Result.FACTOR_ASKED, origin=origin)
        return await challenges.begin(tx, app, user_id)
    if device is None:
        device = await devices.add(tx, app, user_id, origin=origin, proved=False)
    await audit.note(tx, app, Act.SIGN_IN, actor=user_id, subject=user_id, origin=origin)
    return await sessions.begin(tx, app, user_id, device=device, amr=["pwd"], origin=origin)
