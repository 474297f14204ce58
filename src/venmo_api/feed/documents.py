"""A story as bytes, rendered once and kept in Redis: how private it is (a digit), actor id, target id; the lengths, a
byte each, of the end that only the parties see and of the one that the others see; the first of these ends, the JSON
that all see, and the second, so that what most readers are shown is one slice."""

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

_HEAD = 35


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
    begins = _HEAD + document[33]
    if document.startswith(viewer, 1) or document.startswith(viewer, 17):
        return document[begins : -document[34]] + document[_HEAD:begins]
    return document[begins:]


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
    own_end, others_end = _end(own), _end(others)
    head = b"%d%b%b" % (STRICTNESS[story.audience], story.actor_id.bytes, story.target_id.bytes)
    return head + bytes((len(own_end), len(others_end))) + own_end + seen[:-1] + others_end


def _end(more: dict[str, Any]) -> bytes:
    """What turns a JSON object without its last brace into one that has these members too."""
    return b"," + orjson.dumps(more)[1:]
