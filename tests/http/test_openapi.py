"""The OpenAPI document is complete, and the docs page needs nobody else's server."""

import itertools
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from fastapi.openapi.models import OpenAPI
from fastapi.routing import APIRoute

from tests.conftest import PASSWORD, Person, World, new_key, new_name
from venmo_api.main import adapters, create_app
from venmo_api.settings import Settings

METHODS = ("get", "post", "put", "patch", "delete")
BODYLESS = {"signOut", "sendContactCode", "replacePayCode", "cancelTransfer", "voidHold"} | {
    "declineRequest",
    "cancelRequest",
    "remindOfRequest",
    "beginTotp",
    "beginPasskey",
    "renewRecoveryCodes",
    "askPasskeyForStepUp",
    "block",
}
PUT_WITH_BODY = {"chooseNotifications", "snoozeRule"}
OPEN = {
    "signUp",
    "signIn",
    "refreshTokens",
    "askPasswordReset",
    "resetPassword",
    "undoContactChange",
    "live",
    "readMessages",
    "ready",
    "getKeys",
    "meetChallenge",
    "sendChallengeCode",
    "askPasskeyForChallenge",
    "listProblems",
    "explainProblem",
}
RETRIED = {"refreshTokens"}
"""Take an Idempotency-Key or none."""
MONEY = {
    "pay",
    "topUp",
    "cashOut",
    "refund",
    "makeRequest",
    "acceptRequest",
    "splitExpense",
    "placeHold",
    "captureHold",
}


@pytest.fixture
async def document(world: World) -> dict[str, Any]:
    answer = await world.client.get("/openapi.json")
    assert answer.headers["content-type"].startswith("application/json")
    found: dict[str, Any] = answer.json()
    return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield method, path, item[method]


