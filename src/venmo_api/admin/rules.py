"""Who staff are, why they may look at somebody, and how little is shown to whom. Pure."""

from collections.abc import Collection
from enum import StrEnum

from venmo_api.core.errors import AppError, Kind, NotFound


class Role(StrEnum):
    """Everybody is a user; staff are more than that. Nobody has a role because of another one."""

    SUPPORT = "support"
    ANALYST = "analyst"
    ADMIN = "admin"


class Reason(StrEnum):
    """Why somebody of the staff looks at a person. A word and no text: the audit trail keeps it."""

    SUPPORT_REQUEST = "support_request"
    FRAUD_REVIEW = "fraud_review"
    LEGAL_REQUEST = "legal_request"
    SECURITY_INCIDENT = "security_incident"


class Nothing(NotFound):
    """What the framework answers for a path that there is not: who is not staff does not learn what there is."""

    def __init__(self) -> None:
        super().__init__("Not found.")


class SecondFactorNeeded(AppError):
    kind = Kind.FORBIDDEN
    code = "second_factor_needed"
    title = "Sign in with a second factor"

    def __init__(self) -> None:
        super().__init__("Staff prove themselves with a second factor; add one, and sign in with it.")


class StaffUnknown(NotFound):
    code = "user_not_found"
    title = "No such person"

    def __init__(self) -> None:
        super().__init__("Nobody has this username; they sign up first.")


class OwnPayment(AppError):
    kind = Kind.FORBIDDEN
    code = "own_payment"
    title = "This is about you"

    def __init__(self) -> None:
        super().__init__("Nobody decides about themselves; leave this to another analyst.")


class LabelExists(AppError):
    kind = Kind.CONFLICT
    code = "label_exists"
    title = "The opposite is known"

    def __init__(self) -> None:
        super().__init__(
            "This source has said the opposite of this payment, which stays; enter what is new under another."
        )


def is_strong(amr: Collection[str]) -> bool:
    """Whether somebody proved themselves with more than a password (RFC 8176)."""
    return "mfa" in amr


def masked_email(address: str) -> str:
    """``a***@e***.com``: enough to compare with what a caller says."""
    name, _, domain = address.partition("@")
    host, _, ending = domain.rpartition(".")
    return f"{name[:1]}***@{host[:1]}***.{ending}"


def masked_phone(number: str) -> str:
    """``+1***23``."""
    return f"{number[:2]}***{number[-2:]}"
