"""Fees: cents from cents, rounded half up, never all of a payment."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from venmo_api.core.fees import card_fee, instant_fee, seller_fee
from venmo_api.core.figures import Figures
from venmo_api.core.money import MAX_AMOUNT_CENTS

FIGURES = Figures()
AMOUNTS = st.integers(1, MAX_AMOUNT_CENTS)


@pytest.mark.parametrize(
    ("amount", "fee"), [(1, 0), (16, 0), (17, 1), (49, 1), (50, 2), (100, 3), (1250, 38), (10_000, 300)]
)
def test_a_card_costs_three_percent(amount: int, fee: int) -> None:
    assert card_fee(amount, FIGURES) == fee


@pytest.mark.parametrize(
    ("amount", "fee"), [(1, 0), (2, 1), (10, 9), (11, 10), (12, 10), (26, 10), (27, 11), (1000, 29), (10_000, 200)]
)
def test_a_seller_pays_one_point_nine_percent_and_ten_cents_but_never_all_of_it(amount: int, fee: int) -> None:
    assert seller_fee(amount, FIGURES) == fee


@pytest.mark.parametrize(
    ("amount", "fee"),
    [
        (26, 25),
        (100, 25),
        (1428, 25),
        (1429, 25),
        (1457, 25),
        (1458, 26),
        (10_000, 175),
        (142_857, 2500),
        (10**7, 2500),
    ],
)
def test_an_instant_cash_out_costs_one_and_three_quarters_percent_within_bounds(amount: int, fee: int) -> None:
    assert instant_fee(amount, FIGURES) == fee


@given(AMOUNTS)
def test_a_fee_is_whole_cents_nearest_to_its_share(amount: int) -> None:
    assert abs(card_fee(amount, FIGURES) * 10_000 - amount * 300) <= 5_000
    assert 0 <= seller_fee(amount, FIGURES) < amount
    assert 25 <= instant_fee(amount, FIGURES) <= 2500
    assert {type(fee(amount, FIGURES)) for fee in (card_fee, seller_fee, instant_fee)} == {int}


@given(AMOUNTS, AMOUNTS)
def test_more_never_costs_less(one: int, other: int) -> None:
    less, more = sorted((one, other))
    for fee in (card_fee, seller_fee, instant_fee):
        assert fee(less, FIGURES) <= fee(more, FIGURES)


def test_the_figures_are_what_is_charged() -> None:
    dear = Figures(card_fee_bp=10_000, seller_fee_bp=0, seller_fee_fixed=7, instant_fee_least=3, instant_fee_most=4)
    assert card_fee(123, dear) == 123
    assert seller_fee(1000, dear) == 7
    assert (instant_fee(1, dear), instant_fee(10_000, dear)) == (3, 4)
