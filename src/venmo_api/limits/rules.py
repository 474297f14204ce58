"""What anybody may send, bring in and take out in a rolling window. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from venmo_api.core.errors import AppError, Kind
from venmo_api.core.figures import Figures
from venmo_api.core.money import dollars


class Flow(StrEnum):
    SENT = "sent"
    TOPPED_UP = "topped_up"
    CASHED_OUT = "cashed_out"
    SENT_NEW_DEVICE = "sent_new_device"
    """What is sent or cashed out from devices that are new and that no second factor vouched for."""


SENTENCES = {
    Flow.SENT: "send",
    Flow.TOPPED_UP: "add to your wallet",
    Flow.CASHED_OUT: "move to banks",
    Flow.SENT_NEW_DEVICE: "send from new devices",
}


class LimitExceeded(AppError):
    kind = Kind.DECLINED
    code = "limit_exceeded"
    title = "Above your limit"

    def __init__(self, flow: Flow, most: int, left: int, *, verifying_helps: bool) -> None:
        more = "wait until earlier ones no longer count" + (", or verify your identity." if verifying_helps else ".")
        super().__init__(
            f"You may {SENTENCES[flow]} {dollars(most)} in any seven days and {dollars(left)} of it is left; "
            f"choose a smaller amount, {more}"
        )
        self.extra = {"limit": flow, "limit_amount": most, "left": left}


class NewDeviceLimit(AppError):
    kind = Kind.FORBIDDEN
    code = "new_device_limit"
    title = "This device is new"

    def __init__(self, most: int, left: int) -> None:
        super().__init__(
            f"A new device may send {dollars(most)} on its first day and {dollars(left)} of it is left; choose a "
            "smaller amount, use a device you have had for longer, or show a second factor on this one."
        )
        self.extra = {"limit": Flow.SENT_NEW_DEVICE, "limit_amount": most, "left": left}


@dataclass(frozen=True, slots=True)
class Window:
    """How one person's use of one flow stood: ``total`` of all time, and what of it no longer counts. Cents."""

    total: int = 0
    expired: int = 0
    last_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Use:
    """An authorised amount that counts from ``at`` on; ``total`` is the sum up to and with it."""

    user_id: UUID
    flow: Flow
    at: datetime
    amount: int
    total: int


@dataclass(frozen=True, slots=True)
class Slice:
    """Cents that count until ``frees_at``."""

    amount: int
    frees_at: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """One limit of one person: cents, and the slices that free next, soonest first."""

    flow: Flow
    most: int
    used: int
    window_seconds: int
    slices: Sequence[Slice]

    @property
    def left(self) -> int:
        return max(self.most - self.used, 0)


@dataclass(slots=True)
class Meter:
    """The windows of a batch, by command; what is used counts for the commands after it.

    ``new_device`` has windows for those commands that come from a new device: they count there too.
    """

    flow: Flow
    figures: Figures
    windows: dict[UUID, Window]
    uses: list[Use] = field(default_factory=list)
    new_device: "Meter | None" = None
    _newest: dict[UUID, Use] = field(default_factory=dict)

    def use(self, command_id: UUID, user_id: UUID, amount: int, *, at: datetime, verified: bool) -> Use:
        """Count ``amount`` cents of ``user_id``. Raises LimitExceeded or NewDeviceLimit, and then has counted
        nothing."""
        used = self._judged(command_id, user_id, amount, at=at, verified=verified)
        if self.new_device is not None and command_id in self.new_device.windows:
            self.new_device.use(command_id, user_id, amount, at=at, verified=verified)
        self.uses.append(used)
        self._newest[user_id] = used
        return used

    def _judged(self, command_id: UUID, user_id: UUID, amount: int, *, at: datetime, verified: bool) -> Use:
        window, newest = self.windows[command_id], self._newest.get(user_id)
        total, last_at = (newest.total, newest.at) if newest else (window.total, window.last_at)
        most = limit(self.flow, verified=verified, figures=self.figures)
        left = most - (total - window.expired)
        if amount > left:
            if self.flow is Flow.SENT_NEW_DEVICE:
                raise NewDeviceLimit(most, max(left, 0))
            helps = limit(self.flow, verified=True, figures=self.figures) > most
            raise LimitExceeded(self.flow, most, max(left, 0), verifying_helps=helps)
        return Use(user_id, self.flow, max(at, last_at) if last_at else at, amount, total + amount)


def limit(flow: Flow, *, verified: bool, figures: Figures) -> int:
    """The most that counts in any window, in cents."""
    if flow is Flow.TOPPED_UP:
        return figures.topped_up
    if flow is Flow.SENT:
        return figures.sent_verified if verified else figures.sent_unverified
    if flow is Flow.SENT_NEW_DEVICE:
        return figures.new_device_sent
    return figures.cashed_out_verified if verified else figures.cashed_out_unverified


def lasts(flow: Flow, figures: Figures) -> timedelta:
    """How long a use counts."""
    return timedelta(seconds=figures.new_device_seconds if flow is Flow.SENT_NEW_DEVICE else figures.window_seconds)


def horizon(flow: Flow, at: datetime, figures: Figures) -> datetime:
    """What was authorised at this moment or before no longer counts at ``at``."""
    return at - lasts(flow, figures)
