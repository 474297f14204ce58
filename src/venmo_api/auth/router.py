"""POST /v1/auth/token, /refresh, /logout."""

from typing import Annotated

from fastapi import Response

from venmo_api.auth import rules, schemas, service
from venmo_api.auth.actor import SignedIn
from venmo_api.http import routes
from venmo_api.http.bodies import json_body
from venmo_api.http.dependencies import App, json_response
from venmo_api.http.routes import Answers

router = routes.router("/v1/auth", tag="auth")
WRONG_NAME: Answers = {401: {"description": "The name or the password is not right"}}
WRONG_TOKEN: Answers = {401: {"description": "The token is unknown, used, expired or revoked"}}


@router.post(
    "/token",
    operation_id="signIn",
    responses=WRONG_NAME,
    response_model=schemas.Tokens,
)
async def sign_in(app: App, body: Annotated[schemas.SignInBody, json_body(schemas.SignInBody)]) -> Response:
    """Sign in with username, email or phone, and password."""
    tokens = await service.sign_in(app, identifier=body.identifier, password=body.password)
    return json_response(schemas.token_document(tokens))


@router.post(
    "/refresh",
    operation_id="refreshTokens",
    responses=WRONG_TOKEN,
    response_model=schemas.Tokens,
)
async def refresh(app: App, body: Annotated[schemas.RefreshBody, json_body(schemas.RefreshBody)]) -> Response:
    """Trade a refresh token, once, for a new pair. Trading one twice ends its session."""
    outcome = await app.database.transact(service.refresh, app, body.refresh_token)
    if isinstance(outcome, rules.RefreshRefused):
        raise outcome
    return json_response(schemas.token_document(outcome))


@router.post("/logout", operation_id="signOut", status_code=204, response_class=Response)
async def sign_out(app: App, actor: SignedIn) -> Response:
    """End this session: its refresh token is refused from now on."""
    await app.database.transact(service.sign_out, app, actor)
    return Response(status_code=204)
