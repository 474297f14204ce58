"""Bodies of payments."""

from datetime import datetime
from typing import Annotated, Any, Literal

import orjson
from pydantic import AfterValidator, BaseModel, Field, model_validator

from venmo_api.core import ids
from venmo_api.core.clock import rfc3339
from venmo_api.core.errors import AppError
from venmo_api.core.money import CURRENCY, MAX_AMOUNT_CENTS
from venmo_api.http import problems
from venmo_api.http.bodies import Body
from venmo_api.idempotency.rules import Reply
from venmo_api.transfers.rules import NOTE_MOST, Pay, Transfer, is_note
from venmo_api.users.rules import Audience
from venmo_api.users.schemas import Email, Phone, PublicUser, Username, card_document


def _user_id(text: str) -> str:
    if ids.decode(ids.USER, text) is None:
        raise ValueError("is not a user id")
    return text


def _note(text: str) -> str:
    if not is_note(text):
        raise ValueError(f"must be 1 to {NOTE_MOST} visible characters, without control or text-direction characters")
    return text


Amount = Annotated[
    int, Field(gt=0, le=MAX_AMOUNT_CENTS, description="cents", examples=[1250], json_schema_extra={"format": "int64"})
]


class RecipientBody(Body):
    """Exactly one of these."""

    user_id: Annotated[str, AfterValidator(_user_id)] | None = None
    username: Username | None = None
    email: Email | None = None
    phone: Phone | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> "RecipientBody":
        if len(self.model_fields_set) != 1 or self.named() is None:
            raise ValueError("name the recipient by exactly one of user_id, username, email, phone")
        return self

    def named(self) -> Any:
        """The recipient's id, or (kind, canonical value)."""
        if self.user_id is not None:
            return ids.decode(ids.USER, self.user_id)
        for kind, value in (("username", self.username), ("email", self.email), ("phone", self.phone)):
            if value is not None:
                return kind, value
        return None


class PayBody(Body):
    """``audience``: who may see it; left out, your own setting. The stricter of the two parties' wishes holds."""

    recipient: Annotated[RecipientBody, Field(examples=[{"username": "bob"}])]
    amount: Amount
    currency: Literal["USD"] = CURRENCY
    note: Annotated[str, AfterValidator(_note), Field(examples=["pizza 🍕"])]
    audience: Audience | None = None


class TransferOut(BaseModel):
    id: str
    status: str
    amount: int
    currency: str
    note: str
    audience: Audience
    sender: PublicUser
    recipient: PublicUser
    created_at: datetime


class TransferPage(BaseModel):
    data: list[TransferOut]
    next_cursor: str | None
    has_more: bool


def transfer_document(transfer: Transfer) -> dict[str, Any]:
    return {
        "id": ids.encode(ids.TRANSFER, transfer.id),
        "status": transfer.status,
        "amount": transfer.amount,
        "currency": transfer.currency,
        "note": transfer.note,
        "audience": transfer.audience,
        "sender": card_document(transfer.sender),
        "recipient": card_document(transfer.recipient),
        "created_at": rfc3339(transfer.created_at),
    }


def reply(command: Pay, outcome: Transfer | AppError) -> Reply:
    """The answer to a payment, as it is sent and kept."""
    if isinstance(outcome, Transfer):
        return Reply(201, orjson.dumps(transfer_document(outcome)))
    return Reply(*problems.render(outcome, request_id=command.request_id))
