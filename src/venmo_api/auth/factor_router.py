"""Second factors, the challenge of a sign-in, and step-up."""

from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import Response

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.postgres import Transaction
from venmo_api.auth import challenges, contacts, factor_schemas, factors, passkeys, queries, schemas, step_up, totp
from venmo_api.auth.actor import SignedIn
from venmo_api.auth.proofs import (
    Added,
    ContactNotProved,
    Factor,
    FactorKind,
    FactorNotFound,
    PasskeyRefused,
)
from venmo_api.auth.rules import ContactKind
from venmo_api.auth.tokens import Actor
from venmo_api.core import ids
from venmo_api.core.clock import rfc3339
from venmo_api.core.origin import Origin
from venmo_api.http import quotas, routes
from venmo_api.http.bodies import json_body
from venmo_api.http.dependencies import App, From, json_response
from venmo_api.http.parameters import path_id
from venmo_api.http.routes import Answers

router = routes.router("/v1/auth", tag="auth")
FactorId = Annotated[UUID, path_id("factor_id", ids.FACTOR, FactorNotFound)]
SENSITIVE: Answers = {403: {"description": "Prove first that it is you: `POST /v1/auth/step-up`"}}
HAVE: Answers = {409: {"description": "You have this already, or have not begun it"}}
UNPROVED: Answers = {409: {"description": "The contact has not been shown to be yours"}}
WRONG: Answers = {403: {"description": "The proof is wrong, was used before, or is not of a factor you have"}}
ENDED: Answers = {401: {"description": "The challenge was met, has run out or bore too many wrong proofs"}}


@router.get("/factors", operation_id="listFactors", response_model=factor_schemas.FactorList)
async def list_factors(app: App, actor: SignedIn) -> Response:
    """Your second factors, and how many recovery codes you have left."""
    found, left = await app.database.read(_listed, actor.user_id)
    return json_response({"data": [factor_schemas.factor_document(one) for one in found], "recovery_codes_left": left})


@router.post(
    "/factors/totp",
    operation_id="beginTotp",
    responses=SENSITIVE | HAVE,
    status_code=201,
    response_model=factor_schemas.TotpOut,
)
async def begin_totp(app: App, actor: SignedIn) -> Response:
    """Get a secret for your authenticator app. It counts once you have confirmed it by a code."""
    await step_up.fresh(app, actor)
    secret, username = await app.database.transact(_begin_totp, app, actor.user_id)
    return json_response({"secret": secret, "uri": totp.uri(secret, account=username)}, status=201)


@router.post(
    "/factors/totp/confirm",
    operation_id="confirmTotp",
    responses=SENSITIVE | HAVE,
    status_code=201,
    response_model=factor_schemas.Enrolled,
)
async def confirm_totp(
    app: App,
    actor: SignedIn,
    origin: From,
    body: Annotated[factor_schemas.ConfirmTotpBody, json_body(factor_schemas.ConfirmTotpBody)],
) -> Response:
    """Show by a code of your authenticator app that it works: from now on it is a factor."""
    await step_up.fresh(app, actor)
    return _enrolled(*await app.database.transact(_confirm_totp, app, actor, body.code, origin))


@router.post(
    "/factors/passkeys/options",
    operation_id="beginPasskey",
    responses=SENSITIVE,
    response_model=factor_schemas.PasskeyOptions,
)
async def begin_passkey(app: App, actor: SignedIn) -> Response:
    """Get the options for `navigator.credentials.create`."""
    await step_up.fresh(app, actor)
    return json_response(await app.database.transact(_begin_passkey, app, actor))


@router.post(
    "/factors/passkeys",
    operation_id="addPasskey",
    responses=SENSITIVE | HAVE,
    status_code=201,
    response_model=factor_schemas.Enrolled,
)
async def add_passkey(
    app: App,
    actor: SignedIn,
    origin: From,
    body: Annotated[factor_schemas.PasskeyBody, json_body(factor_schemas.PasskeyBody)],
) -> Response:
    """Add the passkey that your browser has made to the options you got last."""
    await step_up.fresh(app, actor)
    outcome = await app.database.transact(_add_passkey, app, actor, body, origin)
    if isinstance(outcome, PasskeyRefused):
        raise outcome
    return _enrolled(*outcome)


