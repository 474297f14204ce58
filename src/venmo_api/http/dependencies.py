"""What routers are handed: the bundle of adapters, the idempotency key; and how answers are made."""

from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import Depends, Request, Response
from pydantic import BaseModel

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.signing import Signer
from venmo_api.core.errors import FieldError
from venmo_api.core.origin import Origin, origin
from venmo_api.core.paging import Page
from venmo_api.http.problems import MEDIA_TYPE, BadRequest


class IdempotencyKeyInvalid(BadRequest):
    code = "idempotency_key_invalid"
    title = "An Idempotency-Key is needed"

    def __init__(self) -> None:
        detail = "Send an Idempotency-Key header of 8 to 255 visible ASCII characters, a new one for each payment."
        super().__init__(detail, fields=(FieldError("Idempotency-Key", detail),))


KEY_FORM = {"minLength": 8, "maxLength": 255, "pattern": "^[!-~]+$"}


def is_key(text: str) -> bool:
    return 8 <= len(text) <= 255 and text.isascii() and text.isprintable() and " " not in text


async def _adapters(request: Request) -> Adapters:
    adapters: Adapters = request.app.state.adapters
    return adapters


async def _idempotency_key(request: Request) -> str:
    key = request.headers.get("idempotency-key", "")
    if not is_key(key):
        raise IdempotencyKeyInvalid
    return key


def origin_of(request: Request) -> Origin:
    """Whence a request comes."""
    return origin(request.client.host if request.client else None, request.headers.get("user-agent", ""))


async def _origin(request: Request) -> Origin:
    return origin_of(request)


async def _retry_key(request: Request) -> str | None:
    return await _idempotency_key(request) if "idempotency-key" in request.headers else None


_retry_key.optional_header = "Idempotency-Key"  # type: ignore[attr-defined]
_idempotency_key.header = "Idempotency-Key"  # type: ignore[attr-defined]


App = Annotated[Adapters, Depends(_adapters)]
From = Annotated[Origin, Depends(_origin)]
RetryKey = Annotated[str | None, Depends(_retry_key)]
"""An idempotency key that may be left out."""
IdempotencyKey = Annotated[str, Depends(_idempotency_key)]


def fingerprints(
    signer: Signer, user_id: UUID, key: str, body: BaseModel, *, thing: UUID | None = None
) -> tuple[bytes, ...]:
    """Hashes of what the body says, however it was spelled: what makes two requests under one key the same request.

    A dry run and the real one are the same, and so are a field left out and its default, also one of a later version.
    ``thing``: what the path names, so that the same body for another one is another request. The first hash is the one
    to keep; the others are what may have been kept before the signing key was exchanged. They are keyed, and of one
    person and key: who has the table cannot find a phone number by trying all, nor by asking us for each.
    """
    said = body.model_dump_json(exclude={"dry_run"}, exclude_defaults=True)
    about = thing.hex if thing else ""
    return tuple(signer.keyed_hashes(f"request {user_id.hex} {key} {about} {said}"))


def page_response(page: Page[Any]) -> Response:
    """A page of documents that are ready to be sent."""
    document = {"data": page.rows, "next_cursor": page.next_cursor, "has_more": page.next_cursor is not None}
    return json_response(document)


def json_response(document: object, *, status: int = 200) -> Response:
    """A document as JSON, without FastAPI's second validation."""
    return Response(orjson.dumps(document), status_code=status, media_type="application/json")


def reply_response(status: int, body: bytes, *, replayed: bool) -> Response:
    """An answer kept under an idempotency key, byte for byte."""
    headers = {"Idempotent-Replayed": "true"} if replayed else None
    media_type = MEDIA_TYPE if status >= 400 else "application/json"
    return Response(body, status_code=status, media_type=media_type, headers=headers)
