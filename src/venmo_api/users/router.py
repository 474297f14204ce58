"""Sign-up, one's own profile and what is verified of it, other people."""

from typing import Annotated
from uuid import UUID

import orjson
from fastapi import Depends, Request, Response
from pydantic import Field

from venmo_api.adapters.identity import UnknownIdentityToken
from venmo_api.auth import contacts, passwords, step_up
from venmo_api.auth.actor import SignedIn, refuse_at_once
from venmo_api.auth.rules import ContactKind, ContactNotFound
from venmo_api.auth.schemas import token_document
from venmo_api.core import ids
from venmo_api.http import fields, quotas, routes
from venmo_api.http.bodies import Plain, json_body
from venmo_api.http.dependencies import App, From, json_response, page_response
from venmo_api.http.parameters import PageQuery, path_id, query
from venmo_api.http.routes import Answers
from venmo_api.http.validators import PRIVATE, conditional
from venmo_api.users import schemas, service
from venmo_api.users.rules import IdentityNotVerified, UnknownIdentityProof, UserNotFound

router = routes.router("/v1", tag="people")
TAKEN: Answers = {409: {"description": "Somebody has one of these names"}}
VERIFIED: Answers = {409: {"description": "This contact is verified already"}}
CODE_REFUSED: Answers = {
    403: {"description": "The code is wrong, used up or expired; or, with a second factor, prove again that it is you"}
}
SENT_RECENTLY: Answers = {429: {"description": "A code was sent less than a minute ago"}}
NOT_VERIFIED: Answers = {402: {"description": "The identity provider is not sure who you are"}}
STEP_UP: Answers = {403: {"description": "Prove again that it is you"}}
NOT_YOURS: Answers = {403: {"description": "The current password is wrong, or you must prove again that it is you"}}
PICTURE: Answers = {
    200: {"content": {"image/svg+xml": {"schema": {"type": "string", "maxLength": 100_000, "pattern": "^<[?]xml"}}}}
}


class SearchQuery(PageQuery):
    query: Annotated[str, Field(min_length=1, max_length=60, examples=["al"]), fields.plain(60), Plain]


async def _contact_kind(request: Request) -> ContactKind:
    try:
        return ContactKind(request.path_params["kind"])
    except ValueError:
        raise ContactNotFound from None


_contact_kind.path_parameter = ("kind", {"enum": [kind.value for kind in ContactKind]})  # type: ignore[attr-defined]
Kind = Annotated[ContactKind, Depends(_contact_kind)]
UserId = Annotated[UUID, path_id("user_id", ids.USER, UserNotFound)]


@router.post(
    "/auth/sign-up",
    operation_id="signUp",
    responses=TAKEN,
    status_code=201,
    response_model=schemas.SignedUp,
    openapi_extra=quotas.SIGN_IN,
)
async def sign_up(
    app: App, origin: From, body: Annotated[schemas.SignUpBody, json_body(schemas.SignUpBody)]
) -> Response:
    """Become a user, with an empty wallet, signed in."""
    card, tokens = await service.sign_up(
        app,
        username=body.username,
        display_name=body.display_name,
        email=body.email,
        phone=body.phone,
        password=body.password,
        origin=origin,
    )
    document = {"user": schemas.card_document(card), "tokens": token_document(tokens)}
    return json_response(document, status=201)


@router.get("/me", operation_id="getMe", response_model=schemas.Me)
async def me(request: Request, app: App, actor: SignedIn) -> Response:
    """Your own profile, with what only you may see."""
    found = schemas.profile_document(await app.database.read(service.profile, app, actor.user_id))
    return conditional(request, orjson.dumps(found), cache_control=PRIVATE)


@router.patch("/me", operation_id="changeMe", response_model=schemas.Me)
async def change_me(
    app: App, actor: SignedIn, origin: From, body: Annotated[schemas.ProfileBody, json_body(schemas.ProfileBody)]
) -> Response:
    """Change your display name, who may see your payments from now on and your friends, whether you can be found."""
    profile = await app.database.transact(
        service.change_profile,
        app,
        actor.user_id,
        body.changes,
        origin=origin,
    )
    return json_response(schemas.profile_document(profile))


@router.post(
    "/me/contacts/{kind}/code",
    operation_id="sendContactCode",
    responses=VERIFIED | SENT_RECENTLY,
    status_code=202,
    response_model=schemas.CodeSent,
)
async def send_contact_code(app: App, actor: SignedIn, kind: Kind) -> Response:
    """Have a six-digit code sent to your `email` or `phone`; it replaces the one before. At most one a minute."""
    expires_at = await contacts.send_code(app, actor.user_id, kind)
    return json_response(schemas.code_document(kind, expires_at), status=202)


