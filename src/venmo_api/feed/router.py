"""Feeds, one story, and whom it is shown to."""

from typing import Annotated

from fastapi import Request, Response

from venmo_api.auth.actor import SignedIn
from venmo_api.feed import reactions, service
from venmo_api.feed.acts_schemas import SeenStory, seen_document
from venmo_api.feed.parameters import FeedQuery, PersonFeedQuery, PersonId, StoryId, take_deep
from venmo_api.feed.rules import Scope
from venmo_api.feed.schemas import NarrowBody, Narrowed, NarrowPastBody, StoryPage, page_document
from venmo_api.http import quotas, routes
from venmo_api.http.bodies import json_body
from venmo_api.http.dependencies import App, json_response
from venmo_api.http.parameters import query
from venmo_api.http.routes import Answers
from venmo_api.http.validators import conditional
from venmo_api.users.rules import Audience

router = routes.router("/v1", tag="feed")
MORE_PEOPLE: Answers = {409: {"description": "That would show it to more people than see it now"}}


@router.get("/feed", operation_id="readFeed", response_model=StoryPage)
async def feed(request: Request, app: App, actor: SignedIn, asked: Annotated[FeedQuery, query(FeedQuery)]) -> Response:
    """Payments you may see, newest first: your friends' and yours, everybody's public ones, or yours alone."""
    if asked.scope is Scope.PUBLIC:
        await take_deep(request, actor, asked)
    found = await service.read(app, actor.user_id, asked.scope, asked.page)
    return conditional(request, page_document(found.stories, found.next_cursor))


@router.get(
    "/users/{user_id}/feed", operation_id="readPersonFeed", response_model=StoryPage, openapi_extra=quotas.LOOK_UPS
)
async def person_feed(
    request: Request,
    app: App,
    actor: SignedIn,
    user_id: PersonId,
    asked: Annotated[PersonFeedQuery, query(PersonFeedQuery)],
) -> Response:
    """Payments of one person, or between two, that you may see, newest first."""
    people = [user_id] if asked.with_id is None else [user_id, asked.with_id]
    found = await service.read_about(app, actor.user_id, people, asked.page)
    return conditional(request, page_document(found.stories, found.next_cursor))


@router.get("/stories/{story_id}", operation_id="getStory", response_model=SeenStory)
async def story(request: Request, app: App, actor: SignedIn, story_id: StoryId) -> Response:
    """One story, and what you think of it; 404 unless you may see it."""
    found = await service.story(app, actor.user_id, story_id)
    own = await app.database.read(reactions.of, actor.user_id, story_id)
    return conditional(request, seen_document(found, own))


@router.post("/me/narrow-past", operation_id="narrowPast", response_model=Narrowed)
async def narrow_past(
    app: App, actor: SignedIn, body: Annotated[NarrowPastBody, json_body(NarrowPastBody)]
) -> Response:
    """Show all your stories up to now to friends at most, or to the two parties only. It cannot be taken back; asking
    again narrows what came meanwhile. The payments keep the audience they were made with."""
    narrowed = await service.narrow_past(app, actor.user_id, Audience(body.audience))
    return json_response({"audience": body.audience, "narrowed": narrowed})


@router.patch("/stories/{story_id}", operation_id="narrowStory", responses=MORE_PEOPLE, response_model=SeenStory)
async def narrow(
    app: App, actor: SignedIn, story_id: StoryId, body: Annotated[NarrowBody, json_body(NarrowBody)]
) -> Response:
    """Show a story of yours to fewer people; either of the two parties may, and it cannot be taken back."""
    await app.database.transact(service.narrow, app, actor.user_id, story_id, body.audience)
    found = await service.story(app, actor.user_id, story_id)
    own = await app.database.read(reactions.of, actor.user_id, story_id)
    return Response(seen_document(found, own), media_type="application/json")
