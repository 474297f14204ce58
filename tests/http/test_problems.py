"""Every error is a problem document with a code and the request's id, and tells nothing it should not."""

import json
from collections.abc import AsyncIterator

import httpx2
import pytest
from structlog.testing import capture_logs

from tests.conftest import Person, World, new_key
from venmo_api.main import adapters, create_app
from venmo_api.settings import Settings

LIMIT = 64 * 1024
JSON = {"Content-Type": "application/json"}


def is_problem(answer: httpx2.Response, status: int, code: str | None = None) -> dict[str, object]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, object] = answer.json()
    assert {"type", "title", "status", "detail", "code", "request_id"} <= set(body)
    assert body["status"] == status
    assert body["request_id"] == answer.headers["x-request-id"]
    assert isinstance(body["title"], str)
    assert body["title"]
    if code is not None:
        assert body["code"] == code
    return body


@pytest.mark.parametrize(
    "path", ["/nothing", "/v1", "/v1/", "/v1/nothing", "/v2/me", "/v1/me/", "/livez/", "/%00", "/v1/%ff"]
)
async def test_an_unknown_path_is_a_problem(world: World, path: str) -> None:
    is_problem(await world.client.get(path), 404, "not_found")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", "/v1/me"),
        ("GET", "/v1/auth/token"),
        ("PUT", "/v1/transfers"),
        ("POST", "/livez"),
        ("TRACE", "/v1/me"),
    ],
)
async def test_a_method_that_is_not_taken_is_a_problem_that_names_those_that_are(
    world: World, method: str, path: str
) -> None:
    answer = await world.client.request(method, path)
    is_problem(answer, 405, "method_not_allowed")
    assert answer.headers["allow"]


async def test_nobody_is_a_problem(world: World) -> None:
    answer = await world.client.get("/v1/me")
    is_problem(answer, 401, "not_signed_in")
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def _pieces(size: int) -> AsyncIterator[bytes]:
    for start in range(0, size, 4096):
        yield b" " * min(4096, size - start)


@pytest.mark.parametrize("how", ["content-length", "chunked", "content-length that lies"])
async def test_a_body_over_64_kib_is_refused_and_one_of_64_kib_is_read(world: World, how: str) -> None:
    for size, status in ((LIMIT + 1, 413), (LIMIT, 400), (10 * LIMIT, 413)):
        headers = dict(JSON)
        content: bytes | AsyncIterator[bytes] = b" " * size
        if how != "content-length":
            content = _pieces(size)
        if how == "content-length that lies":
            headers["Content-Length"] = "10"
        answer = await world.client.post("/v1/auth/token", content=content, headers=headers)
        is_problem(answer, status, "body_too_large" if status == 413 else "malformed_body")


async def test_a_body_too_large_is_refused_before_money_moves(world: World) -> None:
    alice, bob = await world.person(money=100), await world.person()
    body = json.dumps({"recipient": {"user_id": bob.id}, "amount": 1, "note": "x"}).encode().ljust(LIMIT + 1)
    headers = alice.headers | JSON | {"Idempotency-Key": new_key()}
    is_problem(await world.client.post("/v1/transfers", content=body, headers=headers), 413)
    assert await alice.balance() == 100


@pytest.mark.parametrize(
    "media", ["text/plain", "", "application/x-www-form-urlencoded", "application/jsonx", "application/xml"]
)
async def test_another_media_type_is_a_problem(world: World, media: str) -> None:
    answer = await world.client.post("/v1/auth/token", content=b"{}", headers={"Content-Type": media})
    is_problem(answer, 415, "unsupported_media_type")


@pytest.mark.parametrize("media", ["application/json; charset=utf-8", "Application/JSON", "application/json ;x=y"])
async def test_json_with_parameters_is_json(world: World, media: str) -> None:
    answer = await world.client.post("/v1/auth/token", content=b"{}", headers={"Content-Type": media})
    is_problem(answer, 422, "validation_failed")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"{}x",
        b"{} {}",
        b"\xff\xfe{}",
        b"\xef\xbb\xbf{}",
        b"{'a': 1}",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": -Infinity}',
        b'{"a": 01}',
        b'{"a": 1,}',
        b'{"identifier": "abc", "identifier": "abc"}',
        b'{"a": {"b": 1, "b": 2}}',
        b'{"identifier": "abc", "\\u0069dentifier": "abd"}',
        b"[" * 30_000,
        b'{"a":' * 10_000,
        b'{"a": ' + b"9" * 5000 + b"}",
        b"\x00",
        b'"\xc3\x28"',
    ],
)
async def test_what_is_not_one_json_document_is_a_problem(world: World, body: bytes) -> None:
    is_problem(await world.client.post("/v1/auth/token", content=body, headers=JSON), 400, "malformed_body")


@pytest.mark.parametrize(
    "body", [b"[]", b"null", b"1", b'"x"', b"true", b'{"identifier": "\\ud800abc", "password": "x"}']
)
async def test_json_of_another_shape_is_a_problem(world: World, body: bytes) -> None:
    answer = await world.client.post("/v1/auth/token", content=body, headers=JSON)
    assert answer.status_code in (400, 422)
    is_problem(answer, answer.status_code)