def schemas(part: object, place: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(part, dict):
        if isinstance(part.get("type"), str) and "in" not in part:
            yield place, part
        for name, inner in part.items():
            if name not in ("examples", "example"):
                yield from schemas(inner, f"{place}/{name}")
    elif isinstance(part, list):
        for number, inner in enumerate(part):
            yield from schemas(inner, f"{place}/{number}")


def references(part: object) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for inner in part.values():
            yield from references(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from references(inner)


def test_it_is_openapi_3_1_and_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    OpenAPI.model_validate(document)
    assert document["openapi"].startswith("3.1")
    assert document["info"]["title"]
    for reference in references(document):
        found: Any = document
        assert reference.startswith("#/")
        for step in reference[2:].split("/"):
            found = found[step]
        assert found


def test_no_schema_is_there_for_nothing(document: dict[str, Any]) -> None:
    used = {reference.rpartition("/")[2] for reference in references(document)}
    assert used == {*document["components"]["schemas"], *document["components"]["headers"]}


def test_operations_are_told_apart_tagged_and_described(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(names) == len(set(names))
    for method, path, operation in operations(document):
        assert operation["tags"], (method, path)
        assert operation.get("summary") or operation.get("description"), (method, path)


async def test_every_route_of_the_app_is_in_the_document(document: dict[str, Any], settings: Settings) -> None:
    app = create_app(settings, adapters(settings))
    documented = {(method.upper(), path) for method, path, _ in operations(document)}
    routes = set()
    for context in app.routes:
        if isinstance(context, APIRoute) and context.include_in_schema:
            routes |= {(method, context.path_format) for method in context.methods - {"HEAD"}}
    wanted = {
        ("POST", "/v1/auth/sign-up"),
        ("POST", "/v1/auth/token"),
        ("POST", "/v1/auth/refresh"),
        ("POST", "/v1/auth/logout"),
        ("GET", "/v1/me"),
        ("PATCH", "/v1/me"),
        ("GET", "/v1/users"),
        ("GET", "/v1/users/{user_id}"),
        ("GET", "/v1/friends"),
        ("PUT", "/v1/friends/{user_id}"),
        ("DELETE", "/v1/friends/{user_id}"),
        ("GET", "/v1/wallet"),
        ("POST", "/v1/wallet/funding-sources"),
        ("GET", "/v1/wallet/funding-sources"),
        ("POST", "/v1/wallet/top-ups"),
        ("POST", "/v1/transfers"),
        ("GET", "/v1/transfers"),
        ("GET", "/v1/transfers/{transfer_id}"),
        ("GET", "/v1/feed"),
        ("GET", "/v1/stories/{story_id}"),
        ("GET", "/livez"),
        ("GET", "/readyz"),
    }
    assert documented >= routes | wanted


def test_nothing_is_without_a_bound_or_a_form(document: dict[str, Any]) -> None:
    """A field of http/fields.py says both."""
    loose = [
        (place, told)
        for place, told in schemas(document)
        if (told.get("type") == "string" and not {"maxLength", "enum", "const"} & told.keys())
        or (
            told.get("type") == "integer"
            and not ({"format", "maximum"} <= told.keys() and {"minimum", "exclusiveMinimum"} & told.keys())
            and "const" not in told
        )
        or (told.get("type") == "array" and "maxItems" not in told)
    ]
    assert loose == []
    assert not [name for name in document["components"]["schemas"] if "__" in name]


def test_tags_are_described_and_answers_lead_on(document: dict[str, Any]) -> None:
    assert {tag for _, _, operation in operations(document) for tag in operation["tags"]} == {
        tag["name"] for tag in document["tags"] if tag["description"]
    }
    paid = document["paths"]["/v1/transfers"]["post"]["responses"]["201"]["links"]
    assert paid["getTransferById"] == {
        "operationId": "getTransfer",
        "parameters": {"transfer_id": "$response.body#/id"},
    }


def test_headers_and_dry_runs_are_told(document: dict[str, Any]) -> None:
    for method, path, operation in operations(document):
        metered = operation["tags"] != ["health"]
        for status, told in operation["responses"].items():
            assert ("RateLimit" in told["headers"]) is metered, (method, path, status)
        assert ("429" in operation["responses"]) is metered
        assert not metered or any(status.startswith("4") for status in operation["responses"])
    assert "200" in document["paths"]["/v1/transfers"]["post"]["responses"]


async def test_each_type_of_a_problem_is_explained_where_it_says(world: World) -> None:
    refused = (await world.client.get("/v1/me")).json()
    answer = await world.client.get(refused["type"])
    assert answer.status_code == 200
    assert answer.json()["code"] == refused["code"]
    assert answer.json()["status"] == refused["status"] == 401
    known = (await world.client.get("/problems")).json()["data"]
    assert {"insufficient_funds", "internal_error", "not_found"} <= {problem["code"] for problem in known}
    assert all(problem["meaning"] for problem in known)
    assert (await world.client.get("/problems/nothing_like_it")).status_code == 404


async def test_a_route_without_a_query_refuses_one(world: World) -> None:
    person = await world.person()
    answer = await person.get("/wallet", verbose="1")
    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_parameter")
    assert (await world.client.get("/livez", params={"probe": "1"})).status_code == 200


def test_every_error_is_a_problem_document(document: dict[str, Any]) -> None:
    for method, path, operation in operations(document):
        errors = {status: told for status, told in operation["responses"].items() if status >= "400"}
        assert {"500", "503"} <= set(errors), (method, path)
        for status, told in errors.items():
            assert set(told["content"]) == {"application/problem+json"}, (method, path, status)
            assert told["content"]["application/problem+json"]["schema"] == {"$ref": "#/components/schemas/Problem"}
        assert any(status < "300" for status in operation["responses"])


def test_bodies_security_and_idempotency_are_told(document: dict[str, Any]) -> None:
    for method, path, operation in operations(document):
        name = operation["operationId"]
        if (method in ("post", "patch") and name not in BODYLESS) or name in PUT_WITH_BODY:
            schema = operation["requestBody"]["content"]["application/json"]["schema"]
            assert operation["requestBody"]["required"] is True
            assert document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]["additionalProperties"] is False
            assert {"400", "413", "415", "422"} <= set(operation["responses"]), (method, path)
        else:
            assert "requestBody" not in operation
        assert (operation["security"] == [{}]) is (name in OPEN), (method, path)
        assert ("401" in operation["responses"]) or name in OPEN
        headers = {told["name"]: told for told in operation.get("parameters", []) if told["in"] == "header"}
        assert ("Idempotency-Key" in headers) is (name in MONEY | RETRIED), (method, path)
        if name in MONEY:
            assert headers["Idempotency-Key"]["required"] is True
            assert {"400", "402", "409", "422"} <= set(operation["responses"])
        named = set(re.findall(r"{(\w+)}", path))
        assert named == {told["name"] for told in operation.get("parameters", []) if told["in"] == "path"}
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"


async def send_twice(person: Person) -> httpx2.Response:
    await person.post("/me/contacts/email/code")
    return await person.post("/me/contacts/email/code")


async def verify_twice(person: Person) -> httpx2.Response:
    await person.verify("email")
    return await person.post("/me/contacts/email/verify", {"code": "123456"})


async def test_errors_that_happen_are_errors_that_are_documented(world: World, document: dict[str, Any]) -> None:
    alice, bob = await world.person(money=100), await world.person()
    sign_up = {"username": new_name(), "display_name": "A", "email": "a@example.com", "password": PASSWORD}
    paid = {"recipient": {"user_id": bob.id}, "amount": 1, "note": "x"}
    key = new_key()
    await alice.post("/transfers", paid, key=key)
    nobody = "usr_" + "0" * 32
    happened = {
        "signUp": [await world.client.post("/v1/auth/sign-up", json=sign_up | {"username": alice.username})],
        "signIn": [await world.client.post("/v1/auth/token", json={"identifier": "nobody_here", "password": "x"})],
        "refreshTokens": [await world.client.post("/v1/auth/refresh", json={"refresh_token": "x" * 20})],
        "befriend": [await alice.put(f"/friends/{alice.id}"), await alice.put(f"/friends/{nobody}")],
        "getUser": [await alice.get(f"/users/{nobody}")],
        "searchUsers": [await alice.get("/users", query="")],
        "readFeed": [await alice.get("/feed", scope="x"), await world.client.get("/v1/feed")],
        "getStory": [await alice.get("/stories/x")],
        "sendContactCode": [await alice.post("/me/contacts/phone/code"), await send_twice(alice)],
        "verifyContact": [await bob.post("/me/contacts/email/verify", {"code": "123456"}), await verify_twice(bob)],
        "verifyIdentity": [
            await alice.post("/me/identity", {"token": token}) for token in ("sandbox_identity_failed", "junk")
        ],
        "driveClock": [await alice.post("/sandbox/clock", {"advance_seconds": 0})],
        "readInbox": [await alice.get("/sandbox/inbox", limit=0)],
        "getTransfer": [await alice.get("/transfers/x")],
        "addFundingSource": [await alice.post("/wallet/funding-sources", {"token": "junk"})],
        "topUp": [await alice.post("/wallet/top-ups", {"funding_source_id": "fs_x", "amount": 1}, key=new_key())],
        "pay": [
            await alice.post("/transfers", paid | {"amount": 101}, key=new_key()),
            await alice.post("/transfers", paid | {"amount": 2}, key=key),
            await alice.post("/transfers", paid | {"recipient": {"user_id": nobody}}, key=new_key()),
            await alice.post("/transfers", paid),
        ],
    }
    told = {operation["operationId"]: set(operation["responses"]) for _, _, operation in operations(document)}
    missing = {
        (name, answer.status_code)
        for name, answers in happened.items()
        for answer in answers
        if str(answer.status_code) not in told[name]
    }
    assert missing == set()
    assert all(answer.status_code >= 400 for answer in itertools.chain(*happened.values()))


async def test_what_the_docs_page_loads_comes_from_here(world: World) -> None:
    page = await world.client.get("/docs")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    loaded = re.findall(r"""(?:src|href|url)\s*[=:]\s*["']([^"']+)["']""", page.text)
    assert len(loaded) >= 3
    for address in loaded:
        assert not urlsplit(address).netloc, address
        answer = await world.client.get(address)
        assert answer.status_code == 200, address
        assert answer.content
    style = next(address for address in loaded if address.endswith(".css"))
    sheet = (await world.client.get(style)).text
    assert not re.findall(r"(?:@import|url\()\s*[\"']?(?:https?:)?//", sheet)
    assert not re.findall(r"//(?!test)[\w.-]+\.(?:com|net|org|io)\b", page.text)


async def test_the_document_names_no_host_of_a_development_machine(document: dict[str, Any]) -> None:
    text = json.dumps(document)
    assert "localhost" not in text
    assert "127.0.0.1" not in text
