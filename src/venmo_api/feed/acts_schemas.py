"""Bodies of likes, reactions, comments and reports."""

from datetime import UTC
from typing import Annotated, Any

import orjson
from pydantic import BaseModel, Field

from venmo_api.core import ids
from venmo_api.core.clock import rfc3339
from venmo_api.feed.act_rules import EMOJI_EACH, EMOJI_LONGEST, Comment, Reactions, ReportReason
from venmo_api.feed.schemas import StoryOut
from venmo_api.http import fields
from venmo_api.http.bodies import Body
from venmo_api.transfers.rules import NOTE_BYTES_MOST, NOTE_MOST
from venmo_api.transfers.schemas import Note
from venmo_api.users.rules import Card
from venmo_api.users.schemas import PublicUser, card_document

Words = Annotated[str, fields.text(NOTE_BYTES_MOST)]
Emoji = Annotated[str, fields.text(EMOJI_LONGEST)]
EMOJI_FORM: dict[str, Any] = {"maxLength": EMOJI_LONGEST, "pattern": r"^[^\u0000-\u001F\u007F/]+$", "example": "🎉"}
CommentId = Annotated[str, fields.public_id(ids.COMMENT)]


class CommentBody(Body):
    """1 to 280 characters. ``@username`` mentions somebody, who is told if they may see the story."""

    text: Annotated[Note, Field(examples=["@bob what a night 🍕"])]


class ReportBody(Body):
    """What is wrong, in a word, and in your own if you like: staff read it."""

    reason: Annotated[ReportReason, Field(strict=False, examples=["abuse"])]
    text: Annotated[Note | None, Field(examples=["They do this under every payment."])] = None


class MentionOut(PublicUser):
    """Who is meant, and where in the text, ``@`` included: from ``start`` up to and without ``end``, counted in Unicode
    code points."""

    start: fields.Count
    end: fields.Count


class CommentOut(BaseModel):
    """``text`` is empty once its author was erased. ``created_at`` tells the second."""

    id: CommentId
    author: PublicUser
    text: Words
    mentions: Annotated[list[MentionOut], Field(max_length=NOTE_MOST)]
    created_at: fields.Moment


class CommentPage(fields.Page[CommentOut]):
    pass


class SeenStory(StoryOut):
    """With what the reader thinks of it."""

    liked: bool
    my_reactions: Annotated[list[Emoji], Field(max_length=EMOJI_EACH)]


class ReactionsOut(BaseModel):
    """What somebody thinks of a story."""

    user: PublicUser
    liked: bool
    reactions: Annotated[list[Emoji], Field(max_length=EMOJI_EACH)]


class ReactionsPage(fields.Page[ReactionsOut]):
    pass


def seen_document(story: bytes, own: Reactions) -> bytes:
    """``story`` as JSON, and what its reader thinks of it."""
    return story[:-1] + b"," + orjson.dumps({"liked": own.liked, "my_reactions": own.emoji})[1:]


def comment_document(comment: Comment) -> dict[str, Any]:
    return {
        "id": ids.encode(ids.COMMENT, comment.id),
        "author": card_document(comment.author),
        "text": comment.words,
        "mentions": [
            card_document(mention.card) | {"start": mention.place.start, "end": mention.place.end}
            for mention in comment.mentions
        ],
        "created_at": rfc3339(comment.created_at.astimezone(UTC).replace(microsecond=0)),
    }


def reactions_document(who: Card, reactions: Reactions) -> dict[str, Any]:
    return {"user": card_document(who), "liked": reactions.liked, "reactions": list(reactions.emoji)}
