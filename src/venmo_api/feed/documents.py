"""A story as bytes, rendered once and kept in Redis: how private it is (a digit), actor id, target id, then three parts
with newlines between: the JSON that everybody sees, its end for the two parties, its end for the others."""

from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Any
from uuid import UUID

import orjson
from orjson import Fragment

from venmo_api.adapters.keys import Keys
from venmo_api.core import ids
from venmo_api.core.clock import rfc3339
from venmo_api.feed.rules import Story
from venmo_api.users.rules import STRICTNESS, Party
from venmo_api.users.schemas import card_document


def render(stories: Sequence[Story], people: Mapping[UUID, Party], keys: Keys) -> dict[UUID, bytes]:
    """The document of each story. ``people``: all the parties. Raises KeyAway."""
    parties = {person for story in stories for person in story.parties}
    cards = {person: Fragment(orjson.dumps(card_document(people[person].card))) for person in parties}
    return {
        story.id: _document(story, keys.veil(story.id), cards[story.actor_id], cards[story.target_id])
        for story in stories
    }


def seen_by(document: bytes, viewer: bytes) -> bytes:
    """The rendering this viewer may have, as JSON."""
    seen, own, others = document[33:].split(b"\n")
    return seen + (own if document[1:17] == viewer or document[17:33] == viewer else others)


def _document(story: Story, veiled: UUID, actor: Fragment, target: Fragment) -> bytes:
    """Others see neither the amount nor more of the time than the day."""
    seen = orjson.dumps(
        {
            "id": ids.encode(ids.STORY, veiled),
            "actor": actor,
            "target": target,
            "action": story.action,
            "note": story.note,
            "audience": story.audience,
            "likes": story.likes,
            "comments": story.comments,
            "reactions": story.reactions,
        }
    )
    day = story.created_at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    others = {"created_at": rfc3339(day)}
    own = {"created_at": rfc3339(story.created_at), "amount": story.amount, "currency": story.currency}
    parts = (seen[:-1], _end(own), _end(others))
    head = b"%d%b%b" % (STRICTNESS[story.audience], story.actor_id.bytes, story.target_id.bytes)
    return head + b"\n".join(parts)


def _end(more: dict[str, Any]) -> bytes:
    """What turns a JSON object without its last brace into one that has these members too."""
    return b"," + orjson.dumps(more)[1:]
