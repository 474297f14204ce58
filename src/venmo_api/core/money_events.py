"""Events of money: what was paid, asked for, held, brought in and taken out."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class TopUpSettled:
    top_up_id: UUID
    user_id: UUID
    amount: int
    currency: str
    at: datetime

    @property
    def subject_id(self) -> UUID:
        return self.user_id


@dataclass(frozen=True, slots=True)
class TopUpFailed:
    top_up_id: UUID
    user_id: UUID
    amount: int
    currency: str
    at: datetime

    @property
    def subject_id(self) -> UUID:
        return self.user_id


@dataclass(frozen=True, slots=True)
class TransferSettled:
    transfer_id: UUID
    sender_id: UUID
    recipient_id: UUID
    amount: int
    currency: str
    note: str
    audience: str
    at: datetime

    @property
    def subject_id(self) -> UUID:
        return self.sender_id


@dataclass(frozen=True, slots=True)
class CashOutSettled:
    cash_out_id: UUID
    user_id: UUID
    amount: int
    fee: int
    currency: str
    at: datetime

    @property
    def subject_id(self) -> UUID:
        return self.user_id


@dataclass(frozen=True, slots=True)
class CashOutFailed:
    cash_out_id: UUID
    user_id: UUID
    amount: int
    currency: str
    at: datetime

    @property
    def subject_id(self) -> UUID:
        return self.user_id


@dataclass(frozen=True, slots=True)
class TransferPended:
    transfer_id: UUID
    sender_id: UUID
    amount: int
    currency: str
    at: datetime

    @property
    def subject_id(self) -> UUID:
        return self.sender_id


@dataclass(frozen=True, slots=True)
class TransferHeld:
    """A payment that somebody looks at before it goes on. ``recipient_id`` is None when nobody has signed up yet."""

    transfer_id: UUID
    sender_id: UUID
    recipient_id: UUID | None
    amount: int
    currency: str
    at: datetime

    @property
    def subject_id(self) -> UUID:
        return self.sender_id


@dataclass(frozen=True, slots=True)
class TransferClaimed:
    """A payment that waited for its contact to be proved; beside the TransferSettled that it became."""

    transfer_id: UUID
    sender_id: UUID
    recipient_id: UUID
    amount: int
    currency: str
    at: datetime

    @property
    def subject_id(self) -> UUID:
        return self.recipient_id


@dataclass(frozen=True, slots=True)
class TransferReleased:
    """A payment that was looked at and may go on; beside the TransferSettled that it became."""

    transfer_id: UUID
    sender_id: UUID
    recipient_id: UUID
    amount: int
    currency: str
    at: datetime

    @property
    def subject_id(self) -> UUID:
        return self.sender_id


@dataclass(frozen=True, slots=True)
class TransferEnded:
    """``was``: what it was before, pending or held."""

    transfer_id: UUID
    sender_id: UUID
    status: str
    at: datetime
    was: str = "pending"

    @property
    def subject_id(self) -> UUID:
        return self.sender_id


@dataclass(frozen=True, slots=True)
class TransferRefunded:
    transfer_id: UUID
    refund_of: UUID
    sender_id: UUID
    recipient_id: UUID
    amount: int
    currency: str
    at: datetime

    @property
    def subject_id(self) -> UUID:
        return self.sender_id


@dataclass(frozen=True, slots=True)
class RequestMade:
    request_id: UUID
    requester_id: UUID
    payer_id: UUID
    amount: int
    currency: str
    note: str
    at: datetime

    @property
    def subject_id(self) -> UUID:
        return self.requester_id


@dataclass(frozen=True, slots=True)
class RequestReminded:
    request_id: UUID
    requester_id: UUID
    payer_id: UUID
    at: datetime

    @property
    def subject_id(self) -> UUID:
        return self.requester_id


@dataclass(frozen=True, slots=True)
class RequestEnded:
    request_id: UUID
    requester_id: UUID
    payer_id: UUID
    status: str
    ended_by: UUID | None
    at: datetime

    @property
    def subject_id(self) -> UUID:
        return self.requester_id


@dataclass(frozen=True, slots=True)
class HoldPlaced:
    hold_id: UUID
    payer_id: UUID
    payee_id: UUID
    amount: int
    currency: str
    at: datetime

    @property
    def subject_id(self) -> UUID:
        return self.payer_id


@dataclass(frozen=True, slots=True)
class HoldCaptured:
    """Some or all of it; ``transfer_id`` is the payment it became."""

    hold_id: UUID
    transfer_id: UUID
    payer_id: UUID
    payee_id: UUID
    amount: int
    currency: str
    at: datetime

    @property
    def subject_id(self) -> UUID:
        return self.payee_id


@dataclass(frozen=True, slots=True)
class HoldEnded:
    hold_id: UUID
    payer_id: UUID
    payee_id: UUID
    status: str
    captured: int
    at: datetime

    @property
    def subject_id(self) -> UUID:
        return self.payer_id
