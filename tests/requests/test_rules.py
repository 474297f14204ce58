"""The division of an expense, to the cent, and the laws of a request's steps."""

import dataclasses
import itertools
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from venmo_api.core.figures import Figures
from venmo_api.core.money import MAX_AMOUNT_CENTS
from venmo_api.idempotency.rules import Claim
from venmo_api.requests import rules
from venmo_api.requests.rules import (
    Divide,
    Method,
    PartsBelowTotal,
    PartsExceedTotal,
    RemindedAlready,
    Request,
    RequestNotPending,
    RequestStatus,
)
from venmo_api.users.rules import Audience, Card, Party

AT = datetime(2026, 11, 20, tzinfo=UTC)
ALICE, BOB = (Card(UUID(int=number), name, name.title(), None) for number, name in enumerate(("alice", "bob"), 1))
PENDING = Request(
    id=UUID(int=9),
    status=RequestStatus.PENDING,
    amount=1000,
    currency="USD",
    note="dinner",
    audience=None,
    requester=ALICE,
    payer=BOB,
    created_at=AT,
    expires_at=AT + timedelta(days=30),
)
TOTALS = st.integers(min_value=1, max_value=MAX_AMOUNT_CENTS)
WEIGHTS = st.lists(st.integers(min_value=1, max_value=rules.SHARES_MOST), min_size=1, max_size=51)


@given(TOTALS, WEIGHTS)
def test_the_parts_are_the_total_and_nobody_is_a_cent_off_their_quota(total: int, weights: list[int]) -> None:
    parts = rules.divide(total, weights)
    assert sum(parts) == total
    for part, weight in zip(parts, weights, strict=True):
        assert total * weight // sum(weights) <= part <= -(-total * weight // sum(weights))


@given(TOTALS, st.integers(min_value=1, max_value=51))
def test_equal_parts_differ_by_a_cent_at_most_and_the_first_named_have_it(total: int, people: int) -> None:
    parts = rules.divide(total, [1] * people)
    assert parts == sorted(parts, reverse=True)
    assert parts[0] - parts[-1] <= 1


@given(TOTALS, WEIGHTS)
def test_who_weighs_more_has_no_less(total: int, weights: list[int]) -> None:
    by_weight: dict[int, list[int]] = {}
    for part, weight in zip(rules.divide(total, weights), weights, strict=True):
        by_weight.setdefault(weight, []).append(part)
    ordered = [by_weight[weight] for weight in sorted(by_weight)]
    assert all(max(lighter) <= min(heavier) for lighter, heavier in itertools.pairwise(ordered))


@given(TOTALS, WEIGHTS)
def test_who_carries_nothing_has_no_cent(total: int, weights: list[int]) -> None:
    assert rules.divide(total, [*weights, 0])[-1] == 0


@pytest.mark.parametrize(
    ("total", "weights", "parts"),
    [
        (100, [1, 1, 1], [34, 33, 33]),
        (101, [1, 1, 1], [34, 34, 33]),
        (1, [1, 1, 1], [1, 0, 0]),
        (1000, [1, 2, 3], [167, 333, 500]),
        (10, [7, 1, 1, 1], [7, 1, 1, 1]),
        (5, [1, 9], [1, 4]),
        (1, [1, 999], [0, 1]),
    ],
)
def test_cents_that_are_left_go_to_the_largest_remainders(total: int, weights: list[int], parts: list[int]) -> None:
    assert rules.divide(total, weights) == parts


def _divide(method: Method, measures: tuple[int, ...], own: int | None, total: int = 100) -> Divide:
    claim = Claim(ALICE.id, "split", "the-only-key", (b"",), AT)
    people = tuple(UUID(int=number) for number in range(len(measures)))
    return Divide(claim, total, "USD", "dinner", method, people, measures, own, None)


def test_the_creator_comes_last() -> None:
    assert rules.shares(_divide(Method.EQUAL, (1, 1), 1)) == ([34, 33], 33)
    assert rules.shares(_divide(Method.EQUAL, (1, 1), 0)) == ([50, 50], 0)
    assert rules.shares(_divide(Method.SHARES, (1, 2), 1)) == ([25, 50], 25)


