"""Whether a payer knows whom they pay: what only the payee can have told them, and how often they may guess. Pure."""

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta

from venmo_api.core.errors import AppError, Kind
from venmo_api.core.money import dollars
from venmo_api.users.rules import PayeeProof

WRONG_DIGITS_MOST = 5
WRONG_DIGITS_FOR = timedelta(days=1)


class PayeeConfirmationNeeded(AppError):
    kind = Kind.FORBIDDEN
    code = "payee_confirmation_needed"
    title = "Is this the right person?"

    def __init__(self, above: int, *, by_digits: bool) -> None:
        digits = "the last four digits of their phone number (`phone_last4`) or " if by_digits else ""
        super().__init__(
            f"This is your first payment above {dollars(above)} to somebody who is not your friend. Ask them for "
            f"{digits}the code behind their QR picture (`pay_code`) and send it as `confirmation`."
        )
        self.extra = {"accepts": ["phone_last4", "pay_code"] if by_digits else ["pay_code"]}


class PayeeConfirmationWrong(AppError):
    kind = Kind.FORBIDDEN
    code = "payee_confirmation_wrong"
    title = "That is not this person's"

    def __init__(self, tries_left: int) -> None:
        more = f"{tries_left} tries with digits are left today" if tries_left else "use their QR code, or try tomorrow"
        super().__init__(f"The digits or the code do not belong to this person. Nothing was paid; {more}.")
        self.extra = {"tries_left": tries_left}


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What the payer knows of the payee: exactly one of these."""

    phone_last4: str | None = None
    pay_code: str | None = None


@dataclass(frozen=True, slots=True)
class Attempts:
    """What is known of a sender and a payee who is not a friend: confirmed before, or wrong digits given since when."""

    confirmed: bool = False
    wrong: int = 0
    since: datetime | None = None

    def tries_left(self, at: datetime) -> int:
        """How many guesses at the digits are left at this moment."""
        forgotten = self.since is None or self.since <= at - WRONG_DIGITS_FOR
        return WRONG_DIGITS_MOST if forgotten else WRONG_DIGITS_MOST - self.wrong


def judge(given: Confirmation, before: Attempts, proof: PayeeProof, *, at: datetime) -> Attempts:
    """What is known after this guess."""
    left = before.tries_left(at)
    if _is_right(given, proof, digits_allowed=left > 0):
        return Attempts(confirmed=True)
    since = at if left == WRONG_DIGITS_MOST else before.since
    return Attempts(wrong=min(WRONG_DIGITS_MOST - left + 1, WRONG_DIGITS_MOST), since=since)


def _is_right(given: Confirmation, proof: PayeeProof, *, digits_allowed: bool) -> bool:
    if given.pay_code is not None:
        return proof.pay_code is not None and hmac.compare_digest(given.pay_code.encode(), proof.pay_code.encode())
    return digits_allowed and proof.phone_last4 is not None and given.phone_last4 == proof.phone_last4
