"""Banks and cards: what the service needs of them, and the sandbox bank that stands in for all of them on a laptop."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar, Literal, Protocol
from uuid import UUID

from sqlalchemy import text

from venmo_api.adapters.postgres import Database, Transaction
from venmo_api.core.clock import Clock

FIRST_ASK = text("""
    INSERT INTO sandbox_bank_orders (reference, asked_at) VALUES (:reference, :now) ON CONFLICT (reference) DO NOTHING
""")
ASKED_AT = text("SELECT asked_at FROM sandbox_bank_orders WHERE reference = :reference")


class BankAnswer(StrEnum):
    """``pending``: it is under way; ask again under the same reference."""

    SETTLED = "settled"
    FAILED = "failed"
    PENDING = "pending"


@dataclass(frozen=True, slots=True)
class BankSource:
    """An account or card behind a token: what it is, its name for people, and the last four digits."""

    type: Literal["bank", "card"]
    label: str
    last4: str


class UnknownBankToken(Exception):
    """The token stands for no account."""


class Bank(Protocol):
    """Idempotent by ``reference``: asking again moves nothing again and tells what became of the first time."""

    async def describe(self, token: str) -> BankSource:
        """Exchange a client's token for what may be shown of the account. Raises UnknownBankToken."""
        ...

    async def debit(self, token: str, *, amount_cents: int, reference: UUID) -> BankAnswer:
        """Take money from the account, or charge the card."""
        ...

    async def credit(self, token: str, *, amount_cents: int, reference: UUID) -> BankAnswer:
        """Bring money to the account or card."""
        ...


class NoBank:
    """Knows no account: what production has until a real bank is written against ``Bank``."""

    async def describe(self, token: str) -> BankSource:
        raise UnknownBankToken(token)

    async def debit(self, token: str, *, amount_cents: int, reference: UUID) -> BankAnswer:
        raise UnknownBankToken(token)

    async def credit(self, token: str, *, amount_cents: int, reference: UUID) -> BankAnswer:
        raise UnknownBankToken(token)


@dataclass(frozen=True, slots=True)
class _Course:
    """What is answered in the end, and whether it takes SLOW_FOR until then."""

    end: BankAnswer
    slow: bool = False


class SandboxBank:
    """The local twin. What it answers is decided by the token, or with a token that is fine by the amount, in cents,
    that it is asked for:

    * ``sandbox_bank_ok``, ``sandbox_card_ok`` settle at once; ``sandbox_bank_no_funds``, ``sandbox_card_declined`` fail
    * ``sandbox_bank_slow`` is pending, and settles once it is asked SLOW_FOR or more after the first time
    * 9002 ($90.02) fails; 9003 is pending and then settles; 9004 is pending and then fails

    Time is that of the clock handed in. When a slow order was first asked for stands in Postgres, so that processes
    and restarts agree.
    """

    SLOW_FOR: ClassVar = timedelta(days=1)
    _FINE: ClassVar = _Course(BankAnswer.SETTLED)
    _ACCOUNTS: ClassVar = {
        "sandbox_bank_ok": (BankSource("bank", "Sandbox Bank", "0000"), _FINE),
        "sandbox_bank_no_funds": (BankSource("bank", "Sandbox Bank", "0051"), _Course(BankAnswer.FAILED)),
        "sandbox_bank_slow": (BankSource("bank", "Sandbox Bank", "0024"), _Course(BankAnswer.SETTLED, slow=True)),
        "sandbox_card_ok": (BankSource("card", "Sandbox Card", "4242"), _FINE),
        "sandbox_card_declined": (BankSource("card", "Sandbox Card", "0002"), _Course(BankAnswer.FAILED)),
    }
    _MAGIC: ClassVar = {
        90_02: _Course(BankAnswer.FAILED),
        90_03: _Course(BankAnswer.SETTLED, slow=True),
        90_04: _Course(BankAnswer.FAILED, slow=True),
    }

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def describe(self, token: str) -> BankSource:
        return self._account(token)[0]

    async def debit(self, token: str, *, amount_cents: int, reference: UUID) -> BankAnswer:
        return await self._answer(token, amount_cents, reference)

    async def credit(self, token: str, *, amount_cents: int, reference: UUID) -> BankAnswer:
        return await self._answer(token, amount_cents, reference)

    async def _answer(self, token: str, amount_cents: int, reference: UUID) -> BankAnswer:
        course = self._account(token)[1]
        if course == self._FINE:
            course = self._MAGIC.get(amount_cents, course)
        if course.slow:
            now = self._clock.now()
            if now < await self._database.transact(_first_asked, reference, now) + self.SLOW_FOR:
                return BankAnswer.PENDING
        return course.end

    def _account(self, token: str) -> tuple[BankSource, _Course]:
        try:
            return self._ACCOUNTS[token]
        except KeyError:
            raise UnknownBankToken(token) from None


async def _first_asked(tx: Transaction, reference: UUID, now: datetime) -> datetime:
    await tx.execute(FIRST_ASK, {"reference": reference, "now": now})
    at: datetime = (await tx.execute(ASKED_AT, {"reference": reference})).scalar_one()
    return at
