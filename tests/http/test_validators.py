"""ETag, If-None-Match and 304; and who may keep which answer."""

import pytest
from fastapi import Request

from venmo_api.http.validators import BY_READER, ONES_OWN, conditional, tag_of

BODY = b'{"note":"lunch"}'
TAG = tag_of(BODY)
OTHER = tag_of(b"{}")


def asking(*shown: str) -> Request:
    """A GET that shows these lines of If-None-Match."""
    lines = [(b"if-none-match", line.encode("latin-1")) for line in shown]
    return Request({"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": lines})


@pytest.mark.parametrize(
    "shown",
    [
        [f'"{TAG}"'],
        [f'W/"{TAG}"'],
        ["*"],
        [" * "],
        [f'"{OTHER}", "{TAG}"'],
        [f'"{OTHER}",W/"{TAG}" , "x"'],
        [f'"a,b", "{TAG}"'],
        [f'"{OTHER}"', f'"{TAG}"'],
        [f', ,"{TAG}"'],
        [f'"\xfc", "{TAG}"'],
    ],
)
def test_who_has_it_is_told_so_without_it(shown: list[str]) -> None:
    answer = conditional(asking(*shown), BODY)
    assert (answer.status_code, answer.body) == (304, b"")
    assert answer.headers["etag"] == f'"{TAG}"'
    assert (answer.headers["cache-control"], answer.headers["vary"]) == (ONES_OWN, BY_READER)
    assert "content-type" not in answer.headers
    assert "content-length" not in answer.headers


@pytest.mark.parametrize(
    "shown",
    [
        [],
        [f'"{OTHER}"'],
        [TAG],
        [f'"{TAG.upper()}"'],
        [f'"{TAG[:-1]}"'],
        [f'" {TAG}"'],
        [f'"{OTHER}" *'],
        ['"*"'],
        [""],
        ['"'],
        [f"'{TAG}'"],
    ],
)
def test_who_has_it_not_gets_it(shown: list[str]) -> None:
    answer = conditional(asking(*shown), BODY)
    assert (answer.status_code, answer.body) == (200, BODY)
    assert answer.headers["etag"] == f'"{TAG}"'
    assert answer.headers["content-type"] == "application/json"
    assert int(answer.headers["content-length"]) == len(BODY)


def test_each_other_byte_is_another_tag() -> None:
    bodies = [BODY[:at] + bytes([BODY[at] ^ bit]) + BODY[at + 1 :] for at in range(len(BODY)) for bit in (1, 128)]
    assert len({TAG, *map(tag_of, bodies)}) == 1 + len(bodies)


def test_what_is_for_everybody_may_say_so() -> None:
    answer = conditional(
        asking(), b"<svg/>", cache_control="public, max-age=300", vary=None, media_type="image/svg+xml"
    )
    assert answer.headers["cache-control"] == "public, max-age=300"
    assert answer.headers["content-type"] == "image/svg+xml"
    assert "vary" not in answer.headers
