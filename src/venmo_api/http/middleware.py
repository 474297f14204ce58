"""One pure ASGI layer: a request id, one access log line, headers of security and of keeping, HEAD, and a 500 that
leaks nothing."""

import os
import re
import time
from collections.abc import Callable

import structlog
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from venmo_api.http.problems import MEDIA_TYPE, document
from venmo_api.http.validators import BY_READER, PRIVATE

log = structlog.get_logger()
Record = Callable[[Scope, str, int, float], None]
"""Told of each request that has ended: its scope, id, status and seconds."""
Header = tuple[bytes, bytes]
HEADERS: list[Header] = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", PRIVATE.encode()),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=()"),
    (b"cross-origin-resource-policy", b"same-origin"),
]
"""On every answer that does not say otherwise itself."""
STRICT_TRANSPORT: Header = (b"strict-transport-security", b"max-age=63072000; includeSubDomains")
REQUEST_ID_BYTES_MOST = 64
_BY_READER = BY_READER.encode()
# Servers on the way decode these at different times, so that the path one has judged is not the one another serves.
_DISGUISED = re.compile(rb"%(?:2f|5c|00)|\\", re.IGNORECASE)


class RequestContext:
    """Names each request (a client's own ``X-Request-Id`` is kept when it is sane), logs its path template,
    never its query, body or headers."""

    def __init__(self, app: ASGIApp, *, strict_transport: bool, record: Record) -> None:
        self._app = app
        self._record = record
        self._headers = [*HEADERS, STRICT_TRANSPORT] if strict_transport else HEADERS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        method = scope["method"]
        if method == "HEAD":
            scope, send = {**scope, "method": "GET"}, _without_body(send)
        request_id = _request_id(scope)
        scope["request_id"] = request_id
        status = 0

        async def stamped(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                own = message["headers"]
                named = dict(own)
                ours = [header for header in self._headers if header[0] not in named]
                if named.get(b"cache-control", b"").startswith(b"public"):
                    message["headers"] = [*own, *ours]  # what others get too says nothing of who asked first
                else:
                    quota: list[Header] = scope.get("quota_headers", [])
                    names = (b"x-request-id", request_id.encode())
                    message["headers"] = [*_by_reader(own, named.get(b"vary")), *ours, *quota, names]
            await send(message)

        try:
            if _DISGUISED.search(scope.get("raw_path") or b""):
                await _not_found(stamped, request_id)
            else:
                await self._app(scope, receive, stamped)
        except ClientDisconnect:
            log.info("client_left", request_id=request_id)
        except Exception:
            log.exception("unexpected_error", request_id=request_id)
            if status:
                raise
            await _internal_error(stamped, request_id)
        finally:
            seconds = (scope.get("answered_at") or time.perf_counter()) - began
            self._record(scope, request_id, status, seconds)
            log.info(
                "request",
                request_id=request_id,
                method=method,
                route=route_of(scope),
                status=status,
                ms=round(seconds * 1000, 2),
            )


def route_of(scope: Scope) -> str:
    """The template of the path that answered; ``-`` for a path that there is not."""
    return getattr(scope.get("route"), "path", None) or "-"


def answered(scope: Scope) -> None:
    """What this request took is known: from now on its answer lasts as long as its reader stays."""
    scope["answered_at"] = time.perf_counter()


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and 8 <= len(value) <= REQUEST_ID_BYTES_MOST:
            text: str = value.decode("latin-1")
            if text.isascii() and text.replace("-", "").replace("_", "").isalnum():
                return text
    return os.urandom(12).hex()


def _by_reader(own: list[Header], varies: bytes | None) -> list[Header]:
    """The same headers, with a ``Vary`` that names who asks; CORS may have written one that does not."""
    if varies is None:
        return [*own, (b"vary", _BY_READER)]
    if _BY_READER in varies:
        return own
    return [*(header for header in own if header[0] != b"vary"), (b"vary", _BY_READER + b", " + varies)]


def _without_body(send: Send) -> Send:
    """HEAD: what GET would answer, its length too, and nothing of it. An answer without end is over at once."""
    ended = False

    async def bare(message: Message) -> None:
        nonlocal ended
        if message["type"] != "http.response.body":
            await send(message)
        elif not ended:
            ended = True
            await send({"type": "http.response.body", "body": b""})

    return bare


async def _not_found(send: Send, request_id: str) -> None:
    detail = "A path holds no encoded or backward slashes here."
    await _answer(
        send, document(status=404, code="not_found", title="Not found", detail=detail, request_id=request_id), 404
    )


async def _internal_error(send: Send, request_id: str) -> None:
    body = document(
        status=500,
        code="internal_error",
        title="Something broke on our side",
        detail="It has been logged under this request_id. A money request may be sent again under the same key.",
        request_id=request_id,
    )
    await _answer(send, body, 500)


async def _answer(send: Send, body: bytes, status: int) -> None:
    headers = [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
