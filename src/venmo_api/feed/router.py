"""GET /v1/feed and /v1/stories/{id}."""

from typing import Annotated

from fastapi import Request, Response

from venmo_api.auth.actor import SignedIn
from venmo_api.feed import reactions, service
from venmo_api.feed.acts_schemas import SeenStory, seen_document
from venmo_api.feed.parameters import StoryId
from venmo_api.feed.rules import Scope
from venmo_api.feed.schemas import StoryPage, page_document
from venmo_api.http import routes
from venmo_api.http.dependencies import App
from venmo_api.http.parameters import PageQuery, query
from venmo_api.http.validators import conditional

router = routes.router("/v1", tag="feed")


class FeedQuery(PageQuery):
    scope: Scope = Scope.FRIENDS


@router.get("/feed", operation_id="readFeed", response_model=StoryPage)
async def feed(request: Request, app: App, actor: SignedIn, asked: Annotated[FeedQuery, query(FeedQuery)]) -> Response:
    """Payments you may see, newest first: your friends' and yours, everybody's public ones, or yours alone."""
    found = await service.read(app, actor.user_id, asked.scope, asked.page)
    return conditional(request, page_document(found.stories, found.next_cursor))


@router.get("/stories/{story_id}", operation_id="getStory", response_model=SeenStory)
async def story(request: Request, app: App, actor: SignedIn, story_id: StoryId) -> Response:
    """One story, and what you think of it; 404 unless you may see it."""
    found = await service.story(app, actor.user_id, story_id)
    own = await app.database.read(reactions.of, actor.user_id, story_id)
    return conditional(request, seen_document(found, own))
