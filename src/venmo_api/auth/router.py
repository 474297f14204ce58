"""Sign in, refresh, sign out; passwords reset, contacts restored; one's sessions; the keys that check tokens."""

from typing import Annotated
from uuid import UUID

import orjson
from fastapi import Request, Response

from venmo_api.auth import passwords, rules, schemas, service, sessions, undo
from venmo_api.auth.actor import SignedIn, refuse_at_once
from venmo_api.core import ids
from venmo_api.http import quotas, routes
from venmo_api.http.bodies import json_body
from venmo_api.http.dependencies import App, From, RetryKey, json_response
from venmo_api.http.parameters import path_id
from venmo_api.http.routes import Answers
from venmo_api.http.validators import conditional

router = routes.router("/v1/auth", tag="auth")
keys_router = routes.router("/.well-known", tag="auth")
SessionId = Annotated[UUID, path_id("session_id", ids.SESSION, rules.SessionNotFound)]
WRONG_NAME: Answers = {401: {"description": "The name or the password is not right, or a second factor is needed"}}
RESET_REFUSED: Answers = {403: {"description": "The code is wrong, used up or expired"}}
UNDO_REFUSED: Answers = {403: {"description": "The token is unknown, used or too old"}}
WRONG_TOKEN: Answers = {401: {"description": "The token is unknown, used, expired or revoked"}}


@router.post(
    "/token",
    operation_id="signIn",
    responses=WRONG_NAME,
    response_model=schemas.Tokens,
    openapi_extra=quotas.SIGN_IN,
)
async def sign_in(
    app: App, origin: From, body: Annotated[schemas.SignInBody, json_body(schemas.SignInBody)]
) -> Response:
    """Sign in with username, email or phone, and password. A device that sends the `device_token` it was once given is
    known again; of any other you are told, and it may send little for a day, or it needs your second factor."""
    tokens = await service.sign_in(
        app, identifier=body.identifier, password=body.password, device_token=body.device_token, origin=origin
    )
    return json_response(schemas.token_document(tokens))


@router.post(
    "/refresh",
    operation_id="refreshTokens",
    responses=WRONG_TOKEN,
    response_model=schemas.Tokens,
)
async def refresh(
    app: App,
    origin: From,
    key: RetryKey,
    body: Annotated[schemas.RefreshBody, json_body(schemas.RefreshBody)],
) -> Response:
    """Trade a refresh token, once, for a new pair. Trading one twice ends its session. With an `Idempotency-Key` you
    may ask again for an answer that you lost: for ten minutes, and until you have used what it gave."""
    outcome = await app.database.transact(sessions.refresh, app, body.refresh_token, key=key, origin=origin)
    if isinstance(outcome, rules.RefreshRefused):
        raise outcome
    return json_response(schemas.token_document(outcome))


@router.post(
    "/password-reset",
    operation_id="askPasswordReset",
    status_code=202,
    response_model=schemas.ResetAsked,
    openapi_extra=quotas.SIGN_IN,
)
async def ask_password_reset(app: App, body: Annotated[schemas.ResetBody, json_body(schemas.ResetBody)]) -> Response:
    """Have a code sent to your verified `email` or `phone`, if there is an account by that name. The answer does not
    tell. At most one code a minute, and after five by the hour."""
    await passwords.ask_reset(app, body.identifier)
    return json_response({"expires_in": passwords.RESET_SECONDS}, status=202)


@router.post(
    "/password-reset/confirm",
    operation_id="resetPassword",
    responses=RESET_REFUSED,
    status_code=204,
    response_class=Response,
    openapi_extra=quotas.SIGN_IN,
)
async def reset_password(
    request: Request,
    app: App,
    origin: From,
    body: Annotated[schemas.ResetConfirmBody, json_body(schemas.ResetConfirmBody)],
) -> Response:
    """Take a new password by the code that was sent. You are signed out everywhere and no device of yours is known any
    more: sign in with the new password, and your second factor if you have one. Five wrong attempts use a code up."""
    ended = await passwords.reset(
        app, identifier=body.identifier, digits=body.code, new=body.new_password, origin=origin
    )
    refuse_at_once(request, ended)
    return Response(status_code=204)


@router.post(
    "/contact-change/undo",
    operation_id="undoContactChange",
    responses=UNDO_REFUSED,
    status_code=204,
    response_class=Response,
    openapi_extra=quotas.SIGN_IN,
)
async def undo_contact_change(
    request: Request, app: App, origin: From, body: Annotated[schemas.UndoBody, json_body(schemas.UndoBody)]
) -> Response:
    """Restore the address or number to which the token was sent when it was replaced or removed, for 72 hours. What was
    changed later of the same kind is undone too, and all sessions of the account end."""
    refuse_at_once(request, await app.database.transact(undo.undo, app, body.token, origin=origin))
    return Response(status_code=204)


@router.post("/logout", operation_id="signOut", status_code=204, response_class=Response)
async def sign_out(request: Request, app: App, actor: SignedIn, origin: From) -> Response:
    """End this session: its tokens are refused from now on."""
    refuse_at_once(request, await app.database.transact(sessions.sign_out, app, actor, origin=origin))
    return Response(status_code=204)


@router.get("/sessions", operation_id="listSessions", response_model=schemas.SessionList)
async def list_sessions(app: App, actor: SignedIn) -> Response:
    """Where you are signed in, the session used last first."""
    found = await app.database.read(sessions.of, app, actor.user_id)
    return json_response({"data": [schemas.session_document(one, current=actor.session_id) for one in found]})


@router.patch("/sessions/{session_id}", operation_id="nameSession", response_model=schemas.SessionOut)
async def name_session(
    app: App,
    actor: SignedIn,
    session_id: SessionId,
    body: Annotated[schemas.NameBody, json_body(schemas.NameBody)],
) -> Response:
    """Name the device of a session; it keeps the name when you sign in there again."""
    named = await app.database.transact(sessions.name, app, actor.user_id, session_id, body.name)
    return json_response(schemas.session_document(named, current=actor.session_id))


@router.delete("/sessions/{session_id}", operation_id="endSession", status_code=204, response_class=Response)
async def end_session(request: Request, app: App, actor: SignedIn, origin: From, session_id: SessionId) -> Response:
    """Sign out there. Within seconds no server takes a token of that session any more, and its device is a stranger."""
    refuse_at_once(request, await app.database.transact(sessions.end, app, actor, session_id, origin=origin))
    return Response(status_code=204)


@router.delete("/sessions", operation_id="endOtherSessions", status_code=204, response_class=Response)
async def end_other_sessions(request: Request, app: App, actor: SignedIn, origin: From) -> Response:
    """Sign out everywhere else. Other devices of yours are strangers then."""
    refuse_at_once(request, await app.database.transact(sessions.end_others, app, actor, origin=origin))
    return Response(status_code=204)


@keys_router.get("/jwks.json", operation_id="getKeys", response_model=schemas.Jwks)
async def keys(request: Request, app: App) -> Response:
    """The public keys that check access tokens (ES256): the one that signs, and while they are being exchanged the
    one before or after it."""
    body = orjson.dumps({"keys": app.signer.public_keys()})
    return conditional(request, body, cache_control="public, max-age=300", vary=None)
