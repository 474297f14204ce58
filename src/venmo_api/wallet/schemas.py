"""Bodies of the wallet."""

from datetime import datetime
from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, Field, StringConstraints

from venmo_api.core import ids
from venmo_api.core.clock import rfc3339
from venmo_api.core.errors import AppError
from venmo_api.core.money import CURRENCY, MAX_AMOUNT_CENTS
from venmo_api.http import problems
from venmo_api.http.bodies import Body
from venmo_api.idempotency.rules import Reply
from venmo_api.wallet.rules import Source, TopUp, Wallet


class FundingSourceBody(Body):
    """In the sandbox: ``sandbox_bank_ok`` settles every top-up, ``sandbox_bank_no_funds`` fails every one."""

    type: Literal["bank"] = "bank"
    token: Annotated[str, StringConstraints(min_length=1, max_length=200), Field(examples=["sandbox_bank_ok"])]


class TopUpBody(Body):
    funding_source_id: Annotated[str, StringConstraints(max_length=64)]
    amount: Annotated[
        int,
        Field(gt=0, le=MAX_AMOUNT_CENTS, description="cents", examples=[10000], json_schema_extra={"format": "int64"}),
    ]
    currency: Literal["USD"] = CURRENCY


class WalletOut(BaseModel):
    available: int
    pending: int
    on_hold: int
    debt: int
    currency: str


class FundingSourceOut(BaseModel):
    id: str
    type: str
    label: str
    last4: str
    created_at: datetime


class FundingSourcePage(BaseModel):
    data: list[FundingSourceOut]
    next_cursor: str | None
    has_more: bool


class TopUpOut(BaseModel):
    id: str
    status: str
    amount: int
    currency: str
    funding_source_id: str
    created_at: datetime


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


def reply(top_up: TopUp, refusal: AppError | None) -> Reply:
    """The answer to a top-up that has ended, as it is sent and kept."""
    if refusal is not None:
        return Reply(*problems.render(refusal, request_id=top_up.request_id))
    document = {
        "id": ids.encode(ids.TOP_UP, top_up.id),
        "status": top_up.status,
        "amount": top_up.amount,
        "currency": top_up.currency,
        "funding_source_id": ids.encode(ids.FUNDING_SOURCE, top_up.source.id),
        "created_at": rfc3339(top_up.created_at),
    }
    return Reply(201, orjson.dumps(document))