def test_exact_parts_leave_the_rest_to_the_creator() -> None:
    assert rules.shares(_divide(Method.EXACT, (30, 30), None)) == ([30, 30], 40)
    assert rules.shares(_divide(Method.EXACT, (30, 70), None)) == ([30, 70], 0)
    assert rules.shares(_divide(Method.EXACT, (30, 70), 0)) == ([30, 70], 0)
    with pytest.raises(PartsExceedTotal, match=r"\$1\.01"):
        rules.shares(_divide(Method.EXACT, (31, 70), None))
    with pytest.raises(PartsBelowTotal, match=r"\$0\.01"):
        rules.shares(_divide(Method.EXACT, (29, 70), 0))


@given(TOTALS, WEIGHTS, st.sampled_from([Method.EQUAL, Method.SHARES]), st.booleans())
def test_all_parts_and_the_creator_s_are_the_total(
    total: int, weights: list[int], method: Method, carries: bool
) -> None:
    parts, own = rules.shares(_divide(method, tuple(weights), int(carries), total))
    assert sum(parts) + own == total
    assert carries or own == 0


def test_a_request_expires_at_its_moment() -> None:
    moment = PENDING.expires_at
    assert rules.as_of(PENDING, moment - timedelta(microseconds=1)) is PENDING
    expired = rules.as_of(PENDING, moment)
    assert (expired.status, expired.ended_at, expired.ended_by) == (RequestStatus.EXPIRED, moment, None)
    declined = rules.withdraw(PENDING, BOB.id, at=AT)
    assert rules.as_of(declined, moment) is declined


def test_what_somebody_ended_stays_as_it_is_for_them_and_is_refused_to_the_other() -> None:
    declined = rules.withdraw(PENDING, BOB.id, at=AT + timedelta(hours=1))
    assert rules.withdraw(declined, BOB.id, at=AT + timedelta(hours=2)) is declined
    with pytest.raises(RequestNotPending, match="@bob declined"):
        rules.withdraw(declined, ALICE.id, at=AT)
    with pytest.raises(RequestNotPending, match="@alice withdrew"):
        rules.withdraw(rules.withdraw(PENDING, ALICE.id, at=AT), BOB.id, at=AT)


def test_nothing_ends_before_it_began() -> None:
    assert rules.withdraw(PENDING, BOB.id, at=AT - timedelta(seconds=1)).ended_at == AT


def test_a_reminder_is_due_again_exactly_after_its_time() -> None:
    figures = Figures()
    once = rules.remind(PENDING, at=AT, figures=figures)
    assert (once.reminders, once.reminded_at) == (1, AT)
    next_day = AT + timedelta(seconds=figures.reminder_seconds)
    with pytest.raises(RemindedAlready) as refused:
        rules.remind(once, at=next_day - timedelta(microseconds=1), figures=figures)
    assert refused.value.retry_after_seconds == 1
    assert rules.remind(once, at=next_day, figures=figures).reminders == 2


@pytest.mark.parametrize(
    ("own", "asked", "said", "expected"),
    [
        ("friends", None, None, "friends"),
        ("friends", None, "public", "public"),
        ("public", "friends", None, "friends"),
        ("public", "friends", "public", "friends"),
        ("public", "public", "private", "private"),
        ("private", "public", None, "private"),
    ],
)
def test_the_strictest_wish_holds(own: str, asked: str | None, said: str | None, expected: str) -> None:
    command = rules.Accept(
        claim=Claim(BOB.id, "accept", "the-only-key", (b"",), AT),
        accepted_id=PENDING.id,
        transfer_id=UUID(int=5),
        audience=Audience(said) if said else None,
        confirmation=None,
        request_id="r",
        rehearsed=False,
    )
    request = dataclasses.replace(PENDING, audience=Audience(asked) if asked else None)
    payment = rules.payment(command, request, Party(BOB, Audience(own)))
    assert payment.audience == expected
    assert (payment.sender_id, payment.recipient, payment.settles) == (BOB.id, ALICE.id, PENDING.id)
