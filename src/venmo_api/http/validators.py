"""Who may keep an answer, for how long, and whether they have it already: Cache-Control, Vary, ETag and 304.

What says nothing of this is ``PRIVATE``: `middleware` says it. A tag is the hash of the bytes that this very reader may
have, so who shows one learns that their own answer has not changed, and nothing of anybody else's.
"""

import hashlib
import re
from typing import Final

from fastapi import Request, Response

PRIVATE: Final = "private, no-store"
"""Kept by nobody, not even on the reader's own disk."""
ONES_OWN: Final = "private, no-cache"
"""Kept by the reader alone, who asks each time whether it is still so."""
BY_READER: Final = "Authorization"
"""The ``Vary`` of all that is not the same for everybody, and of what only some may ask for: a shared cache that
forgets what ``private`` means, or that checks no tokens, still gives it to nobody else."""
TAG_DIGITS: Final = 32
_TAGS = re.compile(r'"([\x21\x23-\x7e\x80-\xff]*)"')


def conditional(
    request: Request,
    body: bytes,
    *,
    cache_control: str = ONES_OWN,
    vary: str | None = BY_READER,
    media_type: str = "application/json",
) -> Response:
    """The answer to a GET, or 304 if the reader has it already (RFC 9110, 13.1.2). ``body`` is what they may have."""
    tag = tag_of(body)
    headers = {"ETag": f'"{tag}"', "Cache-Control": cache_control}
    if vary is not None:
        headers["Vary"] = vary
    if has(request, tag):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type=media_type, headers=headers)


def tag_of(body: bytes) -> str:
    """What stands between the quotes of a strong ETag."""
    return hashlib.sha256(body).hexdigest()[:TAG_DIGITS]


def has(request: Request, tag: str) -> bool:
    """Whether the reader names this tag in ``If-None-Match``; compared weakly, as it is to be."""
    shown = ",".join(request.headers.getlist("if-none-match"))
    return bool(shown) and (shown.strip() == "*" or tag in _TAGS.findall(shown))
