"""What there is to tell, how it may be sent by default, what is refused, and how items are numbered. Pure."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from venmo_api.core import errors, ids
from venmo_api.core.errors import AppError, InvalidField
from venmo_api.core.paging import Page
from venmo_api.users.rules import Card

UNREAD_MOST: Final = 100
TOKENS_MOST: Final = 10


class Kind(StrEnum):
    PAID = "paid"
    PAYMENT_CLAIMED = "payment_claimed"
    PAYMENT_RETURNED = "payment_returned"
    PAYMENT_FAILED = "payment_failed"
    PAYMENT_RELEASED = "payment_released"
    PAYMENT_CANCELLED = "payment_cancelled"
    REFUNDED = "refunded"
    REQUESTED = "requested"
    REMINDED = "reminded"
    REQUEST_DECLINED = "request_declined"
    REQUEST_CANCELLED = "request_cancelled"
    REQUEST_EXPIRED = "request_expired"
    HOLD_PLACED = "hold_placed"
    HOLD_CAPTURED = "hold_captured"
    HOLD_RELEASED = "hold_released"
    HOLD_EXPIRED = "hold_expired"
    TOP_UP_SETTLED = "top_up_settled"
    TOP_UP_FAILED = "top_up_failed"
    CASH_OUT_SETTLED = "cash_out_settled"
    CASH_OUT_FAILED = "cash_out_failed"
    FRIEND_ASKED = "friend_asked"
    FRIENDSHIP_STARTED = "friendship_started"
    LIKED = "liked"
    REACTED = "reacted"
    COMMENTED = "commented"
    MENTIONED = "mentioned"
    NEW_DEVICE = "new_device"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - the name of a kind
    CONTACT_CLAIMED = "contact_claimed"
    CONTACT_CHANGED = "contact_changed"
    CONTACT_LOST = "contact_lost"
    FACTOR_CHANGED = "factor_changed"


MAILED: Final = frozenset(
    {
        Kind.PAYMENT_RETURNED,
        Kind.PAYMENT_FAILED,
        Kind.PAYMENT_CANCELLED,
        Kind.TOP_UP_FAILED,
        Kind.CASH_OUT_FAILED,
    }
)
"""What is mailed unless somebody does not want it: money that did not go where it should."""
MAILED_ALWAYS: Final = frozenset(
    {
        Kind.NEW_DEVICE,
        Kind.PASSWORD_CHANGED,
        Kind.CONTACT_CLAIMED,
        Kind.CONTACT_CHANGED,
        Kind.CONTACT_LOST,
        Kind.FACTOR_CHANGED,
    }
)
"""What ``auth`` mails in any case: whoever took an account over must not be able to silence it."""


class SubjectType(StrEnum):
    """What a notification is about, by the prefix of its public ids."""

    TRANSFER = "transfer"
    REQUEST = "request"
    HOLD = "hold"
    TOP_UP = "top_up"
    CASH_OUT = "cash_out"
    USER = "user"
    STORY = "story"


PREFIXES: Final = {
    SubjectType.TRANSFER: ids.TRANSFER,
    SubjectType.REQUEST: ids.REQUEST,
    SubjectType.HOLD: ids.HOLD,
    SubjectType.TOP_UP: ids.TOP_UP,
    SubjectType.CASH_OUT: ids.CASH_OUT,
    SubjectType.USER: ids.USER,
    SubjectType.STORY: ids.STORY,
}


class Push(StrEnum):
    """``brief``: no name, no amount, for a lock screen that others see too. ``full``: the sentence of the inbox."""

    OFF = "off"
    BRIEF = "brief"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class Choice:
    """Where one kind goes besides the inbox."""

    kind: Kind
    push: Push
    mail: bool

    @property
    def mailed_here(self) -> bool:
        """Whether the mail is ours to send, if it is wanted."""
        return self.kind not in MAILED_ALWAYS


@dataclass(frozen=True, slots=True)
class Subject:
    type: SubjectType
    id: UUID


@dataclass(frozen=True, slots=True)
class Notice:
    """What one person is told of one event. ``key``: the same whenever the event is delivered. ``amount``, in cents, is
    of the reader's own money. ``detail`` is an emoji or a word of ours."""

    user_id: UUID
    kind: Kind
    key: UUID
    subject: Subject
    at: datetime
    actor_id: UUID | None = None
    amount: int | None = None
    currency: str | None = None
    detail: str | None = None
    comment_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """A notification with its actor as they are now. ``amount`` in cents, where it is of the reader's own money."""

    id: UUID
    kind: Kind
    actor: Card | None
    subject: Subject
    comment_id: UUID | None
    amount: int | None
    currency: str | None
    detail: str | None
    created_at: datetime
    read_at: datetime | None


@dataclass(frozen=True, slots=True)
class Inbox:
    """``unread``: of the whole inbox, counted up to UNREAD_MOST."""

    page: Page[Item]
    unread: int


class NotificationNotFound(AppError):
    kind = errors.Kind.NOT_FOUND
    code = "notification_not_found"
    title = "No such notification"

    def __init__(self) -> None:
        super().__init__("There is nothing with this id in your inbox.")


class PushOff(AppError):
    kind = errors.Kind.CONFLICT
    code = "push_off"
    title = "No pushes go there"

    def __init__(self) -> None:
        super().__init__("This service sends no pushes to this platform; look into the inbox, or choose mail.")


class MailNotOptional(InvalidField):
    code = "mail_not_optional"
    title = "This is always mailed"

    def __init__(self, number: int) -> None:
        super().__init__(f"/kinds/{number}/mail", "What concerns your sign-in is always mailed; send true here.")


def default(kind: Kind) -> Choice:
    return Choice(kind, Push.BRIEF, kind in MAILED or kind in MAILED_ALWAYS)


def judge(choices: Sequence[Choice]) -> None:
    """Raises MailNotOptional, and InvalidField for a kind that is named twice."""
    seen: set[Kind] = set()
    for number, choice in enumerate(choices):
        if choice.kind in seen:
            raise InvalidField(f"/kinds/{number}/kind", "This kind is named twice; name it once.")
        if choice.kind in MAILED_ALWAYS and not choice.mail:
            raise MailNotOptional(number)
        seen.add(choice.kind)


def completed(chosen: Sequence[Choice]) -> list[Choice]:
    """Every kind: as it was chosen, or else as it is by default."""
    own = {choice.kind: choice for choice in chosen}
    return [own.get(kind, default(kind)) for kind in Kind]


def key_of(kind: Kind, *parts: UUID | datetime | str) -> UUID:
    """What a notice is known by among those of its reader."""
    spelled = "\n".join([kind, *map(str, parts)])
    return UUID(bytes=hashlib.blake2b(spelled.encode(), digest_size=16).digest())


def rising(last: UUID, fresh: Sequence[UUID]) -> list[UUID]:
    """``fresh`` ids, each later than the one before it and than ``last``, which another clock may have given."""
    found: list[UUID] = []
    for one in sorted(fresh):
        before = found[-1] if found else last
        found.append(one if one > before else UUID(int=before.int + 1))
    return found
