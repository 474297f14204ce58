"""How fields look to a client: each bounded, each of a form. This documents; what comes in is judged by its body."""

from datetime import date, datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, Field

from venmo_api.core.paging import MAX_LIMIT

EXACT_MOST = 2**53 - 1
"""The largest integer that every reader of JSON keeps as it is."""
VISIBLE = r"^[^\u0000-\u001F\u007F]*$"
_PLAIN = r"[^\u0000-\u001F\u007F-\u009F\u2028-\u202E\u2066-\u2069\uE000-\uF8FF\uFDD0-\uFDEF\uFFFE\uFFFF]"
SEEN = rf"^{_PLAIN}*\S{_PLAIN}*$"
LINES = {"pattern": r"^[^\u0000]*$"}
"""Text of several lines."""
INT32 = {"format": "int32"}

Cents = Annotated[int, Field(ge=0, le=EXACT_MOST, json_schema_extra={"format": "int64"})]
SignedCents = Annotated[int, Field(ge=-EXACT_MOST, le=EXACT_MOST, json_schema_extra={"format": "int64"})]
Count = Annotated[int, Field(ge=0, le=2**31 - 1, json_schema_extra={"format": "int32"})]
Moment = Annotated[datetime, Field(json_schema_extra={"maxLength": 35})]
Day = Annotated[date, Field(json_schema_extra={"maxLength": 10})]
Currency = Literal["USD"]
Opaque = Annotated[str, Field(max_length=2000, pattern=r"^[!-~]*$")]
"""A token, a key, a cursor: whatever it says is for us only."""
Link = Annotated[str, Field(max_length=2000, json_schema_extra={"format": "uri-reference"})]
Cursor = Annotated[str, Field(max_length=22, json_schema_extra={"pattern": r"^[A-Za-z0-9_-]{21}[AQgw]$"})]
Row = TypeVar("Row")


def text(most: int) -> Any:
    """Text of at most so many code points: ``note: Annotated[str, text(280)]``."""
    return Field(json_schema_extra={"maxLength": most, "pattern": VISIBLE})


def plain(most: int) -> Any:
    """Text that `bodies.Plain` judges: something to see, and no control characters."""
    return Field(json_schema_extra={"maxLength": most, "pattern": SEEN})


def opaque(most: int) -> Any:
    """What we handed out and get back as it was."""
    return Field(json_schema_extra={"maxLength": most, "pattern": r"^[!-~]+$"})


def public_id(prefix: str) -> Any:
    """The form of ids that begin with ``prefix``: ``id: Annotated[str, public_id(ids.USER)]``."""
    return Field(json_schema_extra=id_form(prefix))


def id_form(prefix: str) -> dict[str, Any]:
    """The same as JSON schema."""
    return {"maxLength": len(prefix) + 32, "pattern": rf"^{prefix}[0-9a-f]{{32}}$"}


def exactly_one(*names: str) -> Any:
    """For the ``json_schema_extra`` of a body that takes one of these fields: given, and not null."""

    def say(schema: dict[str, Any]) -> None:
        for name in names:
            told = schema["properties"][name]
            schema["properties"][name] = told.pop("anyOf")[0] | {key: told[key] for key in told if key != "default"}
        schema["oneOf"] = [{"required": [name], "properties": {name: {}}} for name in names]

    return say


class Page(BaseModel, Generic[Row]):
    """A part of a list. ``next_cursor`` is for the page after it."""

    data: Annotated[list[Row], Field(max_length=MAX_LIMIT)]
    next_cursor: Cursor | None
    has_more: bool
