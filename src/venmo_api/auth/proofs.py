"""By what people prove who they are beyond their password, how often they may try, and what is refused. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from venmo_api.core.errors import AppError, Kind

CHALLENGE_LASTS: Final = timedelta(minutes=10)
FRESH: Final = timedelta(minutes=10)
APPROVAL_LASTS: Final = timedelta(minutes=5)
GUESSES_MOST: Final = 5
"""Wrong proofs a challenge bears."""
RECOVERY_CODES: Final = 10
PASSKEYS_MOST: Final = 20


class FactorKind(StrEnum):
    TOTP = "totp"
    PASSKEY = "passkey"
    EMAIL = "email"
    PHONE = "phone"
    RECOVERY = "recovery"


UNGUESSABLE: Final = frozenset({FactorKind.PASSKEY, FactorKind.RECOVERY})
"""Signatures, and codes of 80 bits: wrong ones are not worth counting."""
METHODS: Final = {
    FactorKind.TOTP: ("otp", "mfa"),
    FactorKind.PASSKEY: ("hwk", "mfa"),
    FactorKind.EMAIL: ("otp", "mfa"),
    FactorKind.PHONE: ("sms", "mfa"),
    FactorKind.RECOVERY: ("otp", "mfa"),
}
"""What a proof adds to ``amr``: authentication methods of RFC 8176."""


@dataclass(frozen=True, slots=True)
class Factor:
    id: UUID
    kind: FactorKind
    name: str | None
    created_at: datetime
    used_at: datetime | None


@dataclass(frozen=True, slots=True)
class Added:
    """A new factor, and with the first one the recovery codes, which are told only now."""

    factor: Factor
    recovery_codes: list[str]


@dataclass(frozen=True, slots=True)
class Proof:
    """What somebody offers: a code for all kinds but passkeys, which answer with a credential in JSON."""

    kind: FactorKind
    code: str = ""
    credential: str = ""


@dataclass(frozen=True, slots=True)
class Challenge:
    """Where an asking for a proof stands. ``codes`` were sent, the last one at ``code_sent_at`` to ``code_kind``;
    ``nonce`` is what a passkey is to sign."""

    token_hash: bytes
    user_id: UUID
    wrong: int
    expires_at: datetime
    nonce: bytes | None
    codes: int
    code_sent_at: datetime | None
    code_kind: str | None
    code_hash: bytes | None


Payee = UUID | tuple[str, str]
"""Somebody's id; or the kind and value of a contact that nobody has proved to be theirs."""


@dataclass(frozen=True, slots=True)
class Approves:
    """What is to be approved: one payment."""

    payee: Payee
    amount: int


@dataclass(frozen=True, slots=True)
class SteppedUp:
    access_token: str
    approval: str | None


class SecondFactorRequired(AppError):
    """Returned, not raised, by who opens a challenge: the challenge is to be kept."""

    kind = Kind.UNAUTHENTICATED
    code = "second_factor_required"
    title = "One more proof"

    def __init__(self, challenge_token: str, factors: Sequence[FactorKind]) -> None:
        ways = ", ".join(factors)
        super().__init__(
            f"The password is right, but this device is new to us: prove yourself by one of {ways} at "
            "`POST /v1/auth/challenge`."
        )
        expires_in = int(CHALLENGE_LASTS.total_seconds())
        self.extra = {"challenge_token": challenge_token, "factors": list(factors), "expires_in": expires_in}


class StepUpRequired(AppError):
    kind = Kind.FORBIDDEN
    code = "step_up_required"
    title = "Prove again that it is you"

    def __init__(self, factors: Sequence[FactorKind]) -> None:
        how = "your password" if not factors else "one of " + ", ".join(factors)
        super().__init__(f"Prove by {how} at `POST /v1/auth/step-up` that it is you; then send this once more.")
        self.extra = {"max_age": int(FRESH.total_seconds()), "factors": list(factors)}


