"""Who knows whom: friends, suggestions, blocks, and who of an address book is here."""

from typing import Annotated
from uuid import UUID

from fastapi import Request, Response

from venmo_api.auth.actor import SignedIn
from venmo_api.core import ids
from venmo_api.core.paging import Page
from venmo_api.http import quotas, routes
from venmo_api.http.bodies import json_body
from venmo_api.http.dependencies import App, From, json_response, page_response
from venmo_api.http.parameters import PageQuery, Paging, path_id, query
from venmo_api.http.routes import Answers
from venmo_api.users import blocks, friends, schemas, service
from venmo_api.users.rules import Relation, UserNotFound

router = routes.router("/v1", tag="people")
ONESELF: Answers = {422: {"description": "That is you"}}
UserId = Annotated[UUID, path_id("user_id", ids.USER, UserNotFound)]


class FriendsQuery(PageQuery):
    state: Relation = Relation.ACCEPTED


@router.get("/friends", operation_id="listFriends", response_model=schemas.UserPage)
async def own_friends(app: App, actor: SignedIn, asked: Annotated[FriendsQuery, query(FriendsQuery)]) -> Response:
    """Your friends; or with ``state`` those who asked you (incoming) or whom you asked (outgoing)."""
    return page_response(
        schemas.card_page(await app.database.read(friends.own, actor.user_id, asked.state, asked.page))
    )


@router.get("/friend-suggestions", operation_id="suggestFriends", response_model=schemas.SuggestionPage)
async def suggestions(app: App, actor: SignedIn) -> Response:
    """People who have most friends in common with you, at most 25. Only friendships count that all three of you let be
    seen: so nobody is here who has not set ``friend_list`` to public."""
    found = await app.database.read(friends.suggestions, actor.user_id)
    return page_response(Page([schemas.suggestion_document(each.card, each.mutual) for each in found], None))


@router.delete(
    "/friend-suggestions/{user_id}", operation_id="dismissSuggestion", status_code=204, response_class=Response
)
async def dismiss(app: App, actor: SignedIn, user_id: UserId) -> Response:
    """Have this person suggested to you no more."""
    await app.database.transact(friends.dismiss, actor.user_id, user_id)
    return Response(status_code=204)


@router.put("/friends/{user_id}", operation_id="befriend", responses=ONESELF, response_model=schemas.FriendState)
async def befriend(app: App, actor: SignedIn, user_id: UserId) -> Response:
    """Ask a person to be friends, or accept if they asked you."""
    state, card = await app.database.transact(friends.befriend, app, actor.user_id, user_id)
    return json_response({"user": schemas.card_document(card), "state": state})


@router.delete("/friends/{user_id}", operation_id="unfriend", status_code=204, response_class=Response)
async def unfriend(app: App, actor: SignedIn, user_id: UserId) -> Response:
    """Withdraw, decline, or end a friendship."""
    await app.database.transact(friends.unfriend, app, actor.user_id, user_id)
    return Response(status_code=204)


@router.get(
    "/users/{user_id}/friends",
    operation_id="listFriendsOf",
    response_model=schemas.UserPage,
    openapi_extra=quotas.LOOK_UPS,
)
async def friends_of(app: App, actor: SignedIn, user_id: UserId, asked: Paging) -> Response:
    """Whose friend a person is, as far as both of them let you see it. Nobody, if they keep it to themselves: that
    looks the same as having no friends."""
    return page_response(schemas.card_page(await app.database.read(friends.of, actor.user_id, user_id, asked.page)))


@router.post(
    "/users/{user_id}/block", operation_id="block", responses=ONESELF, status_code=204, response_class=Response
)
async def block(app: App, actor: SignedIn, origin: From, user_id: UserId) -> Response:
    """Hide from a person, and hide them from you. Friendship, asks and open requests between you end; what you have
    paid each other stays in your records. They are not told."""
    await app.database.transact(blocks.block, app, actor.user_id, user_id, origin=origin)
    return Response(status_code=204)


@router.delete(
    "/users/{user_id}/block", operation_id="unblock", responses=ONESELF, status_code=204, response_class=Response
)
async def unblock(app: App, actor: SignedIn, origin: From, user_id: UserId) -> Response:
    """Hide no more. What was ended stays ended; and if they block you, you still do not see each other."""
    await app.database.transact(blocks.unblock, app, actor.user_id, user_id, origin=origin)
    return Response(status_code=204)


@router.get("/blocks", operation_id="listBlocks", response_model=schemas.UserPage)
async def blocked(app: App, actor: SignedIn, asked: Paging) -> Response:
    """Whom you have blocked."""
    return page_response(schemas.card_page(await app.database.read(blocks.blocked, actor.user_id, asked.page)))


@router.post("/contacts/matches", operation_id="matchContacts", response_model=schemas.Matches)
async def match_contacts(
    request: Request, app: App, actor: SignedIn, body: Annotated[schemas.MatchesBody, json_body(schemas.MatchesBody)]
) -> Response:
    """Who of your address book is here and wants to be found (``findable``). Each hash counts as a look-up of the day,
    of yours and of your network. Hashing keeps the addresses out of what is sent; it does not keep them from whoever
    tries all phone numbers."""
    await quotas.take_matches(request, actor.user_id, named=len(body.hashes))
    hashes = [bytes.fromhex(each) for each in body.hashes]
    found = await app.database.read(service.matches, app, actor.user_id, hashes)
    return json_response({"data": [schemas.match_document(hashed, card) for hashed, card in found]})
