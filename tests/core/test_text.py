"""What people may write: every script and every emoji, nothing that hides or reorders."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from venmo_api.core.text import is_plain


@pytest.mark.parametrize(
    "text",
    [
        "pizza",
        "pizza 🍕",
        "👨‍👩‍👧‍👦",
        "👍🏽",
        "🏳️‍🌈",
        "🇩🇪",
        "🏴󠁧󠁢󠁥󠁮󠁧󠁿",
        "1️⃣",
        "e\u0301te\u0301",
        "שלום, תודה",
        "شكرا على الغداء",
        "می‌خواهم",
        "नमस्ते क्षि",
        "ありがとう",
        "谢谢",
        "ขอบคุณ",
        "a\u00a0b",
        "<b>&amp;'; DROP TABLE users; --",
        "$5.00 %s {x} \\u0000",
    ],
)
def test_people_write_in_every_script_and_with_emoji(text: str) -> None:
    assert is_plain(text)


@pytest.mark.parametrize("emoji", ["🩷", "🫨", "🪽", "🫎"], ids=["heart", "shaking", "wing", "moose"])
def test_emoji_of_unicode_15_that_phones_have_had_since_2023_are_welcome(emoji: str) -> None:
    assert is_plain(emoji)


@pytest.mark.parametrize("code", [*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029])
def test_controls_and_line_separators_are_refused(code: int) -> None:
    assert not is_plain(f"a{chr(code)}b")


@pytest.mark.parametrize("code", [*range(0x202A, 0x202F), *range(0x2066, 0x206A)])
def test_characters_that_reorder_the_words_around_them_are_refused(code: int) -> None:
    assert not is_plain(f"pay{chr(code)}bob")


@pytest.mark.parametrize("code", [0xD800, 0xDFFF, 0xE000, 0xF8FF, 0xFFFE, 0xFFFF, 0xFDD0, 0x10FFFF])
def test_surrogates_private_use_and_noncharacters_are_refused(code: int) -> None:
    assert not is_plain(f"a{chr(code)}b")


@pytest.mark.parametrize("text", ["", " ", "   ", "\u00a0", "\u2003\u3000", "\u2007"])
def test_blank_text_is_refused(text: str) -> None:
    assert not is_plain(text)


@pytest.mark.parametrize(
    "text",
    ["\u200b", "\u200d", "\u200c", "\u2060", "\ufeff", "\u00ad", "\ufe0f", "\u200e", "\u034f", " \u200b "],
    ids=["zwsp", "zwj", "zwnj", "word-joiner", "bom", "soft-hyphen", "vs16", "lrm", "cgj", "spaced"],
)
def test_text_of_nothing_but_invisible_characters_is_refused(text: str) -> None:
    assert not is_plain(text)


@pytest.mark.parametrize(
    "text", ["\u2800", "\u3164", "\u115f", "\uffa0"], ids=["braille", "hangul", "choseong", "half"]
)
def test_letters_that_are_drawn_as_blanks_are_nothing_to_see(text: str) -> None:
    assert not is_plain(text)


@given(st.text(alphabet=st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1))
def test_printable_ascii_is_plain_unless_it_is_only_spaces(text: str) -> None:
    assert is_plain(text) == bool(text.strip(" "))


@given(before=st.text(max_size=5), after=st.text(max_size=5))
def test_no_neighbours_make_an_override_harmless(before: str, after: str) -> None:
    assert not is_plain(before + "\u202e" + after)
