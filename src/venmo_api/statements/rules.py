"""What a statement is and when it is refused; the states a transfer went through. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Final, TypeVar
from uuid import UUID

from venmo_api.core import ids
from venmo_api.core.errors import InvalidField, NotFound
from venmo_api.core.money import dollars
from venmo_api.transfers.rules import Status
from venmo_api.users.rules import Card

Known = TypeVar("Known")

PRODUCT: Final = "Venmo"
DAYS_MOST = 366
LINES_MOST = 10_000
LEDGER: Final = "ltx_"
"""Prefix of lines that have no other id than that of their ledger transaction."""
BALANCE: Final = f"{PRODUCT} balance"


class Format(StrEnum):
    JSON = "json"
    CSV = "csv"
    PDF = "pdf"


class LineType(StrEnum):
    """In Venmo's words."""

    PAYMENT = "Payment"
    CHARGE = "Charge"
    REFUND = "Refund"
    TOP_UP = "Top Up"
    CARD_FUNDING = "Card Funding"
    STANDARD_TRANSFER = "Standard Transfer"
    INSTANT_TRANSFER = "Instant Transfer"
    DEBT_REPAYMENT = "Debt Repayment"
    ADVANCE = "Advance"


class NotYetMade(NotFound):
    title = "Not there yet"

    def __init__(self) -> None:
        super().__init__("This transfer did not exist at that moment.")


class WrongStatement(Exception):
    """A defect: the lines do not lead from one balance to the other, or a line is of nothing we know. Nothing wrong
    is ever printed."""


@dataclass(frozen=True, slots=True)
class Period:
    """UTC days, both of them in it."""

    first: date
    last: date

    @property
    def start(self) -> datetime:
        return _midnight(self.first)

    @property
    def end(self) -> datetime:
        return _midnight(self.last + timedelta(days=1))

    @property
    def year(self) -> datetime:
        """When the year of the last day began."""
        return _midnight(self.last.replace(month=1, day=1))


@dataclass(frozen=True, slots=True)
class Payment:
    """What a transfer or refund says of its ledger transaction. ``fee`` is the sender's, ``seller_fee`` the other's."""

    sender_id: UUID
    recipient_id: UUID
    note: str
    fee: int
    seller_fee: int
    is_charge: bool


@dataclass(frozen=True, slots=True)
class CashOut:
    fee: int
    is_instant: bool


@dataclass(frozen=True, slots=True)
class Particulars:
    """What is known of ledger transactions by their ids. ``sources``: the bank or card of money in and out, by name."""

    payments: Mapping[UUID, Payment]
    cash_outs: Mapping[UUID, CashOut]
    sources: Mapping[UUID, str]
    people: Mapping[UUID, Card]


@dataclass(frozen=True, slots=True)
class Line:
    """One entry. Cents: ``amount`` moved the balance and has the ``fee`` in it, ``balance`` is what then was.

    ``sender`` and ``recipient`` are names; a charge is from whoever asked. ``other`` is the other person, if any.
    """

    id: str
    type: LineType
    at: datetime
    amount: int
    balance: int
    fee: int = 0
    note: str = ""
    sender: str = ""
    recipient: str = ""
    other: Card | None = None
    funding_source: str = ""
    destination: str = ""

    @property
    def status(self) -> str:
        """Money sent to a bank was issued; whether it arrived, the bank knows."""
        issued = self.type in (LineType.STANDARD_TRANSFER, LineType.INSTANT_TRANSFER)
        return "Issued" if issued else "Complete"


@dataclass(frozen=True, slots=True)
class Statement:
    """Cents. Raises WrongStatement, when it is made, unless opening balance + lines = closing balance at each step."""

    owner: Card
    period: Period
    opening: int
    lines: tuple[Line, ...]
    closing: int
    year_to_date_fees: int

    def __post_init__(self) -> None:
        balance, before = self.opening, self.period.start
        for line in self.lines:
            balance += line.amount
            if line.balance != balance:
                raise WrongStatement(f"the balance after {line.id} is {line.balance}, not {balance}")
            if not before <= line.at < self.period.end:
                raise WrongStatement(f"{line.id} is out of place")
            before = line.at
        if balance != self.closing:
            raise WrongStatement(f"the lines lead to {balance}, not to {self.closing}")

    @property
    def fees(self) -> int:
        return sum(line.fee for line in self.lines)

    @property
    def money_in(self) -> int:
        return sum(line.amount for line in self.lines if line.amount > 0)

    @property
    def money_out(self) -> int:
        return -sum(line.amount for line in self.lines if line.amount < 0)


@dataclass(frozen=True, slots=True)
class State:
    """How a transfer stood from ``at`` on; ``refunded`` cents had gone back by then."""

    status: Status
    at: datetime
    refunded: int