@router.post(
    "/factors/codes",
    operation_id="addCodes",
    responses=SENSITIVE | UNPROVED,
    status_code=201,
    response_model=factor_schemas.Enrolled,
)
async def add_codes(
    app: App,
    actor: SignedIn,
    origin: From,
    body: Annotated[factor_schemas.ChannelBody, json_body(factor_schemas.ChannelBody)],
) -> Response:
    """Take one-time codes, sent to a contact you have shown to be yours, as a factor."""
    await step_up.fresh(app, actor)
    return _enrolled(await app.database.transact(_add_codes, app, actor, ContactKind(body.channel), origin), None)


@router.delete(
    "/factors/{factor_id}",
    operation_id="removeFactor",
    responses=SENSITIVE,
    status_code=204,
    response_class=Response,
)
async def remove_factor(app: App, actor: SignedIn, origin: From, factor_id: FactorId) -> Response:
    """Remove a factor. With the last one your recovery codes go too."""
    await step_up.fresh(app, actor)
    await app.database.transact(factors.remove, app, actor.user_id, factor_id, origin=origin)
    return Response(status_code=204)


@router.post(
    "/recovery-codes",
    operation_id="renewRecoveryCodes",
    responses=SENSITIVE | HAVE,
    status_code=201,
    response_model=factor_schemas.RecoveryCodesOut,
)
async def renew_recovery_codes(app: App, actor: SignedIn, origin: From) -> Response:
    """Get ten new recovery codes; those you had count no more."""
    await step_up.fresh(app, actor)
    codes = await app.database.transact(factors.renew_recovery_codes, app, actor.user_id, origin=origin)
    return json_response({"recovery_codes": codes}, status=201)


@router.post(
    "/challenge",
    operation_id="meetChallenge",
    openapi_extra=quotas.SIGN_IN,
    responses=ENDED | WRONG,
    response_model=schemas.Tokens,
)
async def meet_challenge(
    app: App, origin: From, body: Annotated[factor_schemas.ChallengeBody, json_body(factor_schemas.ChallengeBody)]
) -> Response:
    """Finish a sign-in that answered `second_factor_required`. Keep the `device_token`: with it you are not asked
    again. Five wrong proofs end the challenge."""
    proof = body.proof()
    assert proof is not None
    tokens = await step_up.finish_sign_in(app, body.challenge_token, proof, origin=origin)
    return json_response(schemas.token_document(tokens))


@router.post(
    "/challenge/code",
    operation_id="sendChallengeCode",
    openapi_extra=quotas.SIGN_IN,
    responses=ENDED | WRONG | UNPROVED,
    status_code=202,
    response_model=factor_schemas.CodeOnItsWay,
)
async def send_challenge_code(
    app: App,
    body: Annotated[factor_schemas.ChallengeChannelBody, json_body(factor_schemas.ChallengeChannelBody)],
) -> Response:
    """Have a code sent, by which the sign-in can be finished. At most one a minute."""
    asked = partial(challenges.of_sign_in, app=app, token=body.challenge_token)
    return await _send_code(app, asked, ContactKind(body.channel))


@router.post(
    "/challenge/passkey",
    operation_id="askPasskeyForChallenge",
    openapi_extra=quotas.SIGN_IN,
    responses=ENDED | WRONG,
    response_model=factor_schemas.PasskeyOptions,
)
async def ask_passkey_for_challenge(
    app: App, body: Annotated[factor_schemas.ChallengeTokenBody, json_body(factor_schemas.ChallengeTokenBody)]
) -> Response:
    """Get the options for `navigator.credentials.get`, to finish the sign-in by a passkey."""
    asked = partial(challenges.of_sign_in, app=app, token=body.challenge_token)
    return json_response(await app.database.transact(_ask_passkey, app, asked))


@router.post("/step-up", operation_id="stepUp", responses=WRONG, response_model=factor_schemas.SteppedUpOut)
async def step_up_now(
    app: App,
    actor: SignedIn,
    origin: From,
    body: Annotated[factor_schemas.StepUpBody, json_body(factor_schemas.StepUpBody)],
) -> Response:
    """Prove again that it is you: the new `access_token` may do what is sensitive for ten minutes. With `approves`, get
    an `approval` for one payment, to be used within five."""
    approves, proof = body.approves.approves() if body.approves else None, body.proof()
    stepped = (
        await step_up.by_password(app, actor, body.password or "", approves, origin=origin)
        if proof is None
        else await step_up.by_factor(app, actor, proof, approves, origin=origin)
    )
    return json_response(factor_schemas.stepped_up_document(stepped))


