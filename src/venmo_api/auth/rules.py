"""Canonical identifiers, and what sign-in refuses. Pure."""

from typing import Final

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


def canonical(kind: str, value: str) -> str:
    """The form in which identifiers are stored and compared: without case, since every large mail provider
    delivers so; phone numbers as ``+`` and digits."""
    if kind == "phone":
        return "+" + "".join(digit for digit in value if digit.isdigit())
    return value.strip().lower()


def identifier_kind(identifier: str) -> str:
    """Which kind of name somebody typed: ``email``, ``phone`` or ``username``."""
    if "@" in identifier:
        return "email"
    return "phone" if identifier.startswith("+") else "username"
