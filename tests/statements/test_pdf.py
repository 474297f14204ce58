"""The PDF file: the same bytes for the same statement, whatever people wrote, and as many pages as it takes."""

import re
import zlib
from base64 import a85decode
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.statements.test_rules import lines, statement
from venmo_api.statements import pdf
from venmo_api.statements.pdf import TEXT_MOST, legible
from venmo_api.statements.rules import Statement

NOTES = [
    "",
    "<b>&amp;",
    "Спасибо",
    "पैसा",
    "ありがとう",
    "🇺🇸 👩‍👩‍👧 🍕",
    "x" * 280,
    "𓀀" * 280,
    "🍕" * 280,
    "\u202eabc",
    "e" + "\u0301" * 4000,
]


def of(*notes: str) -> Statement:
    made = lines(500, [(-1) ** number * 100 for number in range(len(notes))])
    noted = tuple(replace(line, note=note, sender=note[:60]) for line, note in zip(made, notes, strict=True))
    return statement(500, noted, noted[-1].balance if noted else 500)


def pages(body: bytes) -> int:
    return len(re.findall(rb"/Type /Page\b", body))


def drawn(body: bytes) -> bytes:
    """What the streams of the file hold, unpacked."""
    found = b""
    for stream in re.findall(rb"stream\r?\n(.*?)endstream", body, re.S):
        try:
            found += zlib.decompress(a85decode(stream.strip().removesuffix(b"~>")))
        except (ValueError, zlib.error):
            continue
    return found


def test_the_same_statement_makes_the_same_bytes() -> None:
    first = pdf.render(of(*NOTES))
    assert first == pdf.render(of(*NOTES))
    assert first.startswith(b"%PDF-")
    assert first.rstrip().endswith(b"%%EOF")


def test_an_empty_period_is_one_page_and_a_busy_one_as_many_as_it_takes() -> None:
    assert pages(pdf.render(of())) == 1
    counted = [pages(pdf.render(of(*["lunch"] * number))) for number in (5, 200, 400)]
    assert counted[0] == 1
    assert 5 < counted[1] < counted[2] < 30


def test_the_font_is_embedded() -> None:
    body = pdf.render(of("lunch"))
    assert b"NotoSans" in body
    assert b"/FontFile2" in body
    assert drawn(body)


@pytest.mark.parametrize("note", NOTES, ids=lambda note: ascii(note[:12]))
def test_any_note_can_be_set(note: str) -> None:
    assert pages(pdf.render(of(note))) == 1


@settings(max_examples=30, deadline=None)
@given(st.text(max_size=300), st.text(max_size=60))
def test_no_text_breaks_it(note: str, other: str) -> None:
    assert pages(pdf.render(of(note, other))) >= 1


def test_what_the_font_lacks_is_named_or_marked() -> None:
    assert legible("café Ελλάδα Привет €5") == "café Ελλάδα Привет €5"
    assert legible("pizza 🍕") == "pizza [slice of pizza]"
    assert legible("👍🏽❤️") == "[thumbs up sign][heavy black heart]"
    assert legible("🇺🇸") == "US"
    assert legible("日本") == "\ufffd\ufffd"
    assert legible("a\u202eb\nc\u200d") == "ab c"
    assert len(legible("🍕" * 280)) == TEXT_MOST + 1
