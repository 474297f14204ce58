"""Bodies of payments."""

from typing import Annotated, Any, Literal

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from venmo_api.core import ids
from venmo_api.core.clock import rfc3339
from venmo_api.core.errors import AppError
from venmo_api.core.money import CURRENCY, MAX_AMOUNT_CENTS
from venmo_api.http import fields, problems
from venmo_api.http.bodies import Body, DryRun, Plain
from venmo_api.idempotency.rules import Reply
from venmo_api.transfers.payees import Confirmation
from venmo_api.transfers.rules import NOTE_BYTES_MOST, NOTE_MOST, Pay, Refund, Status, Transfer, is_note
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


FundingSourceId = Annotated[str, StringConstraints(max_length=64), fields.public_id(ids.FUNDING_SOURCE)]
TransferId = Annotated[str, fields.public_id(ids.TRANSFER)]
RequestId = Annotated[str, fields.public_id(ids.REQUEST)]
REFUNDS_MOST = 1_000_000
"""One a cent of the largest payment there is in practice."""
Amount = Annotated[
    int, Field(gt=0, le=MAX_AMOUNT_CENTS, description="cents", examples=[1250], json_schema_extra={"format": "int64"})
]
NoteOut = Annotated[str, fields.plain(NOTE_BYTES_MOST)]
"""The longest emoji are of many code points: 280 of them still fit."""
Note = Annotated[NoteOut, AfterValidator(_note), Field(examples=["pizza 🍕"])]


class RecipientBody(Body):
    """Exactly one of these."""

    model_config = ConfigDict(json_schema_extra=fields.exactly_one("user_id", "username", "email", "phone"))

    user_id: Annotated[str, fields.public_id(ids.USER), AfterValidator(_user_id)] | None = None
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

    @property
    def is_contact(self) -> bool:
        """Whether the answer may tell that somebody has proved an address or a number to be theirs."""
        return self.email is not None or self.phone is not None


class ConfirmationBody(Body):
    """Exactly one of these, told to you by the person you pay."""

    model_config = ConfigDict(json_schema_extra=fields.exactly_one("phone_last4", "pay_code"))

    phone_last4: Annotated[str, StringConstraints(max_length=4, pattern=r"^[0-9]{4}$")] | None = None
    pay_code: Annotated[str, StringConstraints(min_length=1, max_length=200), fields.plain(200), Plain] | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> "ConfirmationBody":
        if len(self.model_fields_set) != 1 or (self.phone_last4 or self.pay_code) is None:
            raise ValueError("give exactly one of phone_last4, pay_code")
        return self

    def given(self) -> Confirmation:
        return Confirmation(phone_last4=self.phone_last4, pay_code=self.pay_code)


class PayBody(Body):
    """``audience``: who may see it; left out, your own setting. The stricter of the two parties' wishes holds.

    ``goods_and_services``: the recipient sells you something and pays the fee for it. ``allow_duplicate``: you mean to
    pay the same person the same amount with the same note once more. ``confirmation``: for the first payment above the
    limit to somebody who is not your friend. ``funding_source_id``: a card or bank that pays what your balance does not
    cover; what a card pays costs a fee, which you pay on top.

    In the sandbox some amounts rehearse what may happen, if the card or bank is asked for so much, the fee included:
    9002 ($90.02) fails; 9003 is pending for a day of the service's clock and then settles; 9004 is pending as long and
    then fails. From an empty balance a card is asked for so much by payments of 8740, 8741 and 8742.
    """

    recipient: Annotated[RecipientBody, Field(examples=[{"username": "bob"}])]
    amount: Amount
    currency: Literal["USD"] = CURRENCY
    note: Note
    audience: Audience | None = None
    goods_and_services: bool = False
    allow_duplicate: bool = False
    confirmation: ConfirmationBody | None = None
    funding_source_id: FundingSourceId | None = None
    dry_run: DryRun = False


class RefundBody(Body):
    """``amount``: left out, all that is left of the payment. ``note``: left out, that of the payment."""

    amount: Amount | None = None
    note: Note | None = None
    dry_run: DryRun = False


