"""Bodies and queries of statements."""

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field

from venmo_api.archive.restore_rules import State as RestoreState
from venmo_api.core import ids
from venmo_api.core.clock import rfc3339
from venmo_api.core.money import CURRENCY
from venmo_api.http import fields
from venmo_api.http.bodies import Body
from venmo_api.http.parameters import Query
from venmo_api.statements.rules import LINES_MOST, Format, Line, LineType, State, Statement
from venmo_api.transfers.rules import NOTE_BYTES_MOST, Status
from venmo_api.users.schemas import PublicUser, card_document

_DAY = re.compile(r"\d{4}-\d\d-\d\d")
STATES_MOST = 1000
"""A payment changes its state a few times, and with each refund of it."""
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)")


def _day(asked: object) -> object:
    if not isinstance(asked, str) or not _DAY.fullmatch(asked):
        raise ValueError("must be a day like 2026-11-20")
    return asked


def _body_day(asked: object) -> object:
    try:
        return date.fromisoformat(str(_day(asked)))
    except ValueError:
        raise ValueError("must be a day like 2026-11-20") from None


def _moment(asked: object) -> object:
    if not isinstance(asked, str) or not _MOMENT.fullmatch(asked):
        raise ValueError("must be a moment like 2026-11-20T19:06:00Z; in a query, write a + as %2B")
    return asked


def _utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("must be a moment of the years 1 to 9999") from None


Day = Annotated[date, BeforeValidator(_day), Field(json_schema_extra={"maxLength": 10})]
BodyDay = Annotated[
    date, BeforeValidator(_body_day), Field(json_schema_extra={"maxLength": 10, "pattern": r"^\d{4}-\d\d-\d\d$"})
]
Moment = Annotated[datetime, BeforeValidator(_moment), AfterValidator(_utc), Field(json_schema_extra={"maxLength": 40})]


class BalanceQuery(Query):
    at: Annotated[Moment, Field(description="RFC 3339, not in the future", examples=["2026-11-20T19:06:00Z"])]


class HistoryQuery(Query):
    at: Annotated[
        Moment | None,
        Field(description="RFC 3339, not in the future; now, when left out", examples=["2026-11-20T19:06:00Z"]),
    ] = None


class StatementQuery(Query):
    start: Annotated[Day | None, Field(description="first UTC day; that of the last day's month, when left out")] = None
    end: Annotated[Day | None, Field(description="last UTC day, in the statement too; today, when left out")] = None
    format: Format = Format.JSON


class BalanceOut(BaseModel):
    """What the balance was, in cents: all that was posted by then, held money included."""

    at: fields.Moment
    balance: fields.SignedCents
    currency: fields.Currency


class StateOut(BaseModel):
    status: Status
    at: fields.Moment
    refunded: fields.Cents = Field(description="cents that had gone back by then")


class TransferHistoryOut(BaseModel):
    """``status`` and ``refunded`` are as of ``at``; ``states`` is how it came to that, the oldest first."""

    id: Annotated[str, fields.public_id(ids.TRANSFER)]
    at: fields.Moment
    status: Status
    refunded: fields.Cents
    states: Annotated[list[StateOut], Field(max_length=STATES_MOST)]


class LineOut(BaseModel):
    """One movement of your balance. ``from`` and ``to`` are names; a charge is from whoever asked for the money."""

    id: Annotated[str, fields.text(64)]
    type: LineType
    status: Literal["Issued", "Complete"]
    at: fields.Moment
    note: Annotated[str, fields.text(NOTE_BYTES_MOST)]
    from_: Annotated[str, fields.text(300)] = Field(alias="from")
    to: Annotated[str, fields.text(300)]
    other: PublicUser | None = Field(description="the other person")
    amount: fields.SignedCents = Field(description="cents into (positive) or out of your balance, the fee in it")
    fee: fields.Cents
    balance: fields.SignedCents = Field(description="after this line")
    funding_source: Annotated[str, fields.text(300)]
    destination: Annotated[str, fields.text(300)]


class StatementOut(BaseModel):
    """``opening_balance`` and the amounts of all lines make ``closing_balance``, always. Cents."""

    account: PublicUser
    start: fields.Day
    end: fields.Day
    currency: fields.Currency
    opening_balance: fields.SignedCents
    closing_balance: fields.SignedCents
    money_in: fields.Cents
    money_out: fields.SignedCents
    fees: fields.Cents
    year_to_date_fees: fields.Cents
    lines: Annotated[list[LineOut], Field(max_length=LINES_MOST)]


class RestoreBody(Body):
    """Days that a statement was refused for; both of them are restored, too."""

    start: Annotated[BodyDay, Field(examples=["2024-03-01"])]
    end: Annotated[BodyDay, Field(examples=["2024-03-31"])]


class RestoreOut(BaseModel):
    """``waiting`` of ``files`` files cannot be read yet. Once the state is `ready`, statements and balances of
    these days can be had until ``expires_at``."""

    id: Annotated[str, fields.public_id(ids.RESTORE)]
    start: fields.Day
    end: fields.Day
    state: RestoreState
    files: fields.Count
    waiting: fields.Count
    requested_at: fields.Moment
    ready_at: fields.Moment | None
    expires_at: fields.Moment | None


def restore_document(restore: Any) -> dict[str, Any]:
    return {
        "id": ids.encode(ids.RESTORE, restore.id),
        "start": restore.first_day.isoformat(),
        "end": restore.last_day.isoformat(),
        "state": restore.state,
        "files": restore.files,
        "waiting": restore.waiting,
        "requested_at": rfc3339(restore.requested_at),
        "ready_at": rfc3339(restore.ready_at) if restore.ready_at else None,
        "expires_at": rfc3339(restore.expires_at) if restore.expires_at else None,
    }


def balance_document(balance: int, at: datetime) -> dict[str, Any]:
    return {"at": rfc3339(at), "balance": balance, "currency": CURRENCY}


def history_document(transfer_id: UUID, at: datetime, states: Sequence[State]) -> dict[str, Any]:
    return {
        "id": ids.encode(ids.TRANSFER, transfer_id),
        "at": rfc3339(at),
        "status": states[-1].status,
        "refunded": states[-1].refunded,
        "states": [{"status": state.status, "at": rfc3339(state.at), "refunded": state.refunded} for state in states],
    }


def statement_document(statement: Statement) -> dict[str, Any]:
    return {
        "account": card_document(statement.owner),
        "start": statement.period.first.isoformat(),
        "end": statement.period.last.isoformat(),
        "currency": CURRENCY,
        "opening_balance": statement.opening,
        "closing_balance": statement.closing,
        "money_in": statement.money_in,
        "money_out": statement.money_out,
        "fees": statement.fees,
        "year_to_date_fees": statement.year_to_date_fees,
        "lines": [_line_document(line) for line in statement.lines],
    }


def _line_document(line: Line) -> dict[str, Any]:
    return {
        "id": line.id,
        "type": line.type,
        "status": line.status,
        "at": rfc3339(line.at),
        "note": line.note,
        "from": line.sender,
        "to": line.recipient,
        "other": card_document(line.other) if line.other else None,
        "amount": line.amount,
        "fee": line.fee,
        "balance": line.balance,
        "funding_source": line.funding_source,
        "destination": line.destination,
    }
