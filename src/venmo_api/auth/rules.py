"""Canonical identifiers, how long a code counts, and what sign-in and verification refuse. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from math import ceil
from typing import Final

import phonenumbers
from email_validator import EmailNotValidError, validate_email

from venmo_api.core.errors import AppError, Kind

ACCESS_SECONDS: Final = 15 * 60
REFRESH_SECONDS: Final = 30 * 24 * 3600
RETRY_LASTS: Final = timedelta(minutes=10)
"""So long a refresh whose answer was lost may be asked again under its key."""
DEVICE_LASTS: Final = timedelta(days=365)
"""So long a device is known that nobody uses."""
CODE_LASTS: Final = timedelta(minutes=10)
CODE_WAIT: Final = timedelta(minutes=1)
CODES_SOON: Final = 5
CODE_LONG_WAIT: Final = timedelta(hours=1)
"""After CODES_SOON codes of which none was right: who guesses on has 120 guesses a day at a million."""
CODES_REMEMBERED: Final = timedelta(days=1)
"""How long none may be asked for until they are counted anew."""
WRONG_MOST: Final = 5


class ContactKind(StrEnum):
    EMAIL = "email"
    PHONE = "phone"


@dataclass(frozen=True, slots=True)
class Contact:
    """``address`` is a mail address or a phone number; ``verified`` once its owner has shown it is theirs."""

    kind: ContactKind
    address: str
    verified: bool


class SignInRefused(AppError):
    """The same for an unknown account and a wrong password."""

    kind = Kind.UNAUTHENTICATED
    code = "invalid_credentials"
    title = "Sign-in refused"

    def __init__(self) -> None:
        super().__init__("The name or the password is not right.")


class RefreshRefused(AppError):
    kind = Kind.UNAUTHENTICATED
    code = "invalid_refresh_token"
    title = "Sign in again"

    def __init__(self) -> None:
        super().__init__("This refresh token is unknown, used, expired or revoked.")


class SessionNotFound(AppError):
    kind = Kind.NOT_FOUND
    code = "session_not_found"
    title = "No such session"

    def __init__(self) -> None:
        super().__init__(
            "You have no session with this id, or it has ended; `GET /v1/auth/sessions` tells which you have."
        )


class NotSignedIn(AppError):
    kind = Kind.UNAUTHENTICATED
    code = "not_signed_in"
    title = "Sign in first"

    def __init__(self) -> None:
        super().__init__("Send `Authorization: Bearer <access_token>` with a token that has not run out.")


class ContactNotFound(AppError):
    kind = Kind.NOT_FOUND
    code = "contact_not_found"
    title = "No such contact"

    def __init__(self) -> None:
        super().__init__("You have no contact of this kind; `GET /v1/me` tells which you have: email, phone.")


class ContactVerifiedAlready(AppError):
    kind = Kind.CONFLICT
    code = "contact_verified_already"
    title = "This contact is verified"

    def __init__(self, contact: ContactKind) -> None:
        super().__init__(f"Your {contact} is verified already; there is nothing left to do.")


class CodeSentRecently(AppError):
    kind = Kind.LIMITED
    code = "code_sent_recently"
    title = "A code is on its way"

    def __init__(self, wait: timedelta) -> None:
        seconds = max(1, ceil(wait.total_seconds()))
        detail = f"You asked for a code a short while ago; use it, or ask for another in {seconds} s."
        super().__init__(detail, retry_after_seconds=seconds)


class CodeWrong(AppError):
    kind = Kind.FORBIDDEN
    code = "code_wrong"
    title = "That is not the code"

    def __init__(self, attempts_left: int) -> None:
        tries = "1 attempt is" if attempts_left == 1 else f"{attempts_left} attempts are"
        super().__init__(f"That is not the code we sent last; {tries} left." if attempts_left else _NO_ATTEMPT_LEFT)
        self.extra = {"attempts_left": attempts_left}


class CodeUsedUp(AppError):
    kind = Kind.FORBIDDEN
    code = "code_used_up"
    title = "This code no longer counts"

    def __init__(self) -> None:
        super().__init__("There were too many wrong attempts at this code; ask for a new one.")


class CodeExpired(AppError):
    kind = Kind.FORBIDDEN
    code = "code_expired"
    title = "There is no code that counts"

    def __init__(self) -> None:
        super().__init__("No code was sent in the last ten minutes; ask for a new one.")


class UndoRefused(AppError):
    """The same for a token that is unknown, used or too old, and for a contact that somebody else has proved since."""

    kind = Kind.FORBIDDEN
    code = "undo_refused"
    title = "This cannot be undone"

    def __init__(self) -> None:
        super().__init__("The token is unknown, was used, is older than 72 hours or made void; reset your password.")


_NO_ATTEMPT_LEFT = "That is not the code we sent last, and no attempt is left; ask for a new code."


def is_new_device(since: datetime | None, *, at: datetime, seconds: int) -> bool:
    """Whether a device that nothing vouches for since then has not been known for so long yet."""
    return since is not None and at < since + timedelta(seconds=seconds)


def next_code_at(sent_at: datetime, codes: int) -> datetime:
    """When another code may be asked for, after the last of so many."""
    return sent_at + (CODE_WAIT if codes < CODES_SOON else CODE_LONG_WAIT)


def judge_code(sent_at: datetime, wrong: int, *, now: datetime) -> AppError | None:
    """Why a code that was sent then, and guessed wrongly so often, counts no more; None when it does."""
    if sent_at + CODE_LASTS <= now:
        return CodeExpired()
    return None if attempts_left(wrong) else CodeUsedUp()


def attempts_left(wrong: int) -> int:
    return max(0, WRONG_MOST - wrong)


def message(digits: str) -> str:
    """What is sent to a contact."""
    return f"{digits} is your code; it counts for ten minutes. If you did not ask for it, somebody mistyped: ignore it."


def new_device_notice(name: str, network: str) -> str:
    """What somebody is told who has no second factor."""
    return (
        f"Somebody who knows your password signed in on a new device: {name}, from the network {network}. If it was "
        "not you, change your password at once and end that session."
    )


def canonical(kind: str, text: str) -> str:
    """The form in which identifiers are stored and compared: addresses and usernames without case (as every large mail
    provider delivers), phone numbers in E.164. Raises ValueError, with a sentence, for what can be none."""
    if kind == "email":
        return _address(text)
    return _number(text) if kind == "phone" else text.strip().lower()


def identifier_kind(identifier: str) -> str:
    """Which kind of name somebody typed: ``email``, ``phone`` or ``username``."""
    if "@" in identifier:
        return "email"
    return "phone" if identifier.startswith("+") else "username"


def named(identifier: str) -> tuple[str, str]:
    """Kind and canonical value of the name somebody typed; what can be no name at all stays as it is: nobody has it."""
    kind = identifier_kind(identifier)
    try:
        return kind, canonical(kind, identifier)
    except ValueError:
        return kind, identifier


def _address(text: str) -> str:
    try:
        return validate_email(text.strip(), check_deliverability=False).normalized.lower()
    except EmailNotValidError:
        raise ValueError("is not an email address") from None


def _number(text: str) -> str:
    try:
        number = phonenumbers.parse(text, None)
    except phonenumbers.NumberParseException:
        raise ValueError("must be a phone number in international form, such as +14155550123") from None
    if not phonenumbers.is_possible_number(number):
        raise ValueError("is not a possible phone number")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
