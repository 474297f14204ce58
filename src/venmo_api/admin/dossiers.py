"""What analysts are shown of risk."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from venmo_api.risk.decisions import Logged
from venmo_api.risk.labels import Label
from venmo_api.risk.lists import Entry, Snooze
from venmo_api.transfers.rules import Status
from venmo_api.users.rules import Card


@dataclass(frozen=True, slots=True)
class Held:
    """A payment that waits for a verdict until ``expires_at``. Nobody has signed up with its contact: no recipient.
    ``logged`` is None when the decision is in the archive already."""

    transfer_id: UUID
    amount: int
    currency: str
    created_at: datetime
    expires_at: datetime
    sender: Card
    recipient: Card | None
    logged: Logged | None


@dataclass(frozen=True, slots=True)
class RiskCase:
    """A decision about a payment with what there is to judge it by. ``status``: of the payment; None for one that was
    declined. ``recent``: what was decided of its people before and since, newest first."""

    logged: Logged
    status: Status | None
    expires_at: datetime | None
    sender: Card
    recipient: Card | None
    labels: Sequence[Label]
    snoozes: Sequence[Snooze]
    recent_of_sender: Sequence[Logged]
    recent_of_recipient: Sequence[Logged]


@dataclass(frozen=True, slots=True)
class Ruling:
    """What became of a held payment, by whom."""

    transfer_id: UUID
    status: Status
    label: Label


@dataclass(frozen=True, slots=True)
class Listed:
    """An entry of a list, with the person it names."""

    entry: Entry
    person: Card | None
