"""What a wallet shows, what money in and out is, and what is refused of it. Pure."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from venmo_api.core import fees
from venmo_api.core.errors import AppError, FieldError, InvalidField, Kind
from venmo_api.core.figures import Figures
from venmo_api.core.money import dollars
from venmo_api.idempotency.rules import Claim
from venmo_api.ledger.book import Book, Posting
from venmo_api.ledger.rules import InsufficientFunds, bank_account, fees_account
from venmo_api.limits.rules import Meter
from venmo_api.risk.desk import Asked, Desk
from venmo_api.risk.rules import PaymentDeclined, Verdict

TOP_UP_ROUTE = "top-up"
CASH_OUT_ROUTE = "cash-out"


class Status(StrEnum):
    PENDING = "pending"
    SETTLED = "settled"
    FAILED = "failed"


class SourceType(StrEnum):
    BANK = "bank"
    CARD = "card"


class Speed(StrEnum):
    STANDARD = "standard"
    INSTANT = "instant"


class UnknownFundingToken(AppError):
    kind = Kind.INVALID
    code = "unknown_funding_token"
    title = "The bank does not know this token"

    def __init__(self) -> None:
        detail = "Use a token the bank gave you; in the sandbox: sandbox_bank_ok or sandbox_card_ok."
        super().__init__(detail, fields=(FieldError("/token", detail),))


class FundingSourceTypeWrong(InvalidField):
    code = "funding_source_type_wrong"
    title = "The token is of something else"

    def __init__(self, known_as: SourceType) -> None:
        super().__init__("/type", f"This token stands for a {known_as}; say so, or leave the type out.")


class FundingSourceNotFound(AppError):
    kind = Kind.NOT_FOUND
    code = "funding_source_not_found"
    title = "No such funding source"

    def __init__(self) -> None:
        detail = "There is no funding source of yours with this id."
        super().__init__(detail, fields=(FieldError("/funding_source_id", detail),))


class FundingSourceUnsuitable(InvalidField):
    code = "funding_source_unsuitable"
    title = "Not with this funding source"

    def __init__(self, detail: str) -> None:
        super().__init__("/funding_source_id", detail)


class TopUpNotFound(AppError):
    kind = Kind.NOT_FOUND
    code = "top_up_not_found"
    title = "No such top-up"

    def __init__(self) -> None:
        super().__init__("There is no top-up of yours with this id.")


class CashOutNotFound(AppError):
    kind = Kind.NOT_FOUND
    code = "cash_out_not_found"
    title = "No such cash-out"

    def __init__(self) -> None:
        super().__init__("There is no cash-out of yours with this id.")


class CashOutTooSmall(InvalidField):
    code = "cash_out_too_small"
    title = "Nothing would be left of it"

    def __init__(self, fee: int) -> None:
        detail = f"The fee for this is {dollars(fee)}; take out more than that, or choose the speed `standard`."
        super().__init__("/amount", detail)
        self.extra = {"fee": fee}


class CashOutTooLarge(AppError):
    kind = Kind.DECLINED
    code = "cash_out_too_large"
    title = "Too much at once"

    def __init__(self, most: int) -> None:
        super().__init__(f"A cash-out may be {dollars(most)} at most; make several of it.")
        self.extra = {"most": most}


class BankDeclined(AppError):
    kind = Kind.DECLINED
    code = "bank_declined"
    title = "The bank said no"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)


@dataclass(frozen=True, slots=True)
class Wallet:
    """Cents. ``pending`` is on its way in; ``on_hold`` is yours but not spendable; ``debt`` is what you owe, which
    money that comes in repays first."""

    available: int
    pending: int
    on_hold: int
    debt: int


@dataclass(frozen=True, slots=True)
class Source:
    id: UUID
    type: SourceType
    token: str
    label: str
    last4: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class BringIn:
    """Take ``amount`` cents from a funding source into the wallet."""

    claim: Claim
    top_up_id: UUID
    source_id: UUID
    amount: int
    currency: str
    request_id: str


@dataclass(frozen=True, slots=True)
class TakeOut:
    """Bring ``amount`` cents, less the fee, from the wallet to a funding source."""

    claim: Claim
    cash_out_id: UUID
    source_id: UUID
    amount: int
    currency: str
    speed: Speed
    request_id: str
    device_since: datetime | None = None
    device_id: UUID | None = None
    rehearsed: bool = False


@dataclass(frozen=True, slots=True)
class TopUp:
    id: UUID
    user_id: UUID
    source: Source
    amount: int
    currency: str
    status: Status
    claim: Claim
    request_id: str
    created_at: datetime
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class CashOut:
    """``fee`` is taken from the amount: the bank gets the rest."""

    id: UUID
    user_id: UUID
    source: Source
    amount: int
    fee: int
    currency: str
    speed: Speed
    status: Status
    claim: Claim
    request_id: str
    created_at: datetime
    ended_at: datetime | None = None


def top_up(command: BringIn, source: Source) -> TopUp:
    """Raises FundingSourceUnsuitable."""
    if source.type is not SourceType.BANK:
        raise FundingSourceUnsuitable("Money is added from a bank account; a card can only pay somebody.")
    claim = command.claim
    return TopUp(
        command.top_up_id,
        claim.user_id,
        source,
        command.amount,
        command.currency,
        Status.PENDING,
        claim,
        command.request_id,
        claim.at,
    )


def cash_out(command: TakeOut, source: Source, figures: Figures) -> CashOut:
    """Raises FundingSourceUnsuitable, CashOutTooSmall."""
    if source.type is SourceType.CARD and command.speed is Speed.STANDARD:
        raise FundingSourceUnsuitable("Money goes to a card only at once; choose `instant`, or a bank account.")
    fee = fees.instant_fee(command.amount, figures) if command.speed is Speed.INSTANT else 0
    if command.amount <= fee:
        raise CashOutTooSmall(fee)
    claim = command.claim
    return CashOut(
        command.cash_out_id,
        claim.user_id,
        source,
        command.amount,
        fee,
        command.currency,
        command.speed,
        Status.PENDING,
        claim,
        command.request_id,
        claim.at,
    )


def authorise(
    begun: CashOut, *, book: Book, meter: Meter, verified: bool, figures: Figures, desk: Desk, asked: Asked | None
) -> None:
    """Set the money of a cash-out aside. ``asked`` is what risk is asked; None: nothing of this will be kept.

    Raises CashOutTooLarge, InsufficientFunds, PaymentDeclined or LimitExceeded, and then has set nothing aside.
    """
    if begun.amount > figures.cash_out_most:
        raise CashOutTooLarge(figures.cash_out_most)
    if book.accounts[begun.user_id].available < begun.amount:
        raise InsufficientFunds("The balance does not cover this cash-out; take out less.")
    judged = desk.judge(asked) if asked else None
    if judged and judged.verdict is Verdict.DENY:
        desk.keep(judged)
        raise PaymentDeclined
    meter.use(begun.id, begun.user_id, begun.amount, at=begun.created_at, verified=verified)
    if judged:
        desk.keep(judged)
    book.hold(begun.id, begun.user_id, begun.amount, at=begun.created_at)


def settle_top_up(pending: TopUp, *, book: Book, at: datetime) -> TopUp:
    """From the bank's settlement account into the person's wallet."""
    lines = ((bank_account(pending.user_id), -pending.amount), (pending.user_id, pending.amount))
    posted = book.post(Posting(pending.id, "top_up", at, lines))
    return replace(pending, status=Status.SETTLED, ended_at=posted.at)


def settle_cash_out(pending: CashOut, *, book: Book, at: datetime) -> CashOut:
    """From the person's wallet into the bank's settlement account; the fee is ours."""
    user_id, fee = pending.user_id, pending.fee
    book.capture(pending.id, pending.amount)
    lines = [(user_id, -pending.amount), (bank_account(user_id), pending.amount - fee)]
    lines += [(fees_account(user_id), fee)] if fee else []
    posted = book.post(Posting(pending.id, "cash_out", at, tuple(lines)))
    return replace(pending, status=Status.SETTLED, ended_at=posted.at)


def return_cash_out(pending: CashOut, *, book: Book, at: datetime) -> CashOut:
    """The bank did not take it: the person has it back."""
    book.release(pending.id, at=at)
    return replace(pending, status=Status.FAILED, ended_at=max(at, pending.created_at))


def accounts_of(moving: TopUp | CashOut) -> set[UUID]:
    """What settling it touches in the ledger."""
    fee = moving.fee if isinstance(moving, CashOut) else 0
    accounts = {moving.user_id, bank_account(moving.user_id)}
    return accounts | {fees_account(moving.user_id)} if fee else accounts