@pytest.mark.parametrize("amount", [True, "12", 1.0, 0, -1, None, [], 2**63, 10**400, 1e3, 100_000_001])
async def test_an_amount_is_a_whole_number_of_cents(world: World, payer: Person, amount: object) -> None:
    body = {"recipient": {"username": "somebody"}, "amount": amount, "note": "x"}
    answer = await payer.client.post(
        "/v1/transfers", headers=payer.headers | JSON | {"Idempotency-Key": new_key()}, content=json.dumps(body)
    )
    errors = is_problem(answer, 422, "validation_failed")["errors"]
    assert isinstance(errors, list)
    assert {error["pointer"] for error in errors} == {"/amount"}


@pytest.fixture(scope="module")
async def payer(settings: Settings) -> AsyncIterator[Person]:
    from tests.conftest import world_over

    async with world_over(settings) as world:
        yield await world.person(money=100)


async def test_pointers_repeat_no_control_characters(world: World, payer: Person) -> None:
    refused = await payer.post("/transfers", {"a\x00b\x1b": 1}, key=new_key())
    assert "/a\ufffdb\ufffd" in {error["pointer"] for error in is_problem(refused, 422)["errors"]}
    refused = await payer.client.get("/v1/feed?a%00b=1", headers=payer.headers)
    assert is_problem(refused, 422)["errors"][0]["pointer"] == "?a\ufffdb"


async def test_pointers_are_json_pointers(world: World, payer: Person) -> None:
    body = {"recipient": {"a/b~c": 1}, "amount": 1, "note": "x"}
    answer = await payer.post("/transfers", body, key=new_key())
    errors = is_problem(answer, 422)["errors"]
    assert isinstance(errors, list)
    assert "/recipient/a~1b~0c" in {error["pointer"] for error in errors}


@pytest.mark.parametrize("key", [None, "", "short77", "x" * 256, "with space", "tab\tbed00", "ümlaut00"])
async def test_a_money_request_without_a_sound_key_is_a_problem(world: World, payer: Person, key: str | None) -> None:
    headers: dict[bytes, bytes] = {name.encode(): value.encode() for name, value in payer.headers.items()}
    if key is not None:
        headers[b"Idempotency-Key"] = key.encode()
    body = {"recipient": {"username": "somebody"}, "amount": 1, "note": "x"}
    answer = await payer.client.post("/v1/transfers", headers=headers, json=body)
    is_problem(answer, 400, "idempotency_key_invalid")


async def test_a_defect_is_a_500_that_leaks_nothing_and_is_logged_once(settings: Settings) -> None:
    bundle = adapters(settings)
    app = create_app(settings, bundle)

    @app.get("/v1/defect")
    async def defect() -> None:
        raise RuntimeError("the secret of alice@example.com is 4111111111111111")

    transport = httpx2.ASGITransport(app=app)
    with capture_logs() as logs:
        async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
            answer = await client.get("/v1/defect", headers={"X-Request-Id": "my-own-request"})
    await bundle.close()
    body = is_problem(answer, 500, "internal_error")
    assert body["request_id"] == "my-own-request"
    for secret in ("secret", "alice", "4111", "RuntimeError", "Traceback", "defect"):
        assert secret not in answer.text
    errors = [entry for entry in logs if entry["log_level"] == "error"]
    assert len(errors) == 1
    assert errors[0]["request_id"] == "my-own-request"


async def test_a_request_is_logged_by_its_template_without_query_body_or_headers(world: World, payer: Person) -> None:
    with capture_logs() as logs:
        await payer.get("/users", query="needle-in-query")
        await payer.get(f"/users/{payer.id}")
    text = json.dumps(logs, default=str)
    for secret in ("needle", payer.tokens["access_token"], payer.id, payer.username):
        assert secret not in text
    lines = [entry for entry in logs if entry["event"] == "request"]
    assert [(line["method"], line["status"]) for line in lines] == [("GET", 200)] * 2
    assert lines[1]["route"].endswith("/users/{user_id}")


@pytest.mark.parametrize(
    "request_id", ["abcdefgh", "0" * 64, "6f1c2d3e-aaaa-4bbb-8ccc-123456789abc", "with_under-score"]
)
async def test_a_sane_request_id_is_kept(world: World, request_id: str) -> None:
    answer = await world.client.get("/v1/me", headers={"X-Request-Id": request_id})
    assert is_problem(answer, 401)["request_id"] == request_id


@pytest.mark.parametrize(
    "request_id",
    [
        b"",
        b"short",
        b"x" * 65,
        b"with space!",
        b"<script>alert(1)",
        b"\xffabcdefgh",
        b"a\tbcdefghi",
        b'"quoted-id"',
        b"${jndi:ldap}",
    ],
)
async def test_a_hostile_request_id_is_replaced(world: World, request_id: bytes) -> None:
    answers = [await world.client.get("/v1/me", headers={b"X-Request-Id": request_id}) for _ in range(2)]
    given = [is_problem(answer, 401)["request_id"] for answer in answers]
    assert given[0] != given[1]
    assert all(str(one).isalnum() and len(str(one)) >= 16 for one in given)


async def test_every_answer_carries_the_security_headers(world: World) -> None:
    for path in ("/livez", "/v1/me", "/v1/nothing", "/docs", "/openapi.json"):
        answer = await world.client.get(path)
        assert answer.headers["x-content-type-options"] == "nosniff"
        shared = answer.headers["cache-control"].startswith("public")
        assert shared == ("x-request-id" not in answer.headers)  # it would be that of who asked first


async def test_405_names_every_method_of_the_path(world: World) -> None:
    assert (await world.client.put("/v1/transfers")).headers["allow"] == "GET, HEAD, OPTIONS, POST"
    assert (await world.client.post("/v1/me")).headers["allow"] == "GET, HEAD, OPTIONS, PATCH"
