"""Stories as clients see them, and pages of them."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from venmo_api.core import ids
from venmo_api.http import fields
from venmo_api.http.bodies import Body
from venmo_api.transfers.schemas import NoteOut
from venmo_api.users.rules import Audience
from venmo_api.users.schemas import PublicUser


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


class NarrowBody(Body):
    """Whom your story is shown to from now on: what it is, or fewer people."""

    audience: Annotated[Audience, Field(examples=["private"])]


class NarrowPastBody(Body):
    """Whom all your stories up to now are shown to at most."""

    audience: Annotated[Literal["friends", "private"], Field(examples=["friends"])]


class Narrowed(BaseModel):
    """``narrowed``: how many stories were shown to more people before; some may have been on their way, and are not
    counted."""

    audience: Audience
    narrowed: fields.Count


class StoryPage(fields.Page[StoryOut]):
    pass


def page_document(stories: bytes, next_cursor: str | None) -> bytes:
    """A page as JSON, of stories that are JSON already, with commas between."""
    cursor = b"null" if next_cursor is None else b'"%b"' % next_cursor.encode()
    more = b"false" if next_cursor is None else b"true"
    return b'{"data":[%b],"next_cursor":%b,"has_more":%b}' % (stories, cursor, more)
