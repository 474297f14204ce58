"""A story as bytes: rendered once, kept in Redis, sent as is."""

from datetime import UTC
from typing import Any
from uuid import UUID

import orjson

from venmo_api.core import ids
from venmo_api.core.clock import rfc3339
from venmo_api.feed.rules import Story
from venmo_api.users.rules import Card
from venmo_api.users.schemas import card_document


def render(story: Story, actor: Card, target: Card) -> bytes:
    """Both renderings behind the parties' ids. Others see neither the amount nor more of the time than the day."""
    shown: dict[str, Any] = {
        "id": ids.encode(ids.STORY, story.id),
        "actor": card_document(actor),
        "target": card_document(target),
        "action": story.action,
        "note": story.note,
        "audience": story.audience,
        "likes": story.likes,
        "comments": story.comments,
    }
    day = story.created_at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    others = orjson.dumps(shown | {"created_at": rfc3339(day)})
    parties = orjson.dumps(
        shown | {"created_at": rfc3339(story.created_at), "amount": story.amount, "currency": story.currency}
    )
    return story.actor_id.bytes + story.target_id.bytes + parties + b"\n" + others


def seen_by(document: bytes, viewer: UUID) -> bytes:
    """The rendering this viewer may have, as JSON."""
    parties, _, others = document[32:].partition(b"\n")
    me = viewer.bytes
    return parties if document[:16] == me or document[16:32] == me else others
