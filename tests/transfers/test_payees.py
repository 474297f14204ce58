"""Whether a payer knows whom they pay: what proves it, how often digits may be guessed. Pure."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from venmo_api.core.errors import Kind
from venmo_api.transfers.payees import (
    Attempts,
    Confirmation,
    PayeeConfirmationNeeded,
    PayeeConfirmationWrong,
    judge,
)
from venmo_api.users.rules import PayeeProof

AT = datetime(2026, 11, 20, tzinfo=UTC)
DAY = timedelta(days=1)
PROOF = PayeeProof(pay_code="the-code", phone_last4="4321")
RIGHT, WRONG = Confirmation(phone_last4="4321"), Confirmation(phone_last4="0000")
CODE, WRONG_CODE = Confirmation(pay_code="the-code"), Confirmation(pay_code="another")


def test_the_right_digits_and_the_right_code_confirm() -> None:
    assert judge(RIGHT, Attempts(), PROOF, at=AT) == Attempts(confirmed=True)
    assert judge(CODE, Attempts(), PROOF, at=AT) == Attempts(confirmed=True)


@pytest.mark.parametrize(
    "given", [RIGHT, CODE, Confirmation(), Confirmation(phone_last4=""), Confirmation(pay_code="")]
)
def test_who_has_no_phone_and_no_code_cannot_be_confirmed(given: Confirmation) -> None:
    assert judge(given, Attempts(), PayeeProof(), at=AT) == Attempts(wrong=1, since=AT)


def test_nothing_given_is_a_wrong_guess() -> None:
    assert not judge(Confirmation(), Attempts(), PROOF, at=AT).confirmed


def test_a_code_that_is_wrong_is_not_saved_by_the_digits() -> None:
    both = Confirmation(phone_last4="4321", pay_code="another")
    assert not judge(both, Attempts(), PROOF, at=AT).confirmed


def test_wrong_digits_are_counted_from_the_first_of_the_day() -> None:
    once = judge(WRONG, Attempts(), PROOF, at=AT)
    assert once == Attempts(wrong=1, since=AT)
    assert judge(WRONG, once, PROOF, at=AT + timedelta(hours=1)) == Attempts(wrong=2, since=AT)
    assert judge(RIGHT, once, PROOF, at=AT + timedelta(hours=1)) == Attempts(confirmed=True)


def test_after_five_the_digits_are_not_looked_at_and_the_code_still_is() -> None:
    spent = Attempts(wrong=5, since=AT)
    at = AT + DAY - timedelta(microseconds=1)
    assert judge(RIGHT, spent, PROOF, at=at) == spent
    assert judge(WRONG_CODE, spent, PROOF, at=at) == spent
    assert judge(CODE, spent, PROOF, at=at).confirmed
    assert judge(RIGHT, replace(spent, wrong=4), PROOF, at=at).confirmed


def test_a_day_later_all_is_forgotten() -> None:
    spent = Attempts(wrong=5, since=AT)
    assert (spent.tries_left(AT + DAY - timedelta(microseconds=1)), spent.tries_left(AT + DAY)) == (0, 5)
    assert judge(WRONG, spent, PROOF, at=AT + DAY) == Attempts(wrong=1, since=AT + DAY)


@given(st.lists(st.integers(0, 30 * 3600), max_size=40))
def test_no_day_has_more_than_five_looks_at_the_digits(pauses: list[int]) -> None:
    """Against an oracle that counts: wrong digits always, and whether the right ones would have been taken."""
    attempts, now, looks = Attempts(), AT, list[datetime]()
    for pause in pauses:
        now += timedelta(seconds=pause)
        taken = judge(RIGHT, attempts, PROOF, at=now).confirmed
        assert taken is (attempts.tries_left(now) > 0)
        looks += [now] if taken else []
        attempts = judge(WRONG, attempts, PROOF, at=now)
        assert not attempts.confirmed
        window = [look for look in looks if attempts.since and attempts.since <= look < attempts.since + DAY]
        assert (len(window), attempts.wrong) == (5 - attempts.tries_left(now),) * 2
        assert len(window) <= 5


@pytest.mark.parametrize(
    ("by_digits", "ask", "accepts"),
    [
        (
            True,
            "the last four digits of their phone number (`phone_last4`) or the code behind their QR picture "
            "(`pay_code`)",
            ["phone_last4", "pay_code"],
        ),
        (False, "the code behind their QR picture (`pay_code`)", ["pay_code"]),
    ],
)
def test_what_is_asked_for_is_what_can_help(by_digits: bool, ask: str, accepts: list[str]) -> None:
    needed = PayeeConfirmationNeeded(100_00, by_digits=by_digits)
    assert (needed.kind, needed.code) == (Kind.FORBIDDEN, "payee_confirmation_needed")
    assert needed.extra == {"accepts": accepts}
    assert needed.detail == (
        "This is your first payment above $100.00 to somebody who is not your friend. "
        f"Ask them for {ask} and send it as `confirmation`."
    )


@pytest.mark.parametrize(
    ("left", "more"),
    [(3, "3 tries with digits are left today."), (0, "use their QR code, or try tomorrow.")],
)
def test_a_wrong_guess_is_told_what_is_left(left: int, more: str) -> None:
    wrong = PayeeConfirmationWrong(left)
    assert (wrong.kind, wrong.code, wrong.extra) == (Kind.FORBIDDEN, "payee_confirmation_wrong", {"tries_left": left})
    assert wrong.detail == f"The digits or the code do not belong to this person. Nothing was paid; {more}"
