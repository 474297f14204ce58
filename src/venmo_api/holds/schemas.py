"""Bodies of authorisations."""

from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, Field

from venmo_api.core import ids
from venmo_api.core.clock import rfc3339
from venmo_api.core.errors import AppError
from venmo_api.core.money import CURRENCY
from venmo_api.holds.rules import LONGEST, SHORTEST, Capture, Captured, Hold, Place, Status
from venmo_api.http import fields, problems
from venmo_api.http.bodies import Body, DryRun
from venmo_api.idempotency.rules import Reply
from venmo_api.transfers.schemas import (
    Amount,
    ConfirmationBody,
    Note,
    NoteOut,
    RecipientBody,
    TransferOut,
    transfer_document,
)
from venmo_api.users.rules import Audience
from venmo_api.users.schemas import PublicUser, card_document

Lifetime = Annotated[
    int,
    Field(
        ge=int(SHORTEST.total_seconds()),
        le=int(LONGEST.total_seconds()),
        examples=[86400],
        description="seconds",
        json_schema_extra=fields.INT32,
    ),
]


class HoldBody(Body):
    """``audience``: who may see its captures; the stricter of this and the payee's own setting holds.
    ``expires_in_seconds``: when what was not captured comes back; left out, after a week. ``confirmation``: for the
    first payment above the limit to somebody who is not your friend."""

    payee: Annotated[RecipientBody, Field(examples=[{"username": "bob"}])]
    amount: Amount
    currency: Literal["USD"] = CURRENCY
    note: Note
    audience: Audience = Audience.PRIVATE
    expires_in_seconds: Lifetime | None = None
    confirmation: ConfirmationBody | None = None
    dry_run: DryRun = False


class CaptureBody(Body):
    """``amount``: left out, all that is left. ``final``: give back the rest. ``note``: left out, that of the hold;
    a payment with a note of your own is told to nobody but you both."""

    amount: Amount | None = None
    final: bool = False
    note: Note | None = None
    dry_run: DryRun = False


class HoldOut(BaseModel):
    """``left`` may still be captured, until ``expires_at``. Ended as `settled` (captured, or a capture was final),
    `cancelled` (the payee gave it back) or `expired`; what was captured before stays captured."""

    id: Annotated[str, fields.public_id(ids.HOLD)]
    status: Status
    amount: fields.Cents
    captured: fields.Cents
    left: fields.Cents
    currency: fields.Currency
    note: NoteOut
    audience: Audience
    payer: PublicUser
    payee: PublicUser
    created_at: fields.Moment
    expires_at: fields.Moment
    ended_at: fields.Moment | None


class CapturedOut(BaseModel):
    """``transfer``: the payment this capture made."""

    hold: HoldOut
    transfer: TransferOut


class HoldPage(fields.Page[HoldOut]):
    pass


def hold_document(hold: Hold) -> dict[str, Any]:
    return {
        "id": ids.encode(ids.HOLD, hold.id),
        "status": hold.status,
        "amount": hold.amount,
        "captured": hold.captured,
        "left": hold.left,
        "currency": hold.currency,
        "note": hold.note,
        "audience": hold.audience,
        "payer": card_document(hold.payer),
        "payee": card_document(hold.payee),
        "created_at": rfc3339(hold.created_at),
        "expires_at": rfc3339(hold.expires_at),
        "ended_at": rfc3339(hold.ended_at) if hold.ended_at else None,
    }


def placed(command: Place, outcome: Hold | AppError) -> Reply:
    """The answer to an authorisation, as it is sent and kept."""
    if isinstance(outcome, Hold):
        return Reply(201, orjson.dumps(hold_document(outcome)))
    return Reply(*problems.render(outcome, request_id=command.payment.request_id))


def captured(command: Capture, outcome: Captured | AppError) -> Reply:
    """The answer to a capture, as it is sent and kept."""
    if isinstance(outcome, Captured):
        document = {"hold": hold_document(outcome.hold), "transfer": transfer_document(outcome.transfer)}
        return Reply(201, orjson.dumps(document))
    return Reply(*problems.render(outcome, request_id=command.request_id))
