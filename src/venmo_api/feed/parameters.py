"""What feeds are asked, and the story a path names: veiled, since an id of ours tells the millisecond it was made."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request
from pydantic import Field

from venmo_api.auth.tokens import Actor
from venmo_api.core import ids
from venmo_api.feed.rules import Scope, StoryNotFound
from venmo_api.http import fields, quotas
from venmo_api.http.parameters import PageQuery, path_id
from venmo_api.users.rules import UserNotFound


class FeedQuery(PageQuery):
    scope: Scope = Scope.FRIENDS


class PersonFeedQuery(PageQuery):
    other: Annotated[
        str | None,
        Field(alias="with", description="only what was between the two", json_schema_extra=fields.id_form(ids.USER)),
    ] = None

    @property
    def with_id(self) -> UUID | None:
        """Raises UserNotFound."""
        if self.other is None:
            return None
        found = ids.decode(ids.USER, self.other)
        if found is None:
            raise UserNotFound
        return found


async def take_deep(request: Request, actor: Actor, asked: PageQuery) -> None:
    """Count a page of everybody's stories beyond the first: who wants them all has to ask for many. Raises
    RateLimited."""
    if asked.cursor is not None:
        await quotas.take(request, "look-ups", actor.user_id)


async def _story_id(request: Request) -> UUID:
    veiled = ids.decode(ids.STORY, request.path_params["story_id"])
    if veiled is None:
        raise StoryNotFound
    found: UUID = request.app.state.adapters.keys.unveil(veiled)
    return found


_story_id.path_parameter = ("story_id", fields.id_form(ids.STORY))  # type: ignore[attr-defined]
StoryId = Annotated[UUID, Depends(_story_id)]
"""Raises StoryNotFound for what cannot be one, and KeyAway."""
PersonId = Annotated[UUID, path_id("user_id", ids.USER, UserNotFound)]
