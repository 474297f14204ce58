"""Sign-up, one's own profile, other people, friends."""

from typing import Annotated
from uuid import UUID

from fastapi import Response
from pydantic import Field

from venmo_api.auth.actor import SignedIn
from venmo_api.auth.schemas import token_document
from venmo_api.core import ids
from venmo_api.core.paging import Page
from venmo_api.http import routes
from venmo_api.http.bodies import Plain, json_body
from venmo_api.http.dependencies import App, json_response, page_response
from venmo_api.http.parameters import PageQuery, path_id, query
from venmo_api.http.routes import Answers
from venmo_api.users import schemas, service
from venmo_api.users.rules import Card, Relation, UserNotFound

router = routes.router("/v1", tag="people")
TAKEN: Answers = {409: {"description": "Somebody has one of these names"}}
ONESELF: Answers = {422: {"description": "That is you"}}


class SearchQuery(PageQuery):
    query: Annotated[str, Field(min_length=1, max_length=60, examples=["al"]), Plain]


class FriendsQuery(PageQuery):
    state: Relation = Relation.ACCEPTED


UserId = Annotated[UUID, path_id("user_id", ids.USER, UserNotFound)]


@router.post(
    "/auth/sign-up",
    operation_id="signUp",
    responses=TAKEN,
    status_code=201,
    response_model=schemas.SignedUp,
)
async def sign_up(app: App, body: Annotated[schemas.SignUpBody, json_body(schemas.SignUpBody)]) -> Response:
    """Become a user, with an empty wallet, signed in."""
    card, tokens = await service.sign_up(
        app,
        username=body.username,
        display_name=body.display_name,
        email=body.email,
        phone=body.phone,
        password=body.password,
    )
    document = {"user": schemas.card_document(card), "tokens": token_document(tokens)}
    return json_response(document, status=201)


@router.get("/me", operation_id="getMe", response_model=schemas.Me)
async def me(app: App, actor: SignedIn) -> Response:
    """Your own profile, with what only you may see."""
    return json_response(schemas.profile_document(await app.database.read(service.profile, actor.user_id)))


@router.patch("/me", operation_id="changeMe", response_model=schemas.Me)
async def change_me(
    app: App, actor: SignedIn, body: Annotated[schemas.ProfileBody, json_body(schemas.ProfileBody)]
) -> Response:
    """Change your display name, or who may see your payments from now on."""
    profile = await app.database.transact(
        service.change_profile,
        app,
        actor.user_id,
        display_name=body.display_name,
        default_audience=body.default_audience,
    )
    return json_response(schemas.profile_document(profile))


@router.get("/users", operation_id="searchUsers", response_model=schemas.UserPage)
async def search(app: App, actor: SignedIn, asked: Annotated[SearchQuery, query(SearchQuery)]) -> Response:
    """People whose username or display name begins with ``query``."""
    return _people(await app.database.read(service.search, asked.query, asked.page))


@router.get("/users/{user_id}", operation_id="getUser", response_model=schemas.PublicUser)
async def get_user(app: App, actor: SignedIn, user_id: UserId) -> Response:
    return json_response(schemas.card_document(await app.database.read(service.card, user_id)))


@router.get("/friends", operation_id="listFriends", response_model=schemas.UserPage)
async def friends(app: App, actor: SignedIn, asked: Annotated[FriendsQuery, query(FriendsQuery)]) -> Response:
    """Your friends; or with ``state`` those who asked you (incoming) or whom you asked (outgoing)."""
    return _people(await app.database.read(service.friends, actor.user_id, asked.state, asked.page))


@router.put(
    "/friends/{user_id}",
    operation_id="befriend",
    responses=ONESELF,
    response_model=schemas.FriendState,
)
async def befriend(app: App, actor: SignedIn, user_id: UserId) -> Response:
    """Ask a person to be friends, or accept if they asked you."""
    state, card = await app.database.transact(service.befriend, app, actor.user_id, user_id)
    return json_response({"user": schemas.card_document(card), "state": state})


@router.delete("/friends/{user_id}", operation_id="unfriend", status_code=204, response_class=Response)
async def unfriend(app: App, actor: SignedIn, user_id: UserId) -> Response:
    """Withdraw, decline, or end a friendship."""
    await app.database.transact(service.unfriend, app, actor.user_id, user_id)
    return Response(status_code=204)


def _people(page: Page[Card]) -> Response:
    return page_response(Page([schemas.card_document(card) for card in page.rows], page.next_cursor))
