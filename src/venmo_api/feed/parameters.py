"""The story a path names, and the cursors of feeds: veiled, since an id of ours tells the millisecond it was made."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request

from venmo_api.core import ids
from venmo_api.feed.rules import StoryNotFound
from venmo_api.http import fields


async def _story_id(request: Request) -> UUID:
    veiled = ids.decode(ids.STORY, request.path_params["story_id"])
    if veiled is None:
        raise StoryNotFound
    found: UUID = request.app.state.adapters.keys.unveil(veiled)
    return found


_story_id.path_parameter = ("story_id", fields.id_form(ids.STORY))  # type: ignore[attr-defined]
StoryId = Annotated[UUID, Depends(_story_id)]
"""Raises StoryNotFound for what cannot be one, and KeyAway."""