@router.post(
    "/step-up/code",
    operation_id="sendStepUpCode",
    responses=WRONG | UNPROVED,
    status_code=202,
    response_model=factor_schemas.CodeOnItsWay,
)
async def send_step_up_code(
    app: App, actor: SignedIn, body: Annotated[factor_schemas.ChannelBody, json_body(factor_schemas.ChannelBody)]
) -> Response:
    """Have a code sent for `POST /v1/auth/step-up`. At most one a minute."""
    return await _send_code(app, step_up.asked(app, actor), ContactKind(body.channel))


@router.post(
    "/step-up/passkey",
    operation_id="askPasskeyForStepUp",
    responses=WRONG,
    response_model=factor_schemas.PasskeyOptions,
)
async def ask_passkey_for_step_up(app: App, actor: SignedIn) -> Response:
    """Get the options for `navigator.credentials.get`, for `POST /v1/auth/step-up`."""
    return json_response(await app.database.transact(_ask_passkey, app, step_up.asked(app, actor)))


async def _listed(tx: Transaction, user_id: UUID) -> tuple[list[Factor], int]:
    return await factors.of_user(tx, user_id), await factors.recovery_codes_left(tx, user_id)


async def _begin_totp(tx: Transaction, app: Adapters, user_id: UUID) -> tuple[str, str]:
    return await totp.begin(tx, app, user_id), await queries.username(tx, user_id)


async def _confirm_totp(tx: Transaction, app: Adapters, actor: Actor, code: str, origin: Origin) -> tuple[Added, str]:
    added = await totp.confirm(tx, app, actor, code, origin=origin)
    return added, await step_up.enrolled(tx, app, actor, added.factor)


async def _begin_passkey(tx: Transaction, app: Adapters, actor: Actor) -> dict[str, object]:
    asked = await challenges.of_session(tx, app, actor, purpose="passkey")
    return app.passkeys.ask_to_register(
        user_id=actor.user_id.bytes,
        user_name=await queries.username(tx, actor.user_id),
        known=await passkeys.known(tx, actor.user_id),
        nonce=await challenges.new_nonce(tx, asked),
    )


async def _add_passkey(
    tx: Transaction, app: Adapters, actor: Actor, body: factor_schemas.PasskeyBody, origin: Origin
) -> tuple[Added, str] | PasskeyRefused:
    """A refusal is returned: the nonce was used, whatever came with it."""
    asked = await challenges.of_session(tx, app, actor, purpose="passkey")
    await challenges.end(tx, asked)
    if asked.nonce is None or asked.expires_at <= app.wall_clock.now():
        return PasskeyRefused()
    try:
        added = await passkeys.add(
            tx, app, actor, body.credential.model_dump_json(), name=body.name, nonce=asked.nonce, origin=origin
        )
    except PasskeyRefused as refused:
        return refused
    return added, await step_up.enrolled(tx, app, actor, added.factor)


async def _add_codes(tx: Transaction, app: Adapters, actor: Actor, kind: ContactKind, origin: Origin) -> Added:
    contact = (await contacts.of(tx, app, actor.user_id)).get(kind)
    if contact is None or not contact.verified:
        raise ContactNotProved
    return await factors.add_codes(tx, app, actor, FactorKind(kind), origin=origin)


async def _ask_passkey(tx: Transaction, app: Adapters, asked: challenges.Find) -> dict[str, object]:
    return await challenges.ask_passkey(tx, app, await asked(tx))


async def _send_code(app: Adapters, asked: challenges.Find, kind: ContactKind) -> Response:
    expires_at = await challenges.send_code(app, asked, kind)
    return json_response({"channel": kind, "expires_at": rfc3339(expires_at)}, status=202)


def _enrolled(added: Added, access_token: str | None) -> Response:
    return json_response(factor_schemas.enrolled_document(added, access_token), status=201)
