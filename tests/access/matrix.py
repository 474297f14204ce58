"""The matrix: each operation of a thing, asked by everybody, by each method; and what the answers gave away."""

import re
from collections.abc import Iterator
from typing import Any

import httpx2

from tests.access.scene import SECRET, Scene
from tests.access.table import NAMES_PEOPLE, NEVER_SEEN, OPEN, OWN, QUERIES, ROLES, SAID, THINGS, WORDS, Thing
from tests.conftest import new_key

METHODS = ("get", "post", "put", "patch", "delete")
ABSENT = "0" * 32


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, path and operation of all there is."""
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield method, path, item[method]


def uncovered(document: dict[str, Any]) -> list[str]:
    """What the table does not say of the document, says wrongly, or says of nothing."""
    things = {name for thing in THINGS.values() for name in thing.operations}
    found = []
    seen = set()
    for _, path, operation in operations(document):
        name = operation["operationId"]
        seen.add(name)
        if sum(name in part for part in (things, OPEN, OWN, NAMES_PEOPLE)) != 1:
            found.append(f"{name} stands in the table not exactly once")
        names_a_thing = set(named(document, path, operation))
        if names_a_thing and name in OPEN | OWN:
            found.append(f"{name} names a thing ({', '.join(sorted(names_a_thing))}); say whose")
        if (name in OPEN) is any(operation.get("security", [])):
            found.append(f"{name} is open, or is not, and the table says otherwise")
    return found + [f"{name} is no operation" for name in (things | OPEN | OWN | NAMES_PEOPLE) - seen]


def named(document: dict[str, Any], path: str, operation: dict[str, Any]) -> Iterator[str]:
    """What of an operation can name somebody's thing: a parameter of the path; whatever ends in ``_id``."""
    for parameter in operation.get("parameters", []):
        if parameter["in"] == "path" and parameter["name"] not in WORDS:
            yield parameter["name"]
        if (
            parameter["in"] == "query"
            and parameter["name"] not in WORDS
            and (parameter["name"].endswith("_id") or parameter["name"] in ("subject", "actor"))
        ):
            yield parameter["name"]
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    yield from (name for name in _properties(document, body, set()) if name.endswith("_id"))


def _properties(document: dict[str, Any], schema: Any, seen: set[str]) -> Iterator[str]:
    if isinstance(schema, list):
        for inner in schema:
            yield from _properties(document, inner, seen)
    if not isinstance(schema, dict):
        return
    reference = schema.get("$ref")
    if isinstance(reference, str) and reference not in seen:
        seen.add(reference)
        yield from _properties(document, document["components"]["schemas"][reference.rpartition("/")[2]], seen)
    if isinstance(schema.get("properties"), dict):
        yield from schema["properties"]
    for inner in schema.values():
        yield from _properties(document, inner, seen)


async def broken(on: Scene, thing: Thing) -> list[str]:
    """Everything that went otherwise than the table says."""
    found = []
    places = {operation["operationId"]: (method, path) for method, path, operation in operations(on.document)}
    for name, expected in thing.operations.items():
        method, path = places[name]
        for role in ROLES[::-1]:  # who is refused first: what they tried must have done nothing
            found += await _asked(on, thing, name, role, method=method, path=path, expected=expected.get(role))
    for path in {places[name][1] for name in thing.operations}:
        found += await _other_methods(on, thing, path)
    return found


async def _asked(
    on: Scene, thing: Thing, name: str, role: str, *, method: str, path: str, expected: int | None
) -> list[str]:
    thing_id = await thing.make(on)
    answer = await _send(on, thing, name, role, method=method, path=path, thing_id=thing_id)
    wanted = 401 if role == "anonymous" else expected or 404
    found = []
    if answer.status_code != wanted:
        found.append(f"{name} by {role}: {answer.status_code} instead of {wanted}")
    if wanted in (401, 404) or (name in NEVER_SEEN and role != "owner"):
        told = answer.text
        if SECRET in told or (on.people["owner"] and on.owner.email in told):
            found.append(f"{name} by {role} tells what is the owner's")
    if wanted == 404 and "{" in path:
        absent = thing_id[: -len(ABSENT)] + ABSENT
        nowhere = await _send(on, thing, name, role, method=method, path=path, thing_id=absent)
        if _without_id(nowhere) != _without_id(answer):
            found.append(f"{name} by {role}: what is the owner's is told apart from what is not there")
    if name in NEVER_SEEN and role not in ("owner", "anonymous") and answer.json().get("state") != "never_seen":
        found.append(f"{name} by {role} tells of the owner's")
    return found


async def _send(
    on: Scene, thing: Thing, name: str, role: str, *, method: str, path: str, thing_id: str
) -> httpx2.Response:
    body = thing.bodies[name](thing_id) if name in thing.bodies else None
    return await on.send(
        role, method.upper(), _place(path, thing_id), body=body, key=new_key(), params=QUERIES.get(name)
    )


async def _other_methods(on: Scene, thing: Thing, path: str) -> list[str]:
    """A method that there is not does nothing, whoever asks."""
    found = []
    thing_id = await thing.make(on)
    place = _place(path, thing_id)
    for method in METHODS:
        if method in on.document["paths"][path]:
            continue
        for role in ROLES:
            answer = await on.send(role, method.upper(), place, body={})
            if answer.status_code != 405:
                found.append(f"{method.upper()} {path} by {role}: {answer.status_code} instead of 405")
    return found


def _place(path: str, thing_id: str) -> str:
    """``thing_id``: one id, or those of all that the thing is in, outermost first."""
    given = iter(thing_id.split())
    for parameter in re.findall(r"{(\w+)}", path):
        path = path.replace(f"{{{parameter}}}", SAID.get(parameter) or next(given))
    return path


def _without_id(answer: httpx2.Response) -> tuple[int, dict[str, Any]]:
    document = answer.json()
    document.pop("request_id", None)
    return answer.status_code, document
