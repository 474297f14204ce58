"""Integer cents, and how they read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from venmo_api.core.money import CURRENCY, MAX_AMOUNT_CENTS, dollars


@pytest.mark.parametrize(
    ("cents", "text"),
    [
        (0, "$0.00"),
        (1, "$0.01"),
        (99, "$0.99"),
        (100, "$1.00"),
        (1250, "$12.50"),
        (123_456_789, "$1,234,567.89"),
        (-1, "-$0.01"),
        (-1250, "-$12.50"),
        (-100_000, "-$1,000.00"),
    ],
)
def test_cents_read_as_dollars(cents: int, text: str) -> None:
    assert dollars(cents) == text


@given(st.integers(-(2**63), 2**63 - 1))
def test_what_is_read_is_exactly_what_was_meant(cents: int) -> None:
    text = dollars(cents)
    digits = int("".join(character for character in text if character.isdigit()))
    assert (-digits if text.startswith("-") else digits) == cents


def test_a_payment_is_bounded_so_that_no_sum_can_overflow() -> None:
    assert CURRENCY == "USD"
    assert 0 < MAX_AMOUNT_CENTS * 10**9 < 2**63
