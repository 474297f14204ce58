"""GET /v1/feed and /v1/stories/{id}."""

from typing import Annotated

from fastapi import Request, Response
from pydantic import BaseModel, Field

from venmo_api.auth.actor import SignedIn
from venmo_api.core import ids
from venmo_api.feed import service
from venmo_api.feed.parameters import StoryId
from venmo_api.feed.rules import Scope
from venmo_api.http import fields, routes
from venmo_api.http.dependencies import App
from venmo_api.http.parameters import PageQuery, query
from venmo_api.http.validators import conditional
from venmo_api.transfers.schemas import NoteOut
from venmo_api.users.rules import Audience
from venmo_api.users.schemas import PublicUser

router = routes.router("/v1", tag="feed")


class FeedQuery(PageQuery):
    scope: Scope = Scope.FRIENDS


class StoryOut(BaseModel):
    """``amount`` and ``currency`` are there for the two parties only; others see the day, not the second."""

    id: Annotated[str, fields.public_id(ids.STORY)]
    actor: PublicUser
    target: PublicUser
    action: Annotated[str, fields.text(30)]
    note: NoteOut
    audience: Audience
    likes: fields.Count
    comments: fields.Count
    reactions: Annotated[dict[str, fields.Count], Field(json_schema_extra={"maxProperties": 100}, examples=[{"🎉": 2}])]
    created_at: fields.Moment
    amount: fields.Cents | None = None
    currency: fields.Currency | None = None


class StoryPage(fields.Page[StoryOut]):
    pass


@router.get("/feed", operation_id="readFeed", response_model=StoryPage)
async def feed(request: Request, app: App, actor: SignedIn, asked: Annotated[FeedQuery, query(FeedQuery)]) -> Response:
    """Payments you may see, newest first: your friends' and yours, everybody's public ones, or yours alone."""
    found = await service.read(app, actor.user_id, asked.scope, asked.page)
    cursor = b"null" if found.next_cursor is None else b'"%b"' % found.next_cursor.encode()
    more = b"false" if found.next_cursor is None else b"true"
    body = b'{"data":[%b],"next_cursor":%b,"has_more":%b}' % (b",".join(found.stories), cursor, more)
    return conditional(request, body)


@router.get("/stories/{story_id}", operation_id="getStory", response_model=StoryOut)
async def story(request: Request, app: App, actor: SignedIn, story_id: StoryId) -> Response:
    """One story; 404 unless you may see it."""
    return conditional(request, await service.story(app, actor.user_id, story_id))
