"""GET /problems and /problems/{code}: in plain words, what each `type` of a problem document means."""

from collections.abc import Iterator
from functools import cache
from inspect import getdoc
from typing import Annotated

from fastapi import Depends, Request, Response
from pydantic import BaseModel, Field

from venmo_api.core.errors import AppError, NotFound
from venmo_api.http import fields, routes
from venmo_api.http.dependencies import json_response
from venmo_api.http.problems import FRAMEWORK_CODES, STATUS
from venmo_api.http.routes import Answers

router = routes.router("/problems", tag="problems")
UNKNOWN: Answers = {404: {"description": "No problem has this code"}}
MEANING = {
    400: "The request could not be read. Mend it; sent again as it is, it fails again.",
    401: "Nobody is signed in, or what was shown is wrong, used up, out of date or revoked.",
    402: "It was understood and refused: the money, the bank or a provider said no. Nothing was moved.",
    403: "You are known, and may not do this, or must show more before you do.",
    404: "There is nothing of yours by that name. What others keep private looks the same as what does not exist.",
    405: "The header `Allow` names the methods this resource takes.",
    409: "It does not fit what has happened meanwhile. Look again, then decide.",
    413: "Send less.",
    415: "Send `Content-Type: application/json`.",
    422: "Each member of `errors` points at a field and says what is wrong with it. Nothing was done.",
    429: "Too often. Wait for as many seconds as `Retry-After` says.",
    500: "Our fault. It was logged under the `request_id`. A money request may be sent again under the same key.",
    503: "Something is away for the moment. Wait for as many seconds as `Retry-After` says, and send the same again.",
}


class ProblemOut(BaseModel):
    code: Annotated[str, fields.text(64)]
    status: Annotated[int, Field(ge=400, le=599, json_schema_extra=fields.INT32)]
    title: Annotated[str, fields.text(200)]
    meaning: Annotated[str, fields.text(2000)]


class ProblemList(BaseModel):
    data: Annotated[list[ProblemOut], Field(max_length=1000)]


@router.get("", operation_id="listProblems", response_model=ProblemList)
async def list_problems() -> Response:
    """Every code a problem document can have."""
    return json_response({"data": [_known()[code] for code in sorted(_known())]})


async def _problem(request: Request) -> dict[str, object]:
    found = _known().get(request.path_params["code"])
    if found is None:
        raise NotFound("No problem has this code.")
    return found


_problem.path_parameter = ("code", {"maxLength": 64, "pattern": "^[a-z0-9_]+$"})  # type: ignore[attr-defined]


@router.get("/{code}", operation_id="explainProblem", responses=UNKNOWN, response_model=ProblemOut)
async def explain_problem(problem: Annotated[dict[str, object], Depends(_problem)]) -> Response:
    """What a problem with this code means, and what to do about it."""
    return json_response(problem)


@cache
def _known() -> dict[str, dict[str, object]]:
    """By code. Asked after every module was imported, so every refusal is there."""
    known = {code: _explained(code, status, title) for status, (code, title) in FRAMEWORK_CODES.items()}
    known["internal_error"] = _explained("internal_error", 500, "Something broke on our side")
    for error in _refusals(AppError):
        status: int = getattr(error, "status", STATUS[error.kind])
        known[error.code] = _explained(error.code, status, error.title, getdoc(error) if error.__doc__ else None)
    return known


def _refusals(base: type[AppError]) -> Iterator[type[AppError]]:
    for error in base.__subclasses__():
        if "code" in vars(error):
            yield error
        yield from _refusals(error)


def _explained(code: str, status: int, title: str, about: str | None = None) -> dict[str, object]:
    own = " ".join(about.split()).replace("``", "`") + " " if about else ""
    return {"code": code, "status": status, "title": title, "meaning": own + MEANING[status]}
