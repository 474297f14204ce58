"""Parameters of the path and the query, read straight from the request."""

from functools import lru_cache
from typing import Annotated, Any, TypeVar
from uuid import UUID

from fastapi import Depends, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.datastructures import QueryParams

from venmo_api.core import ids
from venmo_api.core.errors import AppError, FieldError, InvalidField
from venmo_api.core.paging import DEFAULT_LIMIT, MAX_LIMIT, PageRequest, decode_cursor
from venmo_api.http import fields
from venmo_api.http.bodies import sentence
from venmo_api.http.problems import InvalidBody

Model = TypeVar("Model", bound="Query")
KEPT_MOST = 1024
"""Queries of a kind whose reading is remembered: most people ask the same few. They are frozen, so nobody alters what
another is given."""


class Query(BaseModel):
    """Base of every query: unknown parameters are refused, so that a typing error is not silently ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PageQuery(Query):
    """Every list takes these."""

    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT, json_schema_extra={"format": "int32"})] = DEFAULT_LIMIT
    cursor: Annotated[fields.Cursor | None, Field(description="`next_cursor` of the page before")] = None

    @property
    def page(self) -> PageRequest:
        """Raises InvalidField for a cursor this service did not give."""
        return PageRequest(limit=self.limit, after=decode_cursor(self.cursor) if self.cursor is not None else None)


def query(model: type[Model]) -> Any:
    """Reads the query as ``model``: ``asked: Annotated[FeedQuery, query(FeedQuery)]``. ``openapi`` finds the model."""

    @lru_cache(maxsize=KEPT_MOST)
    def parsed(query_string: bytes) -> Model:
        asked = QueryParams(query_string).multi_items()
        values = dict(asked)
        if len(values) != len(asked):
            raise InvalidField("?", "A query parameter is given twice; give it once.")
        try:
            return model.model_validate(values)
        except ValidationError as error:
            items = error.errors(include_url=False, include_input=False)
            raise InvalidBody([FieldError(f"?{item['loc'][0]}", sentence(item)) for item in items]) from None

    async def read(request: Request) -> Model:
        return parsed(request.scope["query_string"])

    read.query_model = model  # type: ignore[attr-defined]
    return Depends(read)


def path_id(name: str, prefix: str, unknown: type[AppError]) -> Any:
    """Reads a public id from the path; what cannot be one is ``unknown``, like one that nobody has."""

    async def read(request: Request) -> UUID:
        found = ids.decode(prefix, request.path_params[name])
        if found is None:
            raise unknown  # each takes no arguments
        return found

    read.path_parameter = (name, fields.id_form(prefix))  # type: ignore[attr-defined]
    return Depends(read)


Paging = Annotated[PageQuery, query(PageQuery)]
