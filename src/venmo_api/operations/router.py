"""GET /v1/operations/{key}."""

from enum import StrEnum
from typing import Annotated, Any

import orjson
from fastapi import Depends, Request, Response
from pydantic import BaseModel

from venmo_api.auth.actor import SignedIn
from venmo_api.http import fields, routes
from venmo_api.http.dependencies import KEY_FORM, App, IdempotencyKeyInvalid, is_key, json_response
from venmo_api.http.routes import Answers
from venmo_api.idempotency import service as idempotency
from venmo_api.idempotency.service import Operation

router = routes.router("/v1/operations", tag="operations")


async def _key(request: Request) -> str:
    key: str = request.path_params["key"]
    if not is_key(key):
        raise IdempotencyKeyInvalid
    return key


_key.path_parameter = ("key", KEY_FORM)  # type: ignore[attr-defined]
Key = Annotated[str, Depends(_key)]
NO_KEY: Answers = {400: {"description": "This cannot be a key"}}


class State(StrEnum):
    NEVER_SEEN = "never_seen"
    IN_FLIGHT = "in_flight"
    COMMITTED = "committed"
    REFUSED = "refused"


class OperationOut(BaseModel):
    """``result`` is the answer that was given when it committed, ``code`` why it was refused. ``route`` tells which
    kind of request it was: ``pay``, ``refund``, ``request``, ``accept``, ``split``, ``hold``, ``capture``, ``top-up``
    or ``cash-out``."""

    key: fields.Opaque
    state: State
    route: Annotated[str, fields.text(30)] | None
    result: dict[str, Any] | None
    code: Annotated[str, fields.text(64)] | None


@router.get("/{key}", operation_id="getOperation", responses=NO_KEY, response_model=OperationOut)
async def operation(app: App, actor: SignedIn, key: Key) -> Response:
    """What became of your request under this Idempotency-Key; the newest, if you used it on several routes.

    `never_seen` says it moved nothing so far. Send the request again under the same key to have it carried out once.
    """
    found = await app.database.transact(idempotency.operation, app, actor.user_id, key)
    return json_response(_document(key, found))


def _document(key: str, found: Operation | None) -> dict[str, Any]:
    document: dict[str, Any] = {"key": key, "state": State.NEVER_SEEN, "route": None, "result": None, "code": None}
    if found is None:
        return document
    document["route"] = found.route
    if found.reply is None:
        return document | {"state": State.IN_FLIGHT}
    answer = orjson.loads(found.reply.body)
    if found.reply.status >= 400:
        return document | {"state": State.REFUSED, "code": answer["code"]}
    return document | {"state": State.COMMITTED, "result": answer}
