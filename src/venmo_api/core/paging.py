"""Keyset cursors: a page ends at a row, the next begins beyond it, so rows added meanwhile change nothing."""

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar
from uuid import UUID

from venmo_api.core.errors import InvalidField

DEFAULT_LIMIT = 25
MAX_LIMIT = 100

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class PageRequest:
    """What a client asked for: at most ``limit`` rows beyond the row whose id is ``after``."""

    limit: int = DEFAULT_LIMIT
    after: UUID | None = None


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """``next_cursor`` is None on the last page."""

    rows: Sequence[Row]
    next_cursor: str | None


def cut(rows: Sequence[Row], limit: int, id_of: Callable[[Row], UUID]) -> Page[Row]:
    """A page from ``limit + 1`` rows asked for: the extra one only tells that there is more."""
    kept = rows[:limit]
    return Page(kept, encode_cursor(id_of(kept[-1])) if len(rows) > limit else None)


def encode_cursor(last: UUID) -> str:
    return base64.urlsafe_b64encode(last.bytes).rstrip(b"=").decode()


def decode_cursor(cursor: str) -> UUID:
    """The id a cursor stands for. Raises InvalidField for anything this service did not hand out."""
    try:
        raw = base64.b64decode(cursor + "==", altchars=b"-_", validate=True)
        value = UUID(bytes=raw)
    except (ValueError, binascii.Error):
        raise InvalidField("?cursor", "The cursor is not one this service gave; start again without it.") from None
    if encode_cursor(value) != cursor:
        raise InvalidField("?cursor", "The cursor is not one this service gave; start again without it.")
    return value
