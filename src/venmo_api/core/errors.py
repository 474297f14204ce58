"""The one base of every refusal: a kind (which decides status and retry) and a stable code."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar


class Kind(StrEnum):
    INVALID = "invalid"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    DECLINED = "declined"
    LIMITED = "limited"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True)
class FieldError:
    """One field that is wrong: a JSON pointer into the body (or ``?name`` / ``Header``) and what to do about it."""

    pointer: str
    detail: str


class AppError(Exception):
    """A refusal a person can cause. Subclasses live in the ``rules.py`` that raises them."""

    kind: ClassVar[Kind]
    code: ClassVar[str]
    title: ClassVar[str]

    def __init__(self, detail: str, *, fields: tuple[FieldError, ...] = (), retry_after_seconds: int | None = None):
        super().__init__(detail)
        self.detail = detail
        self.fields = fields
        self.retry_after_seconds = retry_after_seconds
        self.extra: Mapping[str, object] = {}
        """Members of the problem document beyond the usual ones."""


class Unavailable(AppError):
    kind = Kind.UNAVAILABLE
    code = "unavailable"
    title = "Try again shortly"

    def __init__(self, detail: str, *, retry_after_seconds: int = 1):
        super().__init__(detail, retry_after_seconds=retry_after_seconds)


class NotFound(AppError):
    kind = Kind.NOT_FOUND
    code = "not_found"
    title = "Not found"


class InvalidField(AppError):
    """One field has a well-formed value that cannot be right."""

    kind = Kind.INVALID
    code = "invalid_field"
    title = "A field is not right"

    def __init__(self, pointer: str, detail: str):
        super().__init__(detail, fields=(FieldError(pointer, detail),))
