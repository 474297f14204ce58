"""Strict JSON bodies: one document, no duplicate keys, no NaN, no unknown fields, no coercion."""

import json
from typing import Annotated, Any, NoReturn, TypeVar

from fastapi import Depends, Request
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from venmo_api.core.errors import FieldError
from venmo_api.core.text import is_plain
from venmo_api.http.problems import BodyTooLarge, InvalidBody, MalformedBody, UnsupportedMediaType

MAX_BODY_BYTES = 64 * 1024
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
            raise UnsupportedMediaType("Send the body with Content-Type: application/json.")
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
    return content_type.partition(";")[0].strip().lower() == "application/json"


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


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant)
