"""One pure ASGI layer: a request id, one access log line, security headers, and a 500 that leaks nothing."""

import os
import time

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from venmo_api.http.problems import MEDIA_TYPE, document

log = structlog.get_logger()
HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
]
REQUEST_ID_BYTES_MOST = 64


class RequestContext:
    """Names each request (a client's own ``X-Request-Id`` is kept when it is sane), logs its path template,
    never its query, body or headers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        request_id = _request_id(scope)
        scope["request_id"] = request_id
        status = 0

        async def stamped(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], *HEADERS, (b"x-request-id", request_id.encode())]
            await send(message)

        try:
            await self._app(scope, receive, stamped)
        except Exception:
            log.exception("unexpected_error", request_id=request_id)
            if status:
                raise
            await _internal_error(stamped, request_id)
        finally:
            route = scope.get("route")
            log.info(
                "request",
                request_id=request_id,
                method=scope["method"],
                route=getattr(route, "path", None) or "-",
                status=status,
                ms=round((time.perf_counter() - began) * 1000, 2),
            )


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and 8 <= len(value) <= REQUEST_ID_BYTES_MOST:
            text: str = value.decode("latin-1")
            if text.isascii() and text.replace("-", "").replace("_", "").isalnum():
                return text
    return os.urandom(12).hex()


async def _internal_error(send: Send, request_id: str) -> None:
    body = document(
        status=500,
        code="internal_error",
        title="Something broke on our side",
        detail="It has been logged under this request_id. A money request may be sent again under the same key.",
        request_id=request_id,
    )
    await send(
        {
            "type": "http.response.start",
            "status": 500,
            "headers": [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", str(len(body)).encode())],
        }
    )
    await send({"type": "http.response.body", "body": body})
