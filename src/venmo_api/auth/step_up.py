"""Prove again who one is: to finish a sign-in, for a sensitive act, to approve one payment."""

import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial
from hashlib import sha256
from uuid import UUID

from sqlalchemy import text

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.postgres import Transaction
from venmo_api.audit import service as audit
from venmo_api.audit.rules import Act, Result
from venmo_api.auth import challenges, devices, factors, sessions, throttles
from venmo_api.auth.proofs import (
    APPROVAL_LASTS,
    METHODS,
    UNGUESSABLE,
    ApprovalRequired,
    Approves,
    Factor,
    Proof,
    ProofNotTaken,
    ProofWrong,
    SteppedUp,
    StepUpRequired,
    is_fresh,
)
from venmo_api.auth.throttles import Attempt, Purpose
from venmo_api.auth.tokens import Actor, TokenPair
from venmo_api.core import ids
from venmo_api.core.errors import AppError
from venmo_api.core.origin import Origin

CREDENTIAL = text("SELECT password_hash FROM credentials WHERE user_id = :user_id")
APPROVE = text("""
    INSERT INTO approvals (token_hash, user_id, session_id, payee_hash, amount, expires_at)
    VALUES (:token_hash, :user_id, :session_id, :payee_hash, :amount, :expires_at)
""")
# Whoever comes first binds it to their route and key, and under these money moves once. A retry comes late, too.
USE_APPROVAL = text("""
    UPDATE approvals SET idempotency_key = :key
    WHERE token_hash = :token_hash AND user_id = :user_id AND session_id = :session_id
      AND payee_hash = :payee_hash AND amount = :amount
      AND (idempotency_key = :key OR idempotency_key IS NULL AND expires_at > :now)
    RETURNING token_hash
""")
FORGET_APPROVALS = text("DELETE FROM approvals WHERE expires_at <= :until")


async def finish_sign_in(app: Adapters, token: str, proof: Proof, *, origin: Origin) -> TokenPair:
    """Tokens for whoever proves what a sign-in asked for; their device is trusted from now on.

    Raises ChallengeEnded, ProofNotTaken, ProofWrong, TooManyAttempts.
    """
    user_id = await app.database.read(challenges.whose, token)
    async with _guessing(app, proof, user_id) as guess:
        outcome = await app.database.transact(_finish, app, token, proof, origin)
        guess.right = not isinstance(outcome, AppError)
    if isinstance(outcome, AppError):
        raise outcome
    return outcome


async def fresh(app: Adapters, actor: Actor) -> None:
    """For sensitive acts: raises StepUpRequired unless the person has just proved who they are, by a second factor if
    they have one."""
    recent = is_fresh(actor.authenticated_at, now=app.wall_clock.now())
    if recent and "mfa" in actor.amr:
        return
    ways = await app.database.read(factors.demanded, app, actor)
    if ways or not recent:
        raise StepUpRequired(ways)


async def fresh_if_protected(app: Adapters, actor: Actor) -> None:
    """The same, for acts that only a person with a second factor must confirm."""
    if is_fresh(actor.authenticated_at, now=app.wall_clock.now()) and "mfa" in actor.amr:
        return
    if ways := await app.database.read(factors.demanded, app, actor):
        raise StepUpRequired(ways)


async def by_password(
    app: Adapters, actor: Actor, password: str, approves: Approves | None, *, origin: Origin
) -> SteppedUp:
    """For who has no second factor. Raises ProofNotTaken, ProofWrong, TooManyAttempts."""
    if ways := await app.database.read(factors.demanded, app, actor):
        raise ProofNotTaken(ways)
    stored = await app.database.read(_password_hash, actor.user_id)
    async with throttles.attempt(app, Purpose.STEP_UP, await sessions.device_of(app, actor)) as guess:
        guess.right = await app.passwords.verify(password, stored)
    if not guess.right:
        await app.database.transact(_note, app, Act.STEP_UP, actor, origin, result=Result.WRONG)
        raise ProofWrong
    return await app.database.transact(_stepped_up, app, actor, ["pwd"], approves, origin)


async def by_factor(
    app: Adapters, actor: Actor, proof: Proof, approves: Approves | None, *, origin: Origin
) -> SteppedUp:
    """Raises ProofNotTaken, ProofWrong, TooManyAttempts."""
    async with _guessing(app, proof, await sessions.device_of(app, actor)) as guess:
        outcome = await app.database.transact(_step_up, app, actor, proof, approves, origin)
        guess.right = not isinstance(outcome, AppError)
    if isinstance(outcome, AppError):
        raise outcome
    return outcome


def asked(app: Adapters, actor: Actor) -> challenges.Find:
    """The challenge of a step-up in this session."""
    return partial(challenges.of_session, app=app, actor=actor, purpose="step_up")


async def enrolled(tx: Transaction, app: Adapters, actor: Actor, factor: Factor) -> str:
    """Who has just shown that a new factor works need not show it again: an access token that says so."""
    return await _authenticated(tx, app, actor, METHODS[factor.kind])