def period(first: date | None, last: date | None, *, today: date) -> Period:
    """The days asked for; without any, the month so far. Raises InvalidField."""
    last = last or today
    first = first or last.replace(day=1)
    if last > today:
        raise InvalidField("?end", "The last day is still to come; ask up to today.")
    if first > last:
        raise InvalidField("?start", "The first day must not be after the last.")
    if (last - first).days >= DAYS_MOST:
        raise InvalidField("?start", f"A statement covers {DAYS_MOST} days at most; ask for a shorter period.")
    return Period(first, last)


def moment(asked: datetime, *, now: datetime) -> datetime:
    """The moment asked for. Times are told in milliseconds, so all of its millisecond is meant.

    Raises InvalidField for one that is still to come.
    """
    if asked > now:
        raise InvalidField("?at", "This moment is still to come; ask for one that has passed.")
    return asked.replace(microsecond=asked.microsecond // 1000 * 1000 + 999)


def signed(amount: int) -> str:
    """``+ $12.50`` or ``- $12.50``: a space, so that a spreadsheet does not take it for a formula."""
    return f"{'-' if amount < 0 else '+'} {dollars(abs(amount))}"


def line(
    transaction_id: UUID, kind: str, *, amount: int, balance: int, at: datetime, owner: Card, particulars: Particulars
) -> Line:
    """The line of one entry. Raises WrongStatement when nothing says what the entry was."""
    source = particulars.sources.get(transaction_id, "")
    own_id = ids.encode(LEDGER, transaction_id)
    match kind:
        case "transfer" | "refund":
            return _payment(transaction_id, kind, amount, balance, at, owner, particulars)
        case "top_up":
            own_id = ids.encode(ids.TOP_UP, transaction_id)
            return Line(own_id, LineType.TOP_UP, at, amount, balance, funding_source=source, destination=BALANCE)
        case "funding":
            return Line(own_id, LineType.CARD_FUNDING, at, amount, balance, funding_source=source, destination=BALANCE)
        case "cash_out":
            taken = _known(particulars.cash_outs, transaction_id)
            type_ = LineType.INSTANT_TRANSFER if taken.is_instant else LineType.STANDARD_TRANSFER
            own_id = ids.encode(ids.CASH_OUT, transaction_id)
            return Line(own_id, type_, at, amount, balance, taken.fee, funding_source=BALANCE, destination=source)
        case "repayment":
            return Line(own_id, LineType.DEBT_REPAYMENT, at, amount, balance, funding_source=BALANCE)
        case "advance":
            return Line(own_id, LineType.ADVANCE, at, amount, balance, destination=BALANCE)
    raise WrongStatement(f"{own_id} is of the unknown kind {kind}")


def states(
    status: Status,
    *,
    created_at: datetime,
    ended_at: datetime | None,
    refunds: Sequence[tuple[datetime, int]],
    waited: Status = Status.PENDING,
) -> list[State]:
    """Each state of a transfer, in order. ``refunds`` are (moment, cents), the oldest first. ``waited``: as what one
    that has ended did."""
    found = [State(status, created_at, 0)]
    if ended_at is not None:
        found = [State(waited, created_at, 0), State(status, ended_at, 0)]
    for at, amount in refunds:
        found.append(State(status, max(at, found[-1].at), found[-1].refunded + amount))
    return found


def until(states: Iterable[State], at: datetime) -> list[State]:
    """What of it had happened by then. Raises NotYetMade when nothing had."""
    found = [state for state in states if state.at <= at]
    if not found:
        raise NotYetMade
    return found


def _payment(
    transfer_id: UUID, kind: str, amount: int, balance: int, at: datetime, owner: Card, particulars: Particulars
) -> Line:
    paid = _known(particulars.payments, transfer_id)
    sender, recipient = _known(particulars.people, paid.sender_id), _known(particulars.people, paid.recipient_id)
    type_ = LineType.REFUND if kind == "refund" else LineType.CHARGE if paid.is_charge else LineType.PAYMENT
    first, second = (recipient, sender) if type_ is LineType.CHARGE else (sender, recipient)
    is_mine = paid.sender_id == owner.id
    return Line(
        id=ids.encode(ids.TRANSFER, transfer_id),
        type=type_,
        at=at,
        amount=amount,
        balance=balance,
        fee=paid.fee if is_mine else paid.seller_fee,
        note=paid.note,
        sender=first.display_name,
        recipient=second.display_name,
        other=recipient if is_mine else sender,
        funding_source=BALANCE if is_mine else "",
        destination="" if is_mine else BALANCE,
    )


def _known(things: Mapping[UUID, Known], key: UUID) -> Known:
    try:
        return things[key]
    except KeyError:
        raise WrongStatement(f"nothing says what {key} was") from None


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
