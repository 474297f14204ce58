"""Bodies of the wallet."""

from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, Field, StringConstraints

from venmo_api.core import ids
from venmo_api.core.clock import rfc3339
from venmo_api.core.errors import AppError
from venmo_api.core.money import CURRENCY, MAX_AMOUNT_CENTS
from venmo_api.http import fields, problems
from venmo_api.http.bodies import Body, DryRun
from venmo_api.idempotency.rules import Reply
from venmo_api.wallet.rules import CashOut, Source, SourceType, Speed, Status, TopUp, Wallet

FundingSourceId = Annotated[str, StringConstraints(max_length=64), fields.public_id(ids.FUNDING_SOURCE)]
Amount = Annotated[
    int, Field(gt=0, le=MAX_AMOUNT_CENTS, description="cents", examples=[10000], json_schema_extra={"format": "int64"})
]


class FundingSourceBody(Body):
    """In the sandbox: `sandbox_bank_ok` and `sandbox_card_ok` settle at once, `sandbox_bank_no_funds` and
    `sandbox_card_declined` always fail, `sandbox_bank_slow` is pending for a day of the service's clock and then
    settles. ``type``: left out, what the token stands for."""

    type: Literal["bank", "card"] | None = None
    token: Annotated[
        str, StringConstraints(min_length=1, max_length=200), fields.plain(200), Field(examples=["sandbox_bank_ok"])
    ]


class TopUpBody(Body):
    """From a bank. In the sandbox some amounts rehearse what may happen: 9002 ($90.02) fails; 9003 is pending for a day
    of the service's clock and then settles; 9004 is pending as long and then fails."""

    funding_source_id: FundingSourceId
    amount: Amount
    currency: Literal["USD"] = CURRENCY
    dry_run: DryRun = False


class CashOutBody(Body):
    """``speed``: `standard` is free and goes to a bank; `instant` costs a fee that is taken from the amount, and goes
    to a card too. In the sandbox some amounts rehearse what may happen, if so much is left after the fee: 9002 ($90.02)
    fails; 9003 is pending for a day of the service's clock and then settles; 9004 is pending as long and then fails."""

    funding_source_id: FundingSourceId
    amount: Amount
    currency: Literal["USD"] = CURRENCY
    speed: Literal["standard", "instant"] = "standard"
    dry_run: DryRun = False


class WalletOut(BaseModel):
    available: fields.Cents
    pending: fields.Cents
    on_hold: fields.Cents
    debt: fields.Cents
    currency: fields.Currency


class FundingSourceOut(BaseModel):
    id: Annotated[str, fields.public_id(ids.FUNDING_SOURCE)]
    type: SourceType
    label: Annotated[str, fields.text(200)]
    last4: Annotated[str, Field(max_length=4, pattern=r"^[0-9]{4}$")]
    created_at: fields.Moment


class FundingSourcePage(fields.Page[FundingSourceOut]):
    pass


class TopUpOut(BaseModel):
    """``ended_at``: when it was settled or failed; null while the bank has not said which."""

    id: Annotated[str, fields.public_id(ids.TOP_UP)]
    status: Status
    amount: fields.Cents
    currency: fields.Currency
    funding_source_id: FundingSourceId
    created_at: fields.Moment
    ended_at: fields.Moment | None


class TopUpPage(fields.Page[TopUpOut]):
    pass


class CashOutOut(TopUpOut):
    """``fee`` is taken from the amount: the bank gets the rest. While it is pending the amount is on hold; if it fails
    it is available again."""

    id: Annotated[str, fields.public_id(ids.CASH_OUT)]
    fee: fields.Cents
    speed: Speed


class CashOutPage(fields.Page[CashOutOut]):
    pass


def wallet_document(wallet: Wallet) -> dict[str, Any]:
    return {
        "available": wallet.available,
        "pending": wallet.pending,
        "on_hold": wallet.on_hold,
        "debt": wallet.debt,
        "currency": CURRENCY,
    }


def source_document(source: Source) -> dict[str, Any]:
    return {
        "id": ids.encode(ids.FUNDING_SOURCE, source.id),
        "type": source.type,
        "label": source.label,
        "last4": source.last4,
        "created_at": rfc3339(source.created_at),
    }


def top_up_document(top_up: TopUp) -> dict[str, Any]:
    return {"id": ids.encode(ids.TOP_UP, top_up.id), **_moving(top_up)}


def cash_out_document(cash_out: CashOut) -> dict[str, Any]:
    own = {"fee": cash_out.fee, "speed": cash_out.speed}
    return {"id": ids.encode(ids.CASH_OUT, cash_out.id), **_moving(cash_out), **own}


def top_up_reply(top_up: TopUp, refusal: AppError | None) -> Reply:
    """The answer to a top-up, as it is sent and kept."""
    if refusal is not None:
        return Reply(*problems.render(refusal, request_id=top_up.request_id))
    return Reply(201, orjson.dumps(top_up_document(top_up)))


def cash_out_reply(cash_out: CashOut, refusal: AppError | None) -> Reply:
    """The answer to a cash-out, as it is sent and kept."""
    if refusal is not None:
        return Reply(*problems.render(refusal, request_id=cash_out.request_id))
    return Reply(201, orjson.dumps(cash_out_document(cash_out)))


def _moving(one: TopUp | CashOut) -> dict[str, Any]:
    return {
        "status": one.status,
        "amount": one.amount,
        "currency": one.currency,
        "funding_source_id": ids.encode(ids.FUNDING_SOURCE, one.source.id),
        "created_at": rfc3339(one.created_at),
        "ended_at": rfc3339(one.ended_at) if one.ended_at else None,
    }
