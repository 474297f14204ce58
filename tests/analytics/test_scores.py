"""Scores of a ranking, on rankings small enough to count by hand."""

import numpy as np
import pytest

from venmo_api.analytics import scores


def test_each_day_the_most_suspicious_cards_are_looked_at_and_those_caught_are_out() -> None:
    day = np.array([0, 0, 0, 0, 1, 1, 1])
    customer = np.array([1, 1, 2, 3, 1, 2, 3])
    said = np.array([0.9, 0.1, 0.8, 0.2, 0.9, 0.3, 0.8])
    fraud = np.array([False, True, False, True, True, True, True])
    # Day 0: cards 1 (one of its payments was fraud) and 2. Day 1 without card 1: cards 3 and 2.
    assert scores.card_precision(said, fraud, customer=customer, day=day, most=2) == pytest.approx((0.5 + 1.0) / 2)


def test_fewer_cards_than_can_be_looked_at_count_as_misses() -> None:
    one = np.array([0])
    assert scores.card_precision(np.array([0.5]), np.array([True]), customer=one, day=one) == 0.01


def test_precision_of_the_most_suspicious() -> None:
    said, fraud = np.array([0.1, 0.9, 0.8, 0.7]), np.array([True, True, False, True])
    assert scores.precision_at(said, fraud, 2) == 0.5
    assert scores.precision_at(said[:0], fraud[:0], 2) == 0


def test_calibration_tells_what_was_said_and_what_was() -> None:
    rng = np.random.default_rng(0)
    odds = rng.random(50_000) ** 3
    bins = scores.calibration(odds, rng.random(50_000) < odds)
    assert len(bins) == scores.BINS - 1
    assert sum(one.payments for one in bins) == 50_000
    assert all(abs(one.said - one.were) < 0.03 for one in bins)
    shy = scores.calibration(odds / 2, rng.random(50_000) < odds)  # a planted fault shows
    assert any(abs(one.said - one.were) > 0.2 for one in shy)
    assert scores.calibration(odds, np.zeros(50_000, dtype=np.bool_)) == []
