"""The OpenAPI document, completed: request bodies, security, idempotency headers, every error."""

import re
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from starlette.routing import BaseRoute

from venmo_api.http.parameters import Query
from venmo_api.http.problems import MEDIA_TYPE

REF = "#/components/schemas/{model}"
PROBLEM = {
    "type": "object",
    "description": "RFC 9457 problem document",
    "required": ["type", "title", "status", "detail", "code", "request_id"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string", "description": "stable; switch on this"},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"pointer": {"type": "string"}, "detail": {"type": "string"}},
            },
        },
    },
}
COMMON = {"500": "Something broke on our side", "503": "Try again after `Retry-After` seconds"}
SIGNED_IN = {"401": "Sign in first", "404": "Nothing of yours by that name"}
WITH_BODY = {
    "400": "The request cannot be read",
    "413": "The body is too large",
    "415": "Send JSON",
    "422": "Some fields are not right",
}
MONEY = {"402": "Refused: not enough money, or the bank said no", "409": "The first request is still running"}
KEY_HEADER = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "description": "8 to 255 visible ASCII characters, new for each payment, the same for each retry",
    "schema": {"type": "string", "minLength": 8, "maxLength": 255, "pattern": "^[!-~]+$"},
}


def install(app: FastAPI) -> None:
    """Make ``app.openapi`` return the complete document."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _document(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes, tags=app.openapi_tags
    )
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    components["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}
    schemas["Problem"] = PROBLEM
    models: list[type[BaseModel]] = []
    for route in _api_routes(app.routes):
        marks = _marks(route.dependant)
        for method in route.methods or ():
            path = document["paths"].get(route.path_format, {})
            if operation := path.get(method.lower()):
                _complete(operation, marks, route.path_format)
        models += [marks[name] for name in ("body_model", "query_model") if name in marks]
    _, definitions = models_json_schema([(model, "validation") for model in models], ref_template=REF)
    queries = {marks.__name__ for marks in models if issubclass(marks, Query)}
    schemas.update({name: schema for name, schema in definitions["$defs"].items() if name not in queries})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    return document


def _complete(operation: dict[str, Any], marks: dict[str, Any], path: str) -> None:
    errors = dict(COMMON)
    parameters = _path_parameters(path) + _query_parameters(marks.get("query_model"))
    if parameters:
        operation["parameters"] = parameters
        errors |= {"422": WITH_BODY["422"]} if "query_model" in marks else {}
    if "security" in marks:
        operation["security"] = [{marks["security"]: []}]
        errors |= SIGNED_IN
    if "body_model" in marks:
        reference = {"$ref": REF.format(model=marks["body_model"].__name__)}
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": reference}}}
        errors |= WITH_BODY
    if "header" in marks:
        operation.setdefault("parameters", []).append(KEY_HEADER)
        errors |= MONEY
    # What the route itself says of an error stands before what is said of all.
    own = {status: answer["description"] for status, answer in operation["responses"].items() if status[0] in "45"}
    for status, description in sorted((errors | own).items()):
        content = {MEDIA_TYPE: {"schema": {"$ref": REF.format(model="Problem")}}}
        operation["responses"][status] = {"description": description, "content": content}


def _path_parameters(path: str) -> list[dict[str, Any]]:
    names = re.findall(r"{(\w+)}", path)
    return [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names]


def _query_parameters(model: type[Query] | None) -> list[dict[str, Any]]:
    if model is None:
        return []
    schema = model.model_json_schema(ref_template=REF)
    required = schema.get("required", [])
    return [
        {"name": name, "in": "query", "required": name in required, "schema": property_}
        for name, property_ in schema["properties"].items()
    ]


def _marks(dependant: Dependant) -> dict[str, Any]:
    """What the dependencies of a route say of themselves: ``body_model``, ``query_model``, ``security``, ``header``."""
    marks: dict[str, Any] = {}
    for inner in dependant.dependencies:
        for name in ("body_model", "query_model", "security", "header"):
            if hasattr(inner.call, name):
                marks[name] = getattr(inner.call, name)
    return marks


def _api_routes(routes: list[BaseRoute]) -> list[APIRoute]:
    return [route for route in routes if isinstance(route, APIRoute)]
