"""Links of the document: where the id of one answer is what another request asks for."""

from collections.abc import Iterator
from typing import Any

REF = "#/components/schemas/"


def draw(document: dict[str, Any]) -> None:
    """Let each answer that holds an id link to every request with such an id in its path: the form tells of what."""
    schemas = document["components"]["schemas"]
    targets = list(_asking(document))
    for operation in _operations(document):
        for status, answer in operation["responses"].items():
            model = answer.get("content", {}).get("application/json", {}).get("schema", {}).get("$ref", "")
            if status[0] != "2" or not model:
                continue
            drawn = {
                f"{target}By{place.title().replace('/', '')}": {
                    "operationId": target,
                    "parameters": {name: f"$response.body#{place}"},
                }
                for place, form in _ids(schemas, schemas[model.removeprefix(REF)])
                for target, name, wanted in targets
                if form == wanted
            }
            if drawn:
                answer["links"] = drawn


def _operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for item in document["paths"].values():
        yield from item.values()


def _asking(document: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Operation, name and form of each id in a path."""
    for operation in _operations(document):
        for parameter in operation.get("parameters", ()):
            form = parameter["schema"].get("pattern", "")
            if parameter["in"] == "path" and form.endswith("[0-9a-f]{32}$"):
                yield operation["operationId"], parameter["name"], form


def _ids(schemas: dict[str, Any], schema: dict[str, Any], place: str = "") -> Iterator[tuple[str, str]]:
    """Where in an answer ids stand: its own, those of what it is made of, those of the first in its list."""
    for name, told in schema.get("properties", {}).items():
        if name == "id" and "pattern" in told:
            yield f"{place}/id", told["pattern"]
        elif "$ref" in told and not place:
            yield from _ids(schemas, schemas[told["$ref"].removeprefix(REF)], f"/{name}")
        elif name == "data" and "$ref" in told.get("items", {}):
            yield from _ids(schemas, schemas[told["items"]["$ref"].removeprefix(REF)], "/data/0")
