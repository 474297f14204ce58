"""Names in one form each, how long a code counts, and what is said when it does not. Pure."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from venmo_api.auth import rules
from venmo_api.auth.rules import ContactKind, canonical, identifier_kind, judge_code
from venmo_api.core.errors import AppError

AT = datetime(2026, 11, 20, tzinfo=UTC)
TICK = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("refused", "code", "detail"),
    [
        (rules.SignInRefused, "invalid_credentials", "The name or the password is not right."),
        (
            rules.RefreshRefused,
            "invalid_refresh_token",
            "This refresh token is unknown, used, expired or revoked.",
        ),
        (
            rules.SessionNotFound,
            "session_not_found",
            "You have no session with this id, or it has ended; `GET /v1/auth/sessions` tells which you have.",
        ),
        (
            rules.NotSignedIn,
            "not_signed_in",
            "Send `Authorization: Bearer <access_token>` with a token that has not run out.",
        ),
        (
            rules.ContactNotFound,
            "contact_not_found",
            "You have no contact of this kind; `GET /v1/me` tells which you have: email, phone.",
        ),
        (
            lambda: rules.ContactVerifiedAlready(ContactKind.PHONE),
            "contact_verified_already",
            "Your phone is verified already; there is nothing left to do.",
        ),
        (
            rules.CodeUsedUp,
            "code_used_up",
            "There were too many wrong attempts at this code; ask for a new one.",
        ),
        (
            rules.UndoRefused,
            "undo_refused",
            "The token is unknown, was used, is older than 72 hours or made void; reset your password.",
        ),
        (rules.CodeExpired, "code_expired", "No code was sent in the last ten minutes; ask for a new one."),
        (lambda: rules.CodeWrong(2), "code_wrong", "That is not the code we sent last; 2 attempts are left."),
        (lambda: rules.CodeWrong(1), "code_wrong", "That is not the code we sent last; 1 attempt is left."),
        (
            lambda: rules.CodeWrong(0),
            "code_wrong",
            "That is not the code we sent last, and no attempt is left; ask for a new code.",
        ),
    ],
)
def test_a_refusal_says_what_was_wrong_and_what_to_do(refused: Callable[[], AppError], code: str, detail: str) -> None:
    assert (refused().code, refused().detail) == (code, detail)


@pytest.mark.parametrize("left", [0, 1, 4])
def test_a_wrong_code_tells_how_many_attempts_are_left(left: int) -> None:
    assert rules.CodeWrong(left).extra == {"attempts_left": left}


@pytest.mark.parametrize(
    ("wait", "seconds"),
    [
        (timedelta(0), 1),
        (TICK, 1),
        (timedelta(seconds=1), 1),
        (timedelta(seconds=1) + TICK, 2),
        (timedelta(minutes=1), 60),
    ],
)
def test_who_asks_too_soon_is_told_when_to_come_back(wait: timedelta, seconds: int) -> None:
    refusal = rules.CodeSentRecently(wait)
    assert refusal.retry_after_seconds == seconds
    assert refusal.detail == f"You asked for a code a short while ago; use it, or ask for another in {seconds} s."


def test_a_code_counts_for_ten_minutes_and_five_guesses() -> None:
    last = AT + timedelta(minutes=10)
    assert judge_code(AT, 4, now=last - TICK) is None
    assert isinstance(judge_code(AT, 5, now=last - TICK), rules.CodeUsedUp)
    assert isinstance(judge_code(AT, 6, now=last - TICK), rules.CodeUsedUp)
    assert isinstance(judge_code(AT, 0, now=last), rules.CodeExpired)
    assert [rules.attempts_left(wrong) for wrong in (0, 4, 5, 6)] == [5, 1, 0, 0]


def test_after_five_codes_the_next_takes_an_hour() -> None:
    assert [rules.next_code_at(AT, codes) - AT for codes in (1, 4, 5, 6)] == [timedelta(minutes=1)] * 2 + [
        timedelta(hours=1)
    ] * 2


def test_the_message_has_the_code_first() -> None:
    assert rules.message("123456") == (
        "123456 is your code; it counts for ten minutes. If you did not ask for it, somebody mistyped: ignore it."
    )


@pytest.mark.parametrize(
    ("kind", "text", "form"),
    [
        ("email", " Alice@Example.COM ", "alice@example.com"),
        ("phone", "+1 (415) 555-0123", "+14155550123"),
        ("username", " Alice_1 ", "alice_1"),
    ],
)
def test_a_name_has_one_form(kind: str, text: str, form: str) -> None:
    assert canonical(kind, text) == form
    assert canonical(kind, form) == form


def test_an_address_is_not_looked_up() -> None:
    assert canonical("email", "someone@no-mail-server-anywhere.example.com") == (
        "someone@no-mail-server-anywhere.example.com"
    )


@pytest.mark.parametrize(
    ("kind", "text", "sentence"),
    [
        ("email", "alice", "is not an email address"),
        ("email", "@example.com", "is not an email address"),
        ("phone", "4155550123", "must be a phone number in international form, such as +14155550123"),
        ("phone", "+1415", "is not a possible phone number"),
    ],
)
def test_what_can_be_no_name_is_refused_with_a_sentence(kind: str, text: str, sentence: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011
        canonical(kind, text)
    assert str(refused.value) == sentence


@given(st.one_of(st.text(max_size=30), st.from_regex(r"\+[0-9@]{1,5}", fullmatch=True)))
def test_any_text_is_of_one_kind(text: str) -> None:
    kind = "email" if "@" in text else "phone" if text.startswith("+") else "username"
    assert identifier_kind(text) == kind


def test_a_name_shows_its_kind() -> None:
    assert [identifier_kind(text) for text in ("a@b.c", "+1@b.c", "+14155550123", "1+1", "alice")] == [
        "email",
        "email",
        "phone",
        "username",
        "username",
    ]


def test_a_device_is_new_from_the_moment_it_is_known_for_so_long_unless_it_is_trusted() -> None:
    day = timedelta(days=1)
    moments = (AT, AT + day - TICK, AT + day, AT + 2 * day)
    assert [rules.is_new_device(AT, at=at, seconds=86400) for at in moments] == [True, True, False, False]
    assert not rules.is_new_device(None, at=AT, seconds=86400)
    assert not rules.is_new_device(AT, at=AT, seconds=0)


def test_a_notice_of_a_device_says_which_whence_and_what_to_do() -> None:
    assert rules.new_device_notice("Firefox on Linux", "203.0.113.0/24") == (
        "Somebody who knows your password signed in on a new device: Firefox on Linux, from the network "
        "203.0.113.0/24. If it was not you, change your password at once and end that session."
    )


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("Alice", ("username", "alice")),
        ("Alice@Example.com", ("email", canonical("email", "Alice@Example.com"))),
        ("+1 415 555 0123", ("phone", "+14155550123")),
        ("@", ("email", "@")),
        ("no name at all", ("username", "no name at all")),
    ],
)
def test_what_somebody_typed_is_a_name_or_nobodys(typed: str, name: tuple[str, str]) -> None:
    assert rules.named(typed) == name
