"""Bodies of the sandbox."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from venmo_api.core import ids
from venmo_api.core.clock import rfc3339
from venmo_api.http import fields
from venmo_api.http.bodies import Body, Plain
from venmo_api.http.parameters import PageQuery
from venmo_api.sandbox.rules import STEP_MOST

STEP_MOST_SECONDS = int(STEP_MOST.total_seconds())


class ClockBody(Body):
    """Exactly one of the two: how many seconds to go on, or the moment it shall be."""

    model_config = ConfigDict(json_schema_extra=fields.exactly_one("advance_seconds", "now"))

    advance_seconds: (
        Annotated[int, Field(ge=1, le=STEP_MOST_SECONDS, examples=[86400], json_schema_extra=fields.INT32)] | None
    ) = None
    now: (
        Annotated[
            AwareDatetime,
            Field(description="RFC 3339, later than the service's now", json_schema_extra={"maxLength": 35}),
        ]
        | None
    ) = None

    @model_validator(mode="after")
    def _exactly_one(self) -> "ClockBody":
        if len(self.model_fields_set) != 1 or (self.advance_seconds or self.now) is None:
            raise ValueError("give exactly one of advance_seconds, now")
        return self


class MessagesQuery(PageQuery):
    address: Annotated[
        str, Field(min_length=1, max_length=254, examples=["alice@example.com"]), fields.plain(254), Plain
    ]


class ClockOut(BaseModel):
    """``ahead_seconds``: how far the service's now is ahead of the system's."""

    now: fields.Moment
    ahead_seconds: float


class MessageOut(BaseModel):
    id: Annotated[str, fields.public_id(ids.MESSAGE)]
    channel: Literal["email", "phone", "push"]
    address: Annotated[str, fields.text(254)]
    text: Annotated[str, Field(max_length=10_000, pattern=r"^[^\u0000]*$")]
    sent_at: fields.Moment


class Inbox(fields.Page[MessageOut]):
    pass


def clock_document(now: datetime, ahead: timedelta) -> dict[str, Any]:
    return {"now": rfc3339(now), "ahead_seconds": ahead.total_seconds()}


def message_document(message: Any) -> dict[str, Any]:
    return {
        "id": ids.encode(ids.MESSAGE, message.id),
        "channel": message.channel,
        "address": message.address,
        "text": message.text,
        "sent_at": rfc3339(message.sent_at),
    }