@router.post(
    "/me/contacts/{kind}/verify",
    operation_id="verifyContact",
    responses=VERIFIED | CODE_REFUSED,
    response_model=schemas.Me,
)
async def verify_contact(
    app: App, actor: SignedIn, origin: From, kind: Kind, body: Annotated[schemas.CodeBody, json_body(schemas.CodeBody)]
) -> Response:
    """Show by the code that was sent to it that a contact is yours. Five wrong attempts use a code up."""
    await step_up.fresh_if_protected(app, actor)
    profile = await service.verify_contact(app, actor.user_id, kind, body.code, origin=origin)
    return json_response(schemas.profile_document(profile))


@router.post(
    "/me/password",
    operation_id="changePassword",
    responses=NOT_YOURS,
    status_code=204,
    response_class=Response,
)
async def change_password(
    request: Request,
    app: App,
    actor: SignedIn,
    origin: From,
    body: Annotated[schemas.PasswordBody, json_body(schemas.PasswordBody)],
) -> Response:
    """Take another password. Your other sessions end."""
    await step_up.fresh(app, actor)
    ended = await passwords.change(app, actor, current=body.current_password, new=body.new_password, origin=origin)
    refuse_at_once(request, ended)
    return Response(status_code=204)


@router.post(
    "/me/contacts",
    operation_id="changeContact",
    responses=VERIFIED | SENT_RECENTLY | STEP_UP,
    status_code=202,
    response_model=schemas.CodeSent,
)
async def change_contact(
    app: App, actor: SignedIn, origin: From, body: Annotated[schemas.ContactBody, json_body(schemas.ContactBody)]
) -> Response:
    """Give another `email` or `phone`: a code is sent there. Until it has come back, the one you have verified stays.
    The one that is replaced is told, and can be restored from there for 72 hours."""
    await step_up.fresh(app, actor)
    expires_at = await contacts.change(app, actor.user_id, body.kind, body.address, origin=origin)
    return json_response(schemas.code_document(body.kind, expires_at), status=202)


@router.delete(
    "/me/contacts/phone", operation_id="removePhone", responses=STEP_UP, status_code=204, response_class=Response
)
async def remove_phone(app: App, actor: SignedIn, origin: From) -> Response:
    """Have no phone number. It can be restored from there for 72 hours."""
    await step_up.fresh(app, actor)
    await app.database.transact(contacts.remove_phone, app, actor.user_id, origin=origin)
    return Response(status_code=204)


@router.post("/me/identity", operation_id="verifyIdentity", responses=NOT_VERIFIED, response_model=schemas.Me)
async def verify_identity(
    app: App, actor: SignedIn, origin: From, body: Annotated[schemas.IdentityBody, json_body(schemas.IdentityBody)]
) -> Response:
    """Raise your limits: exchange the token that the identity provider gave you for having checked who you are."""
    try:
        if not await app.identity.verify(body.token):
            raise IdentityNotVerified
    except UnknownIdentityToken:
        raise UnknownIdentityProof from None
    profile = await app.database.transact(service.verify_identity, app, actor.user_id, origin=origin)
    return json_response(schemas.profile_document(profile))


@router.get("/me/pay-code", operation_id="getPayCode", response_model=schemas.PayCode)
async def pay_code(app: App, actor: SignedIn) -> Response:
    """Your pay code. Show it to people who are about to pay you: by it they can tell that you are you."""
    return _pay_code(await app.database.transact(service.pay_code, actor.user_id))


@router.post("/me/pay-code", operation_id="replacePayCode", response_model=schemas.PayCode)
async def replace_pay_code(app: App, actor: SignedIn) -> Response:
    """Get another pay code; the one you had says nothing any more."""
    return _pay_code(await app.database.transact(service.replace_pay_code, actor.user_id))


@router.get("/me/pay-code.svg", operation_id="drawPayCode", responses=PICTURE, response_class=Response)
async def draw_pay_code(app: App, actor: SignedIn) -> Response:
    """Your pay code as a QR code."""
    picture = schemas.pay_code_picture(await app.database.transact(service.pay_code, actor.user_id))
    return Response(picture, media_type="image/svg+xml")


@router.get("/users", operation_id="searchUsers", response_model=schemas.UserPage, openapi_extra=quotas.LOOK_UPS)
async def search(app: App, actor: SignedIn, asked: Annotated[SearchQuery, query(SearchQuery)]) -> Response:
    """People whose username or display name begins with ``query``."""
    return page_response(
        schemas.card_page(await app.database.read(service.search, actor.user_id, asked.query, asked.page))
    )


@router.get(
    "/users/{user_id}", operation_id="getUser", response_model=schemas.PublicUser, openapi_extra=quotas.LOOK_UPS
)
async def get_user(request: Request, app: App, actor: SignedIn, user_id: UserId) -> Response:
    """What everybody who is signed in may know of a person."""
    found = schemas.card_document(await app.database.read(service.shown, actor.user_id, user_id))
    return conditional(request, orjson.dumps(found))


def _pay_code(pay_code: str) -> Response:
    return json_response(schemas.pay_code_document(pay_code))
