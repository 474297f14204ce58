"""The OpenAPI document, completed: request bodies, security, idempotency headers, every error."""

import json
import re
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from starlette.routing import BaseRoute

from venmo_api.http import fields, links
from venmo_api.http.dependencies import KEY_FORM
from venmo_api.http.parameters import Query
from venmo_api.http.problems import MEDIA_TYPE
from venmo_api.http.routes import UNMETERED

REF = "#/components/schemas/{model}"
INFO: dict[str, Any] = {
    "contact": {"name": "Who runs this service"},
    "license": {"name": "No licence is granted", "identifier": "LicenseRef-None"},
}
SERVER = {"url": "/", "description": "production, staging or local: where this document came from", "x-internal": False}
TAGS = {
    "auth": "Who somebody is: signing in, sessions, devices and second factors.",
    "people": "Signing up, profiles, contacts and friends.",
    "wallet": "Balances, banks and cards, money in and out.",
    "transfers": "Paying people.",
    "requests": "Asking people for money.",
    "splits": "Sharing an expense among many.",
    "holds": "Authorising now, capturing later.",
    "limits": "What may still be sent, brought in and taken out.",
    "feed": "Who paid whom, as far as the reader may see it.",
    "live": "What happens, as it happens.",
    "inbox": "What somebody is told, and where besides.",
    "statements": "What an account did.",
    "operations": "What became of a request whose answer was lost.",
    "admin": "For staff.",
    "sandbox": "What stands for the outside world on a laptop. Never in production.",
    "problems": "What each refusal means.",
    "health": "For load balancers.",
}
PROBLEM = {
    "type": "object",
    "description": "RFC 9457 problem document; some problems have further members, told where they are raised",
    "required": ["type", "title", "status", "detail", "code", "request_id"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference", "maxLength": 100, "description": "explains the code"},
        "title": {"type": "string", "maxLength": 200, "pattern": fields.VISIBLE},
        "status": {"type": "integer", "format": "int32", "minimum": 400, "maximum": 599},
        "detail": {"type": "string", "maxLength": 2000, "pattern": fields.VISIBLE},
        "code": {
            "type": "string",
            "maxLength": 64,
            "pattern": "^[a-z0-9_]+$",
            "description": "stable; switch on this",
        },
        "request_id": {"type": "string", "maxLength": 64, "pattern": "^[A-Za-z0-9_-]+$"},
        "errors": {
            "type": "array",
            "maxItems": 1000,
            "items": {
                "type": "object",
                "properties": {
                    "pointer": {"type": "string", "maxLength": 200, "pattern": "^[^\\u0000]*$"},
                    "detail": {"type": "string", "maxLength": 1000, "pattern": "^[^\\u0000]*$"},
                },
            },
        },
    },
    "examples": [
        {
            "type": "/problems/insufficient_funds",
            "title": "Not enough money",
            "status": 402,
            "detail": "Your balance does not cover this. Top up, or pay less.",
            "code": "insufficient_funds",
            "request_id": "5f0c6e3a9b1d4c7e8a2f6b0d",
        }
    ],
}
LINE = {"type": "string", "maxLength": 255, "pattern": "^[ -~]*$"}
CENTS = {"type": "integer", "format": "int64", "minimum": 0, "maximum": fields.EXACT_MOST}
REHEARSAL = {
    "type": "object",
    "description": "What a dry run tells: nothing was moved or kept",
    "required": ["dry_run", "status", "answer", "balances", "limits"],
    "properties": {
        "dry_run": {"const": True},
        "status": {"type": "integer", "format": "int32", "minimum": 200, "maximum": 299},
        "answer": {"type": "object", "description": "what would be answered"},
        "balances": {
            "type": "object",
            "description": "cents, by kind of balance, `before` and `after`",
            "additionalProperties": {"type": "object", "additionalProperties": CENTS},
        },
        "limits": {
            "type": "array",
            "maxItems": 10,
            "items": {
                "type": "object",
                "properties": {"limit": LINE, "left_before": CENTS, "left_after": CENTS},
            },
        },
    },
}
REHEARSED = {
    "description": "With `dry_run`: what would happen",
    "content": {"application/json": {"schema": {"$ref": REF.format(model="Rehearsal")}}},
}
SECONDS = {"type": "integer", "format": "int32", "minimum": 0, "maximum": 604_800}
HEADERS: dict[str, dict[str, Any]] = {
    "X-Request-Id": {"description": "names this request in our logs", "schema": LINE},
    "RateLimit": {"description": "what is left of the quota, where there is one", "schema": LINE},
    "RateLimit-Policy": {"description": "the quota, where there is one", "schema": LINE},
    "Retry-After": {"description": "seconds to wait before another try", "schema": SECONDS},
    "Access-Control-Allow-Origin": {"description": "the origin, if the settings let it in; else none", "schema": LINE},
    "WWW-Authenticate": {"description": "Bearer", "schema": LINE},
    "Idempotent-Replayed": {"description": "`true` when this answer was given before", "schema": LINE},
}
ALWAYS = ("X-Request-Id", "Access-Control-Allow-Origin")
QUOTA = ("RateLimit", "RateLimit-Policy")
ALSO = {"401": ("WWW-Authenticate",), "429": ("Retry-After",), "503": ("Retry-After",), "409": ("Retry-After",)}
BEARER = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "The `access_token` of a sign-in: ES256 and nothing else, every claim required (RFC8725).",
}
STAFF = BEARER | {
    "description": "The `access_token` of somebody on the staff, whose role is looked up each time (RFC8725)."
}
COMMON = {"500": "Something broke on our side", "503": "Try again after `Retry-After` seconds"}
LIMITED = {"429": "Too many requests; try again after `Retry-After` seconds"}
UNREADABLE = {"422": "Some fields are not right"}
SIGNED_IN = {"401": "Sign in first", "404": "Nothing of yours by that name"}
WITH_BODY = {
    "400": "The request cannot be read",
    "413": "The body is too large",
    "415": "Send JSON",
}
MONEY = {"402": "Refused: not enough money, or the bank said no", "409": "The first request is still running"}
KEY_HEADER = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "description": "8 to 255 visible ASCII characters, new for each payment, the same for each retry",
    "schema": {"type": "string"} | KEY_FORM,
    "example": "0193d5c2-lunch-with-bob",
}


