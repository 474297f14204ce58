"""Keyset cursors: what was handed out comes back, garbage is refused, and pages neither skip nor repeat."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from venmo_api.core.errors import InvalidField, Kind
from venmo_api.core.paging import PageRequest, cut, decode_cursor, encode_cursor

SOME = UUID("0194d2f0-1111-7abc-8def-0123456789ab")


@given(value=st.uuids())
def test_a_cursor_comes_back_as_it_went(value: UUID) -> None:
    assert decode_cursor(encode_cursor(value)) == value


@given(value=st.uuids())
def test_a_cursor_fits_into_a_url_as_it_is(value: UUID) -> None:
    cursor = encode_cursor(value)
    assert cursor.isascii()
    assert cursor.replace("-", "a").replace("_", "a").isalnum()


@pytest.mark.parametrize(
    "garbage",
    [
        "",
        "x",
        "AAAA",
        encode_cursor(SOME) + "A",
        encode_cursor(SOME) + "==",
        encode_cursor(SOME)[:-1],
        encode_cursor(SOME) + "\n",
        " " + encode_cursor(SOME),
        str(SOME),
        SOME.hex,
        "é" * 22,
        "🍕" * 22,
        "\x00" * 22,
        "\ud800" * 22,
        "A" * 10_000,
    ],
)
def test_a_cursor_this_service_did_not_give_is_refused(garbage: str) -> None:
    with pytest.raises(InvalidField) as refused:
        decode_cursor(garbage)
    assert refused.value.kind is Kind.INVALID
    assert [field.pointer for field in refused.value.fields] == ["?cursor"]
    assert len(garbage) < 5 or garbage not in refused.value.detail


@given(text=st.text(max_size=30))
def test_what_is_read_as_a_cursor_is_the_only_spelling_of_it(text: str) -> None:
    try:
        value = decode_cursor(text)
    except InvalidField:
        return
    assert encode_cursor(value) == text


def test_the_last_bits_of_a_cursor_cannot_be_varied() -> None:
    cursor = encode_cursor(UUID(int=0))
    assert cursor == "A" * 22
    with pytest.raises(InvalidField):
        decode_cursor("A" * 21 + "B")


def test_a_page_asks_for_25_rows_from_the_start_unless_told_otherwise() -> None:
    assert PageRequest() == PageRequest(limit=25, after=None)


@given(rows=st.lists(st.uuids(), unique=True, max_size=40), limit=st.integers(1, 10))
def test_walking_the_pages_meets_every_row_once(rows: list[UUID], limit: int) -> None:
    rows.sort(reverse=True)
    seen: list[UUID] = []
    after: UUID | None = None
    while True:
        beyond = [row for row in rows if after is None or row < after]
        page = cut(beyond[: limit + 1], limit, lambda row: row)
        assert len(page.rows) <= limit
        seen += page.rows
        if page.next_cursor is None:
            break
        after = decode_cursor(page.next_cursor)
    assert seen == rows


def test_an_exactly_full_last_page_says_that_it_is_the_last() -> None:
    rows = [UUID(int=3), UUID(int=2)]
    assert cut(rows, 2, lambda row: row).next_cursor is None
    assert cut([], 2, lambda row: row).next_cursor is None
