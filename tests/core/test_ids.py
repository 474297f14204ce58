"""Public ids: one spelling a UUID, and nothing else is an id."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from venmo_api.core import ids

SOME = UUID("0194d2f0-1111-7abc-8def-0123456789ab")
PREFIXES = [ids.USER, ids.TRANSFER, ids.STORY, ids.FUNDING_SOURCE, ids.TOP_UP, ids.SESSION]


def test_an_id_is_its_prefix_and_the_hex_digits() -> None:
    assert ids.encode("tr_", SOME) == "tr_0194d2f011117abc8def0123456789ab"


def test_kinds_of_ids_have_their_own_prefixes() -> None:
    assert len(set(PREFIXES)) == len(PREFIXES)
    assert (ids.USER, ids.TRANSFER, ids.STORY) == ("usr_", "tr_", "sty_")


@given(value=st.uuids(), prefix=st.sampled_from(PREFIXES))
def test_an_id_comes_back_as_it_went(value: UUID, prefix: str) -> None:
    assert ids.decode(prefix, ids.encode(prefix, value)) == value


@given(one=st.uuids(), other=st.uuids())
def test_ids_sort_as_their_uuids(one: UUID, other: UUID) -> None:
    assert (ids.encode("tr_", one) < ids.encode("tr_", other)) == (one < other)


@given(text=st.text(max_size=40))
def test_whatever_decodes_is_the_one_spelling_of_its_id(text: str) -> None:
    for candidate in (text, "tr_" + text):
        value = ids.decode("tr_", candidate)
        assert value is None or ids.encode("tr_", value) == candidate


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tr_",
        SOME.hex,
        "usr_" + SOME.hex,
        "tr_" + SOME.hex.upper(),
        "tr_" + str(SOME),
        "tr_" + SOME.hex[:-1],
        "tr_" + SOME.hex + "0",
        "TR_" + SOME.hex,
        " tr_" + SOME.hex,
        "tr_" + "g" * 32,
        "tr_" + "٣" * 32,
        "tr_" + "{" + SOME.hex[:30] + "}",
        "tr_" + "-" * 32,
    ],
)
def test_garbage_is_no_id(text: str) -> None:
    assert ids.decode("tr_", text) is None


@pytest.mark.parametrize(
    "digits",
    ["0" * 31 + "\n", " " + "0" * 31, "0x" + "0" * 30, "+" + "0" * 31, "0" * 15 + "_" + "0" * 16],
    ids=["newline", "space", "0x", "plus", "underscore"],
)
def test_what_only_a_lenient_number_parser_reads_is_no_id(digits: str) -> None:
    assert ids.decode("tr_", "tr_" + digits) is None