def install(app: FastAPI) -> None:
    """Make ``app.openapi`` return the complete document."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _document(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    document["info"] |= INFO
    document["servers"] = [SERVER]
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    components["securitySchemes"] = {"bearer": BEARER, "staff": STAFF}
    components["headers"] = HEADERS
    schemas["Problem"] = PROBLEM
    schemas["Rehearsal"] = REHEARSAL
    models: list[type[BaseModel]] = []
    used: set[str] = set()
    for route in _api_routes(app.routes):
        marks = _marks(route.dependant)
        for method in route.methods or ():
            path = document["paths"].get(route.path_format, {})
            if operation := path.get(method.lower()):
                _complete(operation, marks, route.path_format)
                used |= set(operation["tags"])
        models += [marks[name] for name in ("body_model", "query_model") if name in marks]
    document["tags"] = [{"name": tag, "description": about} for tag, about in TAGS.items() if tag in used]
    _, definitions = models_json_schema([(model, "validation") for model in models], ref_template=REF)
    queries = {marks.__name__ for marks in models if issubclass(marks, Query)}
    schemas.update({name: schema for name, schema in definitions["$defs"].items() if name not in queries})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    links.draw(document)
    return _plainly_named(document)


def _complete(operation: dict[str, Any], marks: dict[str, Any], path: str) -> None:
    metered = UNMETERED not in operation["tags"]
    errors = COMMON | (LIMITED | UNREADABLE if metered else {})
    parameters = _path_parameters(path, marks["path_parameters"]) + _query_parameters(marks.get("query_model"))
    if parameters:
        operation["parameters"] = parameters + operation.get("parameters", [])
    scheme = "staff" if "admin" in operation["tags"] else marks.get("security")
    operation["security"] = [{scheme: []}] if scheme else [{}]
    if "security" in marks:
        errors |= SIGNED_IN
    if "body_model" in marks:
        reference = {"$ref": REF.format(model=marks["body_model"].__name__)}
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": reference}}}
        errors |= WITH_BODY
        if "dry_run" in marks["body_model"].model_fields:
            operation["responses"].setdefault("200", dict(REHEARSED))
    if "optional_header" in marks:
        operation.setdefault("parameters", []).append(KEY_HEADER | {"required": False})
    if "header" in marks:
        operation.setdefault("parameters", []).append(KEY_HEADER)
        errors |= MONEY
    # What the route itself says of an error stands before what is said of all.
    own = {status: answer["description"] for status, answer in operation["responses"].items() if status[0] in "45"}
    for status, description in sorted((errors | own).items()):
        content = {MEDIA_TYPE: {"schema": {"$ref": REF.format(model="Problem")}}}
        operation["responses"][status] = {"description": description, "content": content}
    for status, answer in operation["responses"].items():
        replayed = ("Idempotent-Replayed",) if "header" in marks and status < "500" else ()
        names = (*ALWAYS, *(QUOTA if metered else ()), *ALSO.get(status, ()), *replayed)
        answer["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _path_parameters(path: str, told: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """``told``: the form of each, by name, where its dependency says it."""
    names = re.findall(r"{(\w+)}", path)
    opaque = {"maxLength": 255, "pattern": "^[!-~]+$"}
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"} | told.get(name, opaque)}
        for name in names
    ]


def _query_parameters(model: type[Query] | None) -> list[dict[str, Any]]:
    if model is None:
        return []
    schema = model.model_json_schema(ref_template=REF)
    required = schema.get("required", [])
    return [
        {"name": name, "in": "query", "required": name in required, "schema": _there(property_)}
        for name, property_ in schema["properties"].items()
    ]


def _there(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of a parameter that is given: it is left out rather than null."""
    choices = [choice for choice in schema.get("anyOf", ()) if choice != {"type": "null"}]
    if len(choices) != 1:
        return schema
    told = {name: value for name, value in schema.items() if name not in ("anyOf", "default")}
    given: dict[str, Any] = choices[0] | told
    return given


