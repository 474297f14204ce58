"""What is left to seal, and why somebody cannot be erased yet. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from uuid import UUID

from venmo_api.core.errors import AppError, Kind

FORGOTTEN_NAME = "Erased"
NOBODY = "0.erased"
"""In place of a blind index: no key has the number 0."""


class CannotErase(AppError):
    kind = Kind.CONFLICT
    code = "cannot_erase"
    title = "This person cannot be erased yet"

    def __init__(self, reasons: Sequence[str]) -> None:
        super().__init__("First settle what stands open: " + "; ".join(reasons) + ".")


@dataclass(frozen=True, slots=True)
class Left:
    """Rows that are in clear, or under a key before the current one."""

    contacts_in_clear: int
    payees_in_clear: int
    sources_in_clear: int
    answers_in_clear: int
    keys_wrapped_before: int
    contacts_indexed_before: int
    payees_indexed_before: int

    @property
    def nothing(self) -> bool:
        return not any(getattr(self, each.name) for each in fields(self))

    @property
    def in_clear(self) -> int:
        return self.contacts_in_clear + self.payees_in_clear + self.sources_in_clear + self.answers_in_clear

    def told(self) -> str:
        """In words, what there is."""
        found = [(each.name.replace("_", " "), getattr(self, each.name)) for each in fields(self)]
        return ", ".join(f"{number:,} {what}" for what, number in found if number) or "nothing"


@dataclass(frozen=True, slots=True)
class Standing:
    """What an account still has or waits for."""

    balance: int
    debt: int
    holds: int
    top_ups: int
    cash_outs: int
    payments: int
    requests: int
    authorisations: int

    def reasons(self) -> list[str]:
        """Why the person cannot be erased; empty: they can."""
        found = [f"the balance is {self.balance} cents"] if self.balance else []
        found += [f"{self.debt} cents are owed"] if self.debt else []
        counted = {
            "hold": self.holds,
            "top-up": self.top_ups,
            "cash-out": self.cash_outs,
            "payment": self.payments,
            "request": self.requests,
            "authorisation": self.authorisations,
        }
        return found + [f"{number} {what}{'s' * (number > 1)} pending" for what, number in counted.items() if number]


def forgotten_username(user_id: UUID) -> str:
    return f"erased_{user_id.hex[-20:]}"
