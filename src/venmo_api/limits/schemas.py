"""Bodies of limits."""

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, Field

from venmo_api.core.clock import rfc3339
from venmo_api.core.money import CURRENCY
from venmo_api.http import fields
from venmo_api.limits.rules import Flow, Standing

SLICES_MOST = 100


class SliceOut(BaseModel):
    amount: fields.Cents
    frees_at: fields.Moment


class LimitOut(BaseModel):
    """``sent_new_device`` is told on a new device only. ``slices`` are the amounts that stop counting next, soonest
    first; the first hundred."""

    limit: Flow
    limit_amount: fields.Cents = Field(description="cents in any window")
    window_seconds: fields.Count
    used: fields.Cents
    left: fields.Cents
    slices: Annotated[list[SliceOut], Field(max_length=SLICES_MOST)]


class LimitsOut(BaseModel):
    """A use counts for ``window_seconds`` from the second it was authorised, whatever becomes of it."""

    window_seconds: fields.Count
    currency: fields.Currency
    limits: Annotated[list[LimitOut], Field(max_length=len(Flow))]


def limits_document(standings: Sequence[Standing], *, window_seconds: int) -> dict[str, Any]:
    return {
        "window_seconds": window_seconds,
        "currency": CURRENCY,
        "limits": [
            {
                "limit": one.flow,
                "limit_amount": one.most,
                "window_seconds": one.window_seconds,
                "used": one.used,
                "left": one.left,
                "slices": [{"amount": part.amount, "frees_at": rfc3339(part.frees_at)} for part in one.slices],
            }
            for one in standings
        ],
    }