class ApprovalRequired(StepUpRequired):
    """The payment needs an approval of its own, bound to payee and amount."""

    def __init__(self, factors: Sequence[FactorKind], *, recipient_id: str | None, amount: int) -> None:
        super().__init__(factors)
        self.detail = (
            "A payment this large needs an approval of its own: send `approves` with payee and amount to "
            "`POST /v1/auth/step-up`, and then this once more with the header `Approval`."
        )
        self.extra = {**self.extra, "approves": {"recipient_id": recipient_id, "amount": amount}}


class ChallengeEnded(AppError):
    kind = Kind.UNAUTHENTICATED
    code = "challenge_ended"
    title = "Sign in again"

    def __init__(self) -> None:
        super().__init__("This challenge is unknown, was met, has run out or bore too much; sign in again.")


class ProofWrong(AppError):
    kind = Kind.FORBIDDEN
    code = "proof_wrong"
    title = "That proves nothing"

    def __init__(self, attempts_left: int | None = None) -> None:
        super().__init__("The proof is wrong, too old or was used before: a code is taken once.")
        if attempts_left is not None:
            self.extra = {"attempts_left": attempts_left}


class ProofNotTaken(AppError):
    kind = Kind.FORBIDDEN
    code = "proof_not_taken"
    title = "Prove it in another way"

    def __init__(self, factors: Sequence[FactorKind]) -> None:
        ways = ", ".join(factors) or "password"
        super().__init__(f"You cannot prove yourself in this way; you can by: {ways}.")
        self.extra = {"factors": list(factors)}


class FactorNotFound(AppError):
    kind = Kind.NOT_FOUND
    code = "factor_not_found"
    title = "No such factor"

    def __init__(self) -> None:
        super().__init__("You have no factor by that id; `GET /v1/auth/factors` lists those you have.")


class FactorExists(AppError):
    kind = Kind.CONFLICT
    code = "factor_exists"
    title = "You have this factor"

    def __init__(self) -> None:
        super().__init__("You have this factor already; remove it before you set it up anew.")


class TooManyPasskeys(AppError):
    kind = Kind.CONFLICT
    code = "too_many_passkeys"
    title = "That is a lot of passkeys"

    def __init__(self) -> None:
        super().__init__(f"You have {PASSKEYS_MOST} passkeys, which is the most; remove one you no longer use.")


class TotpNotBegun(AppError):
    kind = Kind.CONFLICT
    code = "totp_not_begun"
    title = "Nothing to confirm"

    def __init__(self) -> None:
        super().__init__("There is no authenticator app to confirm; begin with `POST /v1/auth/factors/totp`.")


class PasskeyRefused(AppError):
    """Says nothing of what was wrong: the person who is asking has a browser that does it right."""

    kind = Kind.FORBIDDEN
    code = "passkey_refused"
    title = "The passkey was not accepted"

    def __init__(self) -> None:
        super().__init__("This is no answer to the last options we gave; ask for new ones and try again.")


class ContactNotProved(AppError):
    kind = Kind.CONFLICT
    code = "contact_not_proved"
    title = "This contact is not proved"

    def __init__(self) -> None:
        super().__init__("Codes are sent only to a contact you have shown to be yours; verify it first.")


class NoSecondFactor(AppError):
    kind = Kind.CONFLICT
    code = "no_second_factor"
    title = "You have no second factor"

    def __init__(self) -> None:
        super().__init__("Recovery codes stand in for a second factor; add one first.")


def factor_notice(kind: FactorKind, change: str) -> str:
    """What a person's contacts are sent when a factor was ``added`` or ``removed``."""
    what = "New recovery codes were made" if kind is FactorKind.RECOVERY else f"A second factor ({kind}) was {change}"
    return f"{what} for your account. If that was not you, change your password and end all other sessions now."


def guesses_left(wrong: int) -> int:
    return max(0, GUESSES_MOST - wrong)


def is_fresh(authenticated_at: datetime, *, now: datetime) -> bool:
    return now - authenticated_at <= FRESH
