"""Banks: what the service needs of one, and the sandbox bank that stands in for it on a laptop."""

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Protocol
from uuid import UUID


class DebitState(StrEnum):
    SETTLED = "settled"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class BankSource:
    """A funding source the bank knows: its name for people, and the last four digits."""

    label: str
    last4: str


class UnknownBankToken(Exception):
    """The token stands for no account."""


class Bank(Protocol):
    async def describe(self, token: str) -> BankSource:
        """Exchange a client's token for what may be shown of the account. Raises UnknownBankToken."""
        ...

    async def debit(self, token: str, *, amount_cents: int, reference: UUID) -> DebitState:
        """Take money from the account. Idempotent by ``reference``: asking again moves nothing again."""
        ...


class SandboxBank:
    """The local twin. ``sandbox_bank_ok`` settles every debit at once; ``sandbox_bank_no_funds`` fails every one."""

    _ACCOUNTS: ClassVar = {
        "sandbox_bank_ok": (BankSource("Sandbox Bank", "0000"), DebitState.SETTLED),
        "sandbox_bank_no_funds": (BankSource("Sandbox Bank", "0051"), DebitState.FAILED),
    }

    async def describe(self, token: str) -> BankSource:
        return self._account(token)[0]

    async def debit(self, token: str, *, amount_cents: int, reference: UUID) -> DebitState:
        return self._account(token)[1]

    def _account(self, token: str) -> tuple[BankSource, DebitState]:
        try:
            return self._ACCOUNTS[token]
        except KeyError:
            raise UnknownBankToken(token) from None
