"""Errors as RFC 9457 problem documents: the one table from kind to status, and the handlers that use it."""

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import orjson
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Match

from venmo_api.core.errors import AppError, FieldError, Kind

log = structlog.get_logger()
MEDIA_TYPE = "application/problem+json"
# A pointer repeats the client's own key, which may hold anything.
_UNSEEN = re.compile(r"[\x00-\x1f\x7f]")
STATUS = {
    Kind.INVALID: 422,
    Kind.UNAUTHENTICATED: 401,
    Kind.FORBIDDEN: 403,
    Kind.NOT_FOUND: 404,
    Kind.CONFLICT: 409,
    Kind.DECLINED: 402,
    Kind.LIMITED: 429,
    Kind.UNAVAILABLE: 503,
}
FRAMEWORK_CODES = {
    400: ("bad_request", "The request cannot be read"),
    404: ("not_found", "Not found"),
    405: ("method_not_allowed", "This resource does not take this method"),
    413: ("body_too_large", "The body is too large"),
    415: ("unsupported_media_type", "Send JSON"),
}


class BadRequest(AppError):
    """The request is not one this API can read; answered 400."""

    kind = Kind.INVALID
    code = "bad_request"
    title = "The request cannot be read"
    status = 400


class MalformedBody(BadRequest):
    code = "malformed_body"
    title = "The body is not one JSON document"


class UnsupportedMediaType(BadRequest):
    code = "unsupported_media_type"
    title = "Send JSON"
    status = 415


class BodyTooLarge(BadRequest):
    code = "body_too_large"
    title = "The body is too large"
    status = 413

    def __init__(self) -> None:
        super().__init__("A body may have 64 KiB at most.")


class InvalidBody(AppError):
    kind = Kind.INVALID
    code = "validation_failed"
    title = "Some fields are not right"

    def __init__(self, fields: Sequence[FieldError]) -> None:
        super().__init__("See `errors` for each field and what is wrong with it.", fields=tuple(fields))


def status_of(error: AppError) -> int:
    status: int = getattr(error, "status", STATUS[error.kind])
    return status


def document(
    *,
    status: int,
    code: str,
    title: str,
    detail: str,
    request_id: str,
    fields: Sequence[FieldError] = (),
    extra: Mapping[str, object] = MappingProxyType({}),
) -> bytes:
    """The problem document, as bytes; ``extra`` members are its own."""
    body: dict[str, Any] = {
        "type": f"/problems/{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "code": code,
        "request_id": request_id,
    }
    if fields:
        body["errors"] = [{"pointer": _UNSEEN.sub("\ufffd", one.pointer), "detail": one.detail} for one in fields]
    body.update(extra)
    return orjson.dumps(body)


def render(error: AppError, *, request_id: str) -> tuple[int, bytes]:
    """Status and problem document of a refusal."""
    status = status_of(error)
    return status, document(
        status=status,
        code=error.code,
        title=error.title,
        detail=error.detail,
        request_id=request_id,
        fields=error.fields,
        extra=error.extra,
    )


def response(error: AppError, request_id: str) -> Response:
    status, body = render(error, request_id=request_id)
    headers = {}
    if error.retry_after_seconds is not None:
        headers["Retry-After"] = str(error.retry_after_seconds)
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if status == 413:
        headers["Connection"] = "close"  # what is still to come of the body is not waited for
    return Response(body, status_code=status, media_type=MEDIA_TYPE, headers=headers)


def install(app: FastAPI) -> None:
    """Answer every error of the app, the framework's own included, as a problem document."""
    app.add_exception_handler(AppError, _app_error)
    app.add_exception_handler(HTTPException, _framework_error)
    app.add_exception_handler(RequestValidationError, _validation_error)


def request_id_of(request: Request) -> str:
    request_id: str = request.scope["request_id"]
    return request_id


async def _app_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, AppError)
    return response(error, request_id_of(request))


async def _framework_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 405 and request.method == "OPTIONS":
        return Response(status_code=204, headers={"Allow": _allowed(request)})
    code, title = FRAMEWORK_CODES.get(error.status_code, ("http_error", "The request failed"))
    body = document(
        status=error.status_code, code=code, title=title, detail=title + ".", request_id=request_id_of(request)
    )
    headers = {"Allow": _allowed(request)} if error.status_code == 405 else error.headers
    return Response(body, status_code=error.status_code, media_type=MEDIA_TYPE, headers=headers)


def _allowed(request: Request) -> str:
    """Every method of the path: the framework names those of the first route only. HEAD and OPTIONS go with them."""
    matching = (route for route in request.app.routes if route.matches(request.scope)[0] is not Match.NONE)
    methods = {method for route in matching for method in getattr(route, "methods", None) or ()}
    return ", ".join(sorted(methods | {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set())))


async def _validation_error(request: Request, error: Exception) -> Response:
    """Path and query parameters; bodies are judged in ``bodies``. The input is never echoed."""
    assert isinstance(error, RequestValidationError)
    fields = [
        FieldError(("?" if item["loc"][0] == "query" else "/") + str(item["loc"][-1]), item["msg"])
        for item in error.errors()
    ]
    return response(InvalidBody(fields), request_id_of(request))