def _plainly_named(document: dict[str, Any]) -> dict[str, Any]:
    """Schemas of one name in several features are told apart by the feature: ``HoldsStatus``."""
    text = json.dumps(document)
    for long in sorted(name for name in document["components"]["schemas"] if "__" in name):
        feature, _, name = long.removeprefix("venmo_api__").partition("__")
        text = text.replace(json.dumps(long), json.dumps(plain := feature.title() + name.rpartition("__")[2]))
        text = text.replace(json.dumps(REF.format(model=long)), json.dumps(REF.format(model=plain)))
    named: dict[str, Any] = json.loads(text)
    return named


def _marks(dependant: Dependant) -> dict[str, Any]:
    """What the dependencies of a route say of themselves: ``body_model``, ``query_model``, ``security``, ``header``;
    and of ``path_parameters`` the form of each."""
    marks: dict[str, Any] = {"path_parameters": {}}
    for inner in dependant.dependencies:
        for name in ("body_model", "query_model", "security", "header", "optional_header"):
            if hasattr(inner.call, name):
                marks[name] = getattr(inner.call, name)
        if told := getattr(inner.call, "path_parameter", None):
            name, form = told
            marks["path_parameters"][name] = form
    return marks


def _api_routes(routes: list[BaseRoute]) -> list[APIRoute]:
    return [route for route in routes if isinstance(route, APIRoute)]
