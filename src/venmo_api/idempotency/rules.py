"""What a key means: the claim a request makes, and how an earlier answer under the same key binds it. Pure."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from venmo_api.core.errors import AppError, Kind

SEALED: Final = b'"value":"sealed:'
"""What stands in a kept answer where an address stood. Within what people write, quotes are escaped."""


class IdempotencyKeyReused(AppError):
    kind = Kind.INVALID
    code = "idempotency_key_reused"
    title = "This key was used for another request"

    def __init__(self) -> None:
        super().__init__("This Idempotency-Key was sent before with a different body; use a new key for a new payment.")


class OperationInFlight(AppError):
    kind = Kind.CONFLICT
    code = "operation_in_flight"
    title = "The first request under this key is still running"

    def __init__(self) -> None:
        super().__init__(
            "Wait and send the same request again; it will be answered with the first one's result.",
            retry_after_seconds=1,
        )


def is_key(text: str) -> bool:
    """8 to 255 visible ASCII characters."""
    return 8 <= len(text) <= 255 and all("!" <= character <= "~" for character in text)


@dataclass(frozen=True, slots=True)
class Claim:
    """One request's claim on a key: who, which route, which key, and hashes of what was asked: the one to keep first,
    then those it may have been kept under before."""

    user_id: UUID
    route: str
    key: str
    fingerprints: tuple[bytes, ...]
    at: datetime

    @property
    def fingerprint(self) -> bytes:
        return self.fingerprints[0]

    @property
    def scope(self) -> tuple[UUID, str, str]:
        return (self.user_id, self.route, self.key)


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer as it was, or will be, sent: status and exact bytes. ``address``: somebody's, as ``value`` in the
    body; it is kept sealed."""

    status: int
    body: bytes
    replayed: bool = False
    address: str | None = field(default=None, repr=False)

    @property
    def is_sealed(self) -> bool:
        return SEALED in self.body


@dataclass(frozen=True, slots=True)
class Known:
    """What is remembered under a key. No reply: the first request has not finished."""

    fingerprint: bytes
    reply: Reply | None


def judge(claim: Claim, known: Known | None) -> Reply | AppError | None:
    """None: the key is new, go on. A Reply: replay it. An error: refuse this request."""
    if known is None:
        return None
    if known.fingerprint not in claim.fingerprints:
        return IdempotencyKeyReused()
    if known.reply is None:
        return OperationInFlight()
    return Reply(known.reply.status, known.reply.body, replayed=True)
