"""Hostile bodies of POST /v1/transfers: each is refused by a problem document that echoes nothing, never by a 5xx."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import Person, new_key, world_over
from venmo_api.settings import Settings

SECRET = "4111-s3cr3t-1111"
DEEP = 30_000


@pytest.fixture(scope="module")
async def people(settings: Settings) -> AsyncIterator[tuple[Person, Person]]:
    async with world_over(settings) as world:
        yield await world.person("alice", money=1000), await world.person("bob")


@pytest.fixture
async def send(people: tuple[Person, Person]) -> AsyncIterator["Sender"]:
    sender = Sender(*people)
    before = await sender.alice.balance()
    yield sender
    assert await sender.alice.balance() == before


class Sender:
    """Sends bytes as Alice, and checks what every refusal must be."""

    def __init__(self, alice: Person, bob: Person) -> None:
        self.alice, self.bob = alice, bob

    def body(self, **fields: str) -> bytes:
        """A sound body whose fields are replaced by raw JSON text."""
        texts = {"recipient": json.dumps({"user_id": self.bob.id}), "amount": "1", "note": '"lunch"'} | fields
        return ("{" + ",".join(f'"{name}":{value}' for name, value in texts.items()) + "}").encode()

    async def refused(
        self, content: Any, *, content_type: str | None = "application/json"
    ) -> tuple[int, str, list[str]]:
        """Status, code and the pointers of a refusal."""
        headers = self.alice.headers | {"Idempotency-Key": new_key()}
        if content_type is not None:
            headers["Content-Type"] = content_type
        answer = await self.alice.client.post("/v1/transfers", content=content, headers=headers)
        assert 400 <= answer.status_code < 500, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        problem = answer.json()
        assert problem["status"] == answer.status_code
        assert problem["request_id"] == answer.headers["x-request-id"]
        assert {"type", "title", "detail", "code"} <= problem.keys()
        assert SECRET not in answer.text
        return answer.status_code, problem["code"], [field["pointer"] for field in problem.get("errors", [])]


@pytest.mark.parametrize(
    "amount",
    [
        "true", "false", "null", '"12"', "1.0", "1.5", "1e2", "1E2", "0", "-0", "-1", "0.0", "[]", "{}", "[1]",
        "100000001", "9223372036854775807", "9223372036854775808", "-9223372036854775809", "9" * 100, "9" * 4000,
        "1e400", "-1e400", "1e-400", '""', '"one"', f'"{SECRET}"',
    ],
    ids=lambda amount: amount[:24],
)  # fmt: skip
async def test_an_amount_is_an_integer_of_cents_and_nothing_else(send: Sender, amount: str) -> None:
    assert await send.refused(send.body(amount=amount)) == (422, "validation_failed", ["/amount"])


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "-Infinity", "01", "+1", ".5", "1.", "0x10", "1_000", "१"])
async def test_what_is_no_number_of_json_is_a_malformed_body(send: Sender, amount: str) -> None:
    assert (await send.refused(send.body(amount=amount)))[:2] == (400, "malformed_body")


async def test_an_integer_with_more_digits_than_python_reads_is_refused(send: Sender) -> None:
    assert (await send.refused(send.body(amount="9" * 10_000)))[0] in (400, 422)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("note", "1"),
        ("note", "null"),
        ("note", '["x"]'),
        ("note", '""'),
        ("note", '"  "'),
        ("note", f'"{"x" * 281}"'),
        ("note", r'"\u0000"'),
        ("note", rf'"{SECRET}\u0000"'),
        ("note", rf'"{SECRET}\u202e"'),
        ("note", r'"a\nb"'),
        ("currency", '"EUR"'),
        ("currency", '"usd"'),
        ("currency", "null"),
        ("currency", "1"),
        ("currency", f'"{SECRET}"'),
        ("audience", '"everyone"'),
        ("audience", '"Public"'),
        ("audience", "1"),
        ("audience", '["public"]'),
        ("amount_cents", "1"),
        ("unknown", f'"{SECRET}"'),
        ("__proto__", "{}"),
        ("", "1"),
    ],
)
async def test_a_field_that_is_wrong_or_unknown_is_named(send: Sender, field: str, value: str) -> None:
    assert await send.refused(send.body(**{field: value})) == (422, "validation_failed", ["/" + field])


async def test_an_unknown_field_within_is_named_by_its_escaped_pointer(send: Sender) -> None:
    recipient = f'{{"user_id": "{send.bob.id}", "a/b~c": 1}}'
    assert await send.refused(send.body(recipient=recipient)) == (
        422,
        "validation_failed",
        ["/recipient/a~1b~0c"],
    )


@pytest.mark.parametrize("missing", ["recipient", "amount", "note"])
async def test_a_missing_field_is_named(send: Sender, missing: str) -> None:
    document = json.loads(send.body())
    del document[missing]
    assert await send.refused(json.dumps(document)) == (422, "validation_failed", ["/" + missing])


@pytest.mark.parametrize(
    "ending",
    [
        b',"amount":1}',
        b',"amount":2}',
        b',"\\u0061mount":2}',
        b',"recipient":{"username":"x","username":"y"}}',
        b',"other":{"deep":{"a":1,"a":1}}}',
    ],
)
async def test_a_key_named_twice_is_refused_at_any_depth_and_in_any_spelling(send: Sender, ending: bytes) -> None:
    assert (await send.refused(send.body()[:-1] + ending))[:2] == (400, "malformed_body")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b" ",
        b"{",
        b'"',
        b"nonsense",
        b"{}{}",
        b"{} {}",
        b"{'amount': 1}",
        b'{"amount": 1,}',
        b'{"amount": 1 /* comment */}',
        b"\xef\xbb\xbf{}",
        b'{"note": "\xff\xfe"}',
        b'{"note": "\xc0\xaf"}',
        b'{"note": "\xed\xa0\x80"}',
        b'{"note": "\xf5\x80\x80\x80"}',
        b'{"note": "a\nb"}',
        b'{"note": "\\x41"}',
        '{"note": "x"}'.encode("utf-16"),
        '{"note": "x"}'.encode("utf-32"),
        b"\x00" * 100,
        b"\x1f\x8b\x08\x00" + b"\x00" * 50,
        b"[" * DEEP,
        b"[" * DEEP + b"]" * DEEP,
        b'{"a":' * (DEEP // 3) + b"1" + b"}" * (DEEP // 3),
    ],
    ids=lambda content: ascii(content[:20]),
)
async def test_a_body_that_is_not_one_json_document_in_utf_8_is_malformed(send: Sender, content: bytes) -> None:
    assert (await send.refused(content))[:2] == (400, "malformed_body")


@pytest.mark.parametrize("content", [b"null", b"[]", b"1", b'"x"', b"true", b"[{}]"])
async def test_a_document_that_is_no_object_is_refused(send: Sender, content: bytes) -> None:
    assert (await send.refused(content))[:2] == (422, "validation_failed")


@pytest.mark.parametrize("value", [r'"\ud800"', r'"\udc00"', r'"\udc00\ud800"', r'"a\uD83Db"'])
@pytest.mark.parametrize("place", ["note", "unknown", "recipient", "name"])
async def test_half_a_surrogate_pair_is_refused_wherever_it_stands(send: Sender, value: str, place: str) -> None:
    content = {
        "note": send.body(note=value),
        "unknown": send.body(unknown=value),
        "recipient": send.body(recipient=f'{{"username": {value}}}'),
        "name": send.body()[:-1] + f",{value}: 1}}".encode(),
    }[place]
    assert (await send.refused(content))[0] in (400, 422)


async def test_a_whole_surrogate_pair_is_an_emoji(people: tuple[Person, Person]) -> None:
    alice, bob = people
    body = Sender(alice, bob).body(note=r'"\ud83c\udf55"')
    headers = alice.headers | {"Idempotency-Key": new_key(), "Content-Type": "application/json"}
    answer = await alice.client.post("/v1/transfers", content=body, headers=headers)
    assert (answer.status_code, answer.json()["note"]) == (201, "🍕")


@pytest.mark.parametrize(
    "content_type",
    [None, "", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/jsonx",
     "application/problem+json", "text/json", "json"],
)  # fmt: skip
async def test_another_content_type_is_415(send: Sender, content_type: str | None) -> None:
    assert (await send.refused(send.body(), content_type=content_type))[:2] == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", "Application/JSON", "application/json;x=y"]
)
async def test_json_may_be_declared_with_parameters_and_in_any_case(
    people: tuple[Person, Person], content_type: str
) -> None:
    alice, bob = people
    headers = alice.headers | {"Idempotency-Key": new_key(), "Content-Type": content_type}
    answer = await alice.client.post("/v1/transfers", content=Sender(alice, bob).body(), headers=headers)
    assert answer.status_code == 201


async def test_a_body_of_64_kib_is_read_and_one_byte_more_is_413(send: Sender) -> None:
    filled = send.body(amount='"wrong"')
    assert (await send.refused(filled.ljust(64 * 1024)))[:2] == (422, "validation_failed")
    assert (await send.refused(filled.ljust(64 * 1024 + 1)))[:2] == (413, "body_too_large")
    assert (await send.refused(b"[" * 10_000_000))[:2] == (413, "body_too_large")


async def test_a_body_too_large_without_a_declared_length_is_413(send: Sender) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b" " * 1024

    assert (await send.refused(chunks()))[:2] == (413, "body_too_large")


def _mutants() -> Iterator[st.SearchStrategy[Any]]:
    plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
    yield st.recursive(plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(field=st.sampled_from(["recipient", "amount", "note", "currency", "audience", "more"]), value=next(_mutants()))
async def test_no_value_of_any_field_is_a_server_error(people: tuple[Person, Person], field: str, value: Any) -> None:
    alice, bob = people
    body = {"recipient": {"user_id": bob.id}, "amount": 2**40, "note": "lunch"} | {field: value}
    headers = alice.headers | {"Idempotency-Key": new_key(), "Content-Type": "application/json"}
    answer = await alice.client.post("/v1/transfers", content=json.dumps(body), headers=headers)
    assert answer.status_code in (201, 400, 402, 404, 422), answer.text


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=200))
async def test_no_bytes_are_a_server_error(people: tuple[Person, Person], content: bytes) -> None:
    assert (await Sender(*people).refused(content))[0] in (400, 422)