class ContactOut(BaseModel):
    kind: Literal["email", "phone"]
    value: Annotated[str, fields.text(254)]


class TransferOut(BaseModel):
    """``recipient`` is null, and ``contact`` says who it is for, while the money waits for somebody to sign up.
    ``fee`` is paid by the sender on top of the amount, ``seller_fee`` by the recipient out of it. ``audience`` is what
    the payment was made with; its story may have become more private since."""

    id: TransferId
    status: Status
    amount: fields.Cents
    currency: fields.Currency
    note: NoteOut
    audience: Audience
    sender: PublicUser
    recipient: PublicUser | None
    contact: ContactOut | None
    fee: fields.Cents
    seller_fee: fields.Cents
    goods_and_services: bool
    refunded: fields.Cents = Field(description="cents that went back so far")
    refund_of: TransferId | None = Field(description="the transfer whose money this gives back")
    request_id: RequestId | None = Field(description="the payment request this settled")
    hold_id: Annotated[str, fields.public_id(ids.HOLD)] | None = Field(description="the authorisation this captured")
    created_at: fields.Moment
    expires_at: fields.Moment | None = Field(description="when a pending or held payment goes back to its sender")
    ended_at: fields.Moment | None = Field(description="when a payment that waited went on, was cancelled or went back")


class FundingOut(BaseModel):
    """Who pays what: the first two are the amount together, ``fee`` is on top and paid by the funding source."""

    balance: fields.Cents
    funding_source: fields.Cents
    fee: fields.Cents


class PaidOut(TransferOut):
    """``funding`` is there if a funding source was named. `pending`: it has not paid yet."""

    funding: FundingOut | None = None


class TransferWithRefunds(TransferOut):
    refunds: Annotated[list[TransferId], Field(max_length=REFUNDS_MOST)]


class TransferPage(fields.Page[TransferOut]):
    pass


def transfer_document(transfer: Transfer) -> dict[str, Any]:
    contact = transfer.contact
    return {
        "id": ids.encode(ids.TRANSFER, transfer.id),
        "status": transfer.status,
        "amount": transfer.amount,
        "currency": transfer.currency,
        "note": transfer.note,
        "audience": transfer.audience,
        "sender": card_document(transfer.sender),
        "recipient": card_document(transfer.recipient) if transfer.recipient else None,
        "contact": {"kind": contact[0], "value": contact[1]} if contact and not transfer.recipient else None,
        "fee": transfer.fee,
        "seller_fee": transfer.seller_fee,
        "goods_and_services": transfer.goods_and_services,
        "refunded": transfer.refunded,
        "refund_of": ids.encode(ids.TRANSFER, transfer.refund_of) if transfer.refund_of else None,
        "request_id": ids.encode(ids.REQUEST, transfer.settles) if transfer.settles else None,
        "hold_id": ids.encode(ids.HOLD, transfer.hold_id) if transfer.hold_id else None,
        "created_at": rfc3339(transfer.created_at),
        "expires_at": rfc3339(transfer.expires_at) if transfer.expires_at else None,
        "ended_at": rfc3339(transfer.ended_at) if transfer.ended_at else None,
    }


def reply(command: Pay | Refund, outcome: Transfer | AppError) -> Reply:
    """The answer to a payment or refund, as it is sent and kept."""
    if isinstance(outcome, Transfer):
        return Reply(201, orjson.dumps(transfer_document(outcome)), address=outcome.contact and outcome.contact[1])
    return Reply(*problems.render(outcome, request_id=command.request_id))


def funded_reply(request_id: str, outcome: Transfer | AppError, charged: int) -> Reply:
    """The answer to a payment that names a funding source; ``charged`` is what that pays in all."""
    if isinstance(outcome, AppError):
        return Reply(*problems.render(outcome, request_id=request_id))
    part = charged - outcome.fee
    funding = {"balance": outcome.amount - part, "funding_source": part, "fee": outcome.fee}
    document = transfer_document(outcome) | {"funding": funding}
    return Reply(201, orjson.dumps(document), address=outcome.contact and outcome.contact[1])
