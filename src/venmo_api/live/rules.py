"""What a stream tells, what the id of an event says, and what is refused of streams. Pure."""

import base64
import binascii
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from venmo_api.core.errors import AppError, Kind, Unavailable

WATCHED = 25
"""Of each list the newest so many are compared with what the client has; a client that lacks more is told to read."""
BY_PERSON = 5
OF_PROCESS = 1000
_FORM = b"\x01"
_MARK_BYTES, _MORE = 4, 0x80
LAST_EVENT_CHARS_MOST = 400


class Part(StrEnum):
    """What a stream tells of; the values name its events."""

    INBOX = "notification"
    FEED = "story"


class Goodbye(StrEnum):
    """Why a stream ends."""

    SIGNED_OUT = "signed_out"
    REPLACED = "replaced"
    RESTART = "restart"


TOLD = {
    Goodbye.SIGNED_OUT: "The access token has run out or its session was ended; refresh it, and open a stream again.",
    Goodbye.REPLACED: "Another stream went on from an event of this one.",
    Goodbye.RESTART: "This server is about to stop; another one goes on from the last event you got.",
}


class TooManyStreams(AppError):
    kind = Kind.LIMITED
    code = "too_many_streams"
    title = "Too many streams"

    def __init__(self) -> None:
        detail = f"You have {BY_PERSON} streams open already; close one, or go on from the last event of one."
        super().__init__(detail, retry_after_seconds=30)


class NoRoom(Unavailable):
    code = "no_room_for_streams"

    def __init__(self) -> None:
        super().__init__("This server has as many streams open as it takes; try again shortly.", retry_after_seconds=5)


@dataclass(frozen=True, slots=True)
class Item:
    """Something as its viewer may see it. ``id`` is its public one, ``document`` its JSON."""

    id: str
    document: bytes

    @property
    def mark(self) -> bytes:
        return hashlib.blake2s(self.id.encode(), digest_size=_MARK_BYTES).digest()


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest of a list, newest first; ``more``: there are older ones."""

    items: Sequence[Item]
    more: bool


@dataclass(frozen=True, slots=True)
class Known:
    """What the client has of a list, by mark, newest first; None for what only an event id tells of."""

    items: Mapping[bytes, Item | None]
    more: bool


@dataclass(frozen=True, slots=True)
class News:
    """What to tell, in this order. ``missed``: more came than was seen, so the client has to read the list."""

    fresh: Sequence[Item] = ()
    changed: Sequence[Item] = ()
    removed: Sequence[Item] = ()
    missed: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """Where a stream is: whose it is and what its client has. The id of an event says it."""

    stream_id: UUID
    known: Mapping[Part, Known]


LOST = {part: Known({}, more=True) for part in Part}
"""Of a client that has something, and nobody knows what."""


def known(newest: Newest) -> Known:
    """What a client has that has all of this."""
    return Known({item.mark: item for item in newest.items}, newest.more)


def all_but(newest: Newest, untold: Iterable[Item], *, before: Known) -> Known:
    """What a client has that had ``before`` and was not told all yet. Until it was, its list was as long as before."""
    without = {item.mark for item in untold}
    items = {item.mark: item for item in newest.items if item.mark not in without}
    return Known(items, before.more if without else newest.more)


def news(before: Known, newest: Newest) -> News:
    """The difference. What is new may stand anywhere: what was paid first is not always told first.

    Where the list was longer than what is watched, what stands below all that the client has was there before.
    """
    kept = [place for place, item in enumerate(newest.items) if item.mark in before.items]
    if not kept and (newest.more or before.more):
        return News(missed=True)
    seen = newest.items[: kept[-1] + 1] if before.more else newest.items
    return News(
        fresh=[item for item in reversed(seen) if item.mark not in before.items],
        changed=[item for item in seen if (was := before.items.get(item.mark)) and was.document != item.document],
        removed=_removed(before, newest),
    )


def _removed(before: Known, newest: Newest) -> list[Item]:
    """Those that are gone, not those that newer ones have pushed out of sight."""
    there = {item.mark for item in newest.items}
    marks = list(before.items)
    last = max((place for place, mark in enumerate(marks) if mark in there), default=-1)
    judged = marks[:last] if newest.more else marks
    gone = [before.items[mark] for mark in judged if mark not in there]
    return [item for item in gone if item is not None]


def event_id(place: Place) -> str:
    """Marks are hashes of public ids the client has seen, so the id tells nothing it does not know."""
    told = b"".join(_told(place.known[part]) for part in Part)
    return base64.urlsafe_b64encode(_FORM + place.stream_id.bytes + told).rstrip(b"=").decode()


def place_of(text: str) -> Place | None:
    """What an event id says; None when it is none of ours."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        return None
    if len(raw) < 17 or raw[:1] != _FORM:
        return None
    found, at = {}, 17
    for part in Part:
        size, more = raw[at] & ~_MORE if at < len(raw) else 0, bool(at < len(raw) and raw[at] & _MORE)
        end = at + 1 + size * _MARK_BYTES
        if end > len(raw):
            return None
        found[part] = Known(dict.fromkeys(_cut(raw[at + 1 : end])), more)
        at = end
    return Place(UUID(bytes=raw[1:17]), found) if at == len(raw) else None


def block(*, name: str = "", id: str = "", data: bytes = b"", retry_ms: int | None = None) -> bytes:
    """One event as the WHATWG's text/event-stream spells it; ``data`` is JSON without line breaks."""
    lines = [
        *([b"retry: %d" % retry_ms] if retry_ms is not None else []),
        *([b"id: " + id.encode()] if id else []),
        *([b"event: " + name.encode()] if name else []),
        *([b"data: " + data] if data else []),
    ]
    return b"\n".join([*lines, b"", b""])


def _told(known: Known) -> bytes:
    return bytes([len(known.items) | (_MORE if known.more else 0)]) + b"".join(known.items)


def _cut(marks: bytes) -> list[bytes]:
    return [marks[at : at + _MARK_BYTES] for at in range(0, len(marks), _MARK_BYTES)]
