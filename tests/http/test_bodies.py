"""What a body may be like: how deep, in which encoding, compressed by nobody."""

import json
import time

import httpx2
import pytest

from tests.conftest import World
from venmo_api.http.bodies import DEPTH_MOST, MAX_BODY_BYTES, Body, parse
from venmo_api.http.problems import InvalidBody, MalformedBody

JSON = {"Content-Type": "application/json"}


def nested(levels: int, *, by: str = "[") -> bytes:
    return b"[" * levels + b"]" * levels if by == "[" else b'{"a":' * levels + b"1" + b"}" * levels


async def told(world: World, body: bytes, **headers: str) -> tuple[int, str]:
    answer: httpx2.Response = await world.client.post("/v1/auth/token", content=body, headers=JSON | headers)
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["detail"]


@pytest.mark.parametrize("by", ["[", "{"])
async def test_a_body_nests_as_deep_as_it_may_and_no_deeper(world: World, by: str) -> None:
    status, _ = await told(world, nested(DEPTH_MOST, by=by))
    assert status == 422
    status, detail = await told(world, nested(DEPTH_MOST + 1, by=by))
    assert (status, detail) == (400, f"The body nests deeper than {DEPTH_MOST} levels.")


@pytest.mark.parametrize(
    "flat",
    [json.dumps(["[" * 100, '\\"{' * 100]).encode(), b"[" + b"{}," * 500 + b"{}]", b'{"a": "' + b"[{" * 500 + b'"}'],
)
def test_brackets_in_strings_and_side_by_side_are_not_depth(flat: bytes) -> None:
    with pytest.raises(InvalidBody):
        parse(Body, flat)


def test_depth_behind_a_string_that_looks_like_its_end_is_found() -> None:
    with pytest.raises(MalformedBody, match="deeper"):
        parse(Body, b'["\\\\", ' + nested(DEPTH_MOST) + b"]")


@pytest.mark.parametrize("hostile", [b'"' + b'\\"' * 32_000, b"[" * 40 + b'\\"' * 32_000, b"[" * 40 + b'"\\' * 32_000])
def test_no_body_takes_long_to_be_judged(hostile: bytes) -> None:
    began = time.process_time()
    with pytest.raises(MalformedBody):
        parse(Body, hostile[:MAX_BODY_BYTES])
    assert time.process_time() - began < 1  # milliseconds; walking through it again and again takes minutes


@pytest.mark.parametrize("media", ["application/json; charset=latin-1", 'application/json; Charset="utf-16"'])
async def test_another_charset_is_refused(world: World, media: str) -> None:
    status, detail = await told(world, b"{}", **{"Content-Type": media})
    assert (status, detail) == (415, "Send the body with Content-Type: application/json, in UTF-8.")


@pytest.mark.parametrize("media", ["application/json; charset=UTF-8", 'application/json;charset="utf-8"'])
async def test_utf_8_by_name_is_taken(world: World, media: str) -> None:
    assert (await told(world, b"{}", **{"Content-Type": media}))[0] == 422


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "identity, gzip", ""])
async def test_a_compressed_body_is_refused(world: World, encoding: str) -> None:
    status, detail = await told(world, b"{}", **{"Content-Encoding": encoding})
    assert (status, detail) == (415, "Send the body as it is, without a Content-Encoding.")
    assert (await told(world, b"{}", **{"Content-Encoding": "Identity"}))[0] == 422


async def test_after_a_413_the_connection_ends(world: World) -> None:
    answer = await world.client.post("/v1/auth/token", content=b" " * (MAX_BODY_BYTES + 1), headers=JSON)
    assert (answer.status_code, answer.headers["connection"]) == (413, "close")
