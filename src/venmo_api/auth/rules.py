"""Canonical identifiers, and what sign-in refuses. Pure."""

from typing import Final

import phonenumbers
from email_validator import EmailNotValidError, validate_email

from venmo_api.core.errors import AppError, Kind

ACCESS_SECONDS: Final = 15 * 60
REFRESH_SECONDS: Final = 30 * 24 * 3600


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


class NotSignedIn(AppError):
    kind = Kind.UNAUTHENTICATED
    code = "not_signed_in"
    title = "Sign in first"

    def __init__(self) -> None:
        super().__init__("Send `Authorization: Bearer <access_token>` with a token that has not run out.")


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
