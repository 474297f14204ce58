"""Strict JSON bodies: one document, no duplicate keys, no NaN, no unknown fields, no coercion."""

import json
import re
from typing import Annotated, Any, NoReturn, TypeVar

from fastapi import Depends, Request
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from venmo_api.core.errors import FieldError
from venmo_api.core.text import is_plain
from venmo_api.http.problems import BodyTooLarge, InvalidBody, MalformedBody, UnsupportedMediaType

MAX_BODY_BYTES = 64 * 1024
DEPTH_MOST = 32
POINTER_MOST = 200
Model = TypeVar("Model", bound=BaseModel)


def _plain(text: str) -> str:
    if not is_plain(text):
        raise ValueError("must hold something visible, and no control or text-direction characters")
    return text


Plain = AfterValidator(_plain)
"""For every text that is kept or looked up: Postgres cannot even be asked for a zero byte."""


DryRun = Annotated[bool, Field(description="only tell what would happen: answer, fees, balances, limits")]


class Body(BaseModel):
    """Base of every request body."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


def parse(model: type[Model], raw: bytes) -> Model:
    """The body as ``model``. Raises MalformedBody or InvalidBody, which names each field by JSON pointer."""
    if _is_deep(raw):
        raise MalformedBody(f"The body nests deeper than {DEPTH_MOST} levels.")
    try:
        _DECODER.decode(raw.decode("utf-8"))  # finds what pydantic's parser lets pass
        return model.model_validate_json(raw)
    except ValidationError as error:
        items = error.errors(include_url=False, include_input=False)
        if items[0]["type"] == "json_invalid":  # half a surrogate pair, which Python's decoder lets pass
            raise MalformedBody("The body must be one JSON document in UTF-8.") from None
        raise InvalidBody([_field(item) for item in items]) from None
    except (ValueError, RecursionError):
        raise MalformedBody("The body must be one JSON document in UTF-8.") from None


def json_body(model: type[Model]) -> Any:
    """Reads the body as ``model``: ``body: Annotated[PayBody, json_body(PayBody)]``. ``openapi`` finds the model."""

    async def read(request: Request) -> Model:
        content_type = request.headers.get("content-type", "")
        if content_type != "application/json" and not _is_json(content_type):
            raise UnsupportedMediaType("Send the body with Content-Type: application/json, in UTF-8.")
        if request.headers.get("content-encoding", "identity").lower() != "identity":
            raise UnsupportedMediaType("Send the body as it is, without a Content-Encoding.")
        return parse(model, await _raw(request))

    read.body_model = model  # type: ignore[attr-defined]
    return Depends(read)


async def _raw(request: Request) -> bytes:
    """The body as sent. Raises BodyTooLarge before more than MAX_BODY_BYTES are held."""
    declared = request.headers.get("content-length", "0")
    if declared.isdecimal() and int(declared[:20]) > MAX_BODY_BYTES:
        raise BodyTooLarge
    raw = bytearray()
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > MAX_BODY_BYTES:
            raise BodyTooLarge
    return bytes(raw)


def _is_json(content_type: str) -> bool:
    media, *parameters = (part.strip().lower() for part in content_type.split(";"))
    charsets = {name.partition("=")[2].strip(' "') for name in parameters if name.startswith("charset")}
    return media == "application/json" and charsets <= {"utf-8"}


def _is_deep(raw: bytes) -> bool:
    """Whether brackets nest deeper than any body of ours; those in strings do not count."""
    if raw.count(b"[") + raw.count(b"{") <= DEPTH_MOST:
        return False
    depth = 0
    for bracket in _BESIDE_BRACKETS.sub(b"", _STRINGS.sub(b"", raw)):
        depth += 1 if bracket in b"[{" else -1
        if depth > DEPTH_MOST:
            return True
    return False


def _field(item: Any) -> FieldError:
    pointer = "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in item["loc"])
    return FieldError(pointer[:POINTER_MOST], sentence(item))


def sentence(item: Any) -> str:
    """What is wrong with a field, without the name of the exception that said so."""
    return str(item["msg"]).removeprefix("Value error, ")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise MalformedBody("An object in the body names the same key twice.")
    return document


def _no_constant(name: str) -> NoReturn:
    raise MalformedBody(f"{name} is not JSON.")


# The closing quote may be missing, so that whatever is sent is walked through once.
_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*+"?', re.DOTALL)
_BESIDE_BRACKETS = re.compile(rb"[^][{}]+")
_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant)