async def approved(
    tx: Transaction, app: Adapters, actor: Actor, approves: Approves, *, approval: str, key: str
) -> None:
    """Let one payment pass that was approved in this session, and bind the approval to its idempotency key. Who has no
    second factor needs none. Raises ApprovalRequired."""
    ways = await factors.registered(tx, actor.user_id)
    if not ways:
        return
    bound = _bound(actor, approval, approves) | {"key": key, "now": app.wall_clock.now()}
    if (await tx.execute(USE_APPROVAL, bound)).first() is None:
        payee = ids.encode(ids.USER, approves.payee) if isinstance(approves.payee, UUID) else None
        raise ApprovalRequired(ways, recipient_id=payee, amount=approves.amount)


async def forget_old(tx: Transaction, *, now: datetime) -> int:
    """Forget approvals that no retry will come for; how many."""
    return (await tx.execute(FORGET_APPROVALS, {"until": now - challenges.KEPT})).rowcount


@asynccontextmanager
async def _guessing(app: Adapters, proof: Proof, subject: UUID) -> AsyncIterator[Attempt]:
    """Around a proof that may be a guess. By one that cannot be, the owner gets in also after a thief of the password
    has guessed too often."""
    if proof.kind in UNGUESSABLE:
        yield Attempt()
        return
    async with throttles.attempt(app, Purpose.SECOND_FACTOR, subject) as guess:
        yield guess


async def _finish(tx: Transaction, app: Adapters, token: str, proof: Proof, origin: Origin) -> TokenPair | ProofWrong:
    challenge = await challenges.of_sign_in(tx, app, token)
    user_id, details = challenge.user_id, {"factor": proof.kind}
    if wrong := await challenges.meet(tx, app, challenge, proof):
        await audit.note(tx, app, Act.SIGN_IN, subject=user_id, result=Result.WRONG, origin=origin, details=details)
        return wrong
    await audit.note(tx, app, Act.SIGN_IN, actor=user_id, subject=user_id, origin=origin, details=details)
    device = await devices.add(tx, app, user_id, origin=origin, proved=await factors.vouch(tx, app, user_id))
    return await sessions.begin(tx, app, user_id, device=device, amr=["pwd", *METHODS[proof.kind]], origin=origin)


async def _step_up(
    tx: Transaction, app: Adapters, actor: Actor, proof: Proof, approves: Approves | None, origin: Origin
) -> SteppedUp | ProofWrong:
    challenge = await asked(app, actor)(tx)
    if wrong := await challenges.meet(tx, app, challenge, proof):
        await _note(tx, app, Act.STEP_UP, actor, origin, result=Result.WRONG)
        return wrong
    if await factors.vouch(tx, app, actor.user_id):
        await devices.prove(tx, actor.session_id)
    return await _stepped_up(tx, app, actor, METHODS[proof.kind], approves, origin)


async def _stepped_up(
    tx: Transaction,
    app: Adapters,
    actor: Actor,
    methods: Sequence[str],
    approves: Approves | None,
    origin: Origin,
) -> SteppedUp:
    await _note(tx, app, Act.APPROVE if approves else Act.STEP_UP, actor, origin)
    approval = await _approve(tx, app, actor, approves) if approves else None
    return SteppedUp(await _authenticated(tx, app, actor, methods), approval)


async def _note(
    tx: Transaction, app: Adapters, act: Act, actor: Actor, origin: Origin, *, result: Result = Result.OK
) -> None:
    await audit.note(tx, app, act, actor=actor.user_id, subject=actor.user_id, result=result, origin=origin)


async def _authenticated(tx: Transaction, app: Adapters, actor: Actor, methods: Sequence[str]) -> str:
    return await sessions.authenticate(tx, app, actor, amr=list(dict.fromkeys((*actor.amr, *methods))))


async def _approve(tx: Transaction, app: Adapters, actor: Actor, approves: Approves) -> str:
    approval = "apr_" + secrets.token_urlsafe(32)
    expires_at = app.wall_clock.now() + APPROVAL_LASTS
    await tx.execute(APPROVE, _bound(actor, approval, approves) | {"expires_at": expires_at})
    return approval


def _bound(actor: Actor, approval: str, approves: Approves) -> dict[str, object]:
    payee = approves.payee.hex if isinstance(approves.payee, UUID) else " ".join(approves.payee)
    return {
        "token_hash": sha256(approval.encode()).digest(),
        "user_id": actor.user_id,
        "session_id": actor.session_id,
        # The approval's own 256 bits make it a hash that nobody can try addresses against.
        "payee_hash": sha256(f"{approval} {payee}".encode()).digest(),
        "amount": approves.amount,
    }


async def _password_hash(tx: Transaction, user_id: UUID) -> str | None:
    stored: str | None = (await tx.execute(CREDENTIAL, {"user_id": user_id})).scalar()
    return stored
