"""Who a person may be, and what is refused of them. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from venmo_api.core.errors import AppError, FieldError, Kind


class Audience(StrEnum):
    PRIVATE = "private"
    FRIENDS = "friends"
    PUBLIC = "public"


STRICTNESS = {Audience.PUBLIC: 0, Audience.FRIENDS: 1, Audience.PRIVATE: 2}


def strictest(*audiences: Audience) -> Audience:
    return max(audiences, key=STRICTNESS.__getitem__)


class IdentifierTaken(AppError):
    kind = Kind.CONFLICT
    code = "identifier_taken"
    title = "Somebody has this already"

    def __init__(self, field: str) -> None:
        detail = f"An account with this {field} exists; sign in, or choose another."
        super().__init__(detail, fields=(FieldError(f"/{field}", detail),))


class UserNotFound(AppError):
    kind = Kind.NOT_FOUND
    code = "user_not_found"
    title = "No such person"

    def __init__(self) -> None:
        super().__init__("Nobody is known under this name.")


class UnknownIdentityProof(AppError):
    kind = Kind.INVALID
    code = "unknown_identity_token"
    title = "The identity provider does not know this token"

    def __init__(self) -> None:
        detail = "Use a token the identity provider gave you; in the sandbox: sandbox_identity_ok."
        super().__init__(detail, fields=(FieldError("/token", detail),))


class IdentityNotVerified(AppError):
    kind = Kind.DECLINED
    code = "identity_not_verified"
    title = "Your identity could not be verified"

    def __init__(self) -> None:
        super().__init__("The identity provider is not sure who you are; go through its check again, for a new token.")


class CannotBefriendSelf(AppError):
    kind = Kind.INVALID
    code = "cannot_befriend_self"
    title = "That is you"

    def __init__(self) -> None:
        super().__init__("Choose another person; you cannot be your own friend.")


class CannotBlockSelf(AppError):
    kind = Kind.INVALID
    code = "cannot_block_self"
    title = "That is you"

    def __init__(self) -> None:
        super().__init__("Choose another person; you cannot hide from yourself.")


@dataclass(frozen=True, slots=True)
class Card:
    """What others may see of a person."""

    id: UUID
    username: str
    display_name: str
    avatar_url: str | None


@dataclass(frozen=True, slots=True)
class Profile:
    """A person as they see themselves. What is ``claimed_`` takes the place of a contact once it is proved."""

    card: Card
    email: str | None
    phone: str | None
    default_audience: Audience
    friend_list: Audience
    findable: bool
    created_at: datetime
    email_verified: bool
    phone_verified: bool
    identity_verified: bool
    claimed_email: str | None = None
    claimed_phone: str | None = None


@dataclass(frozen=True, slots=True)
class Changes:
    """What a person wants otherwise of their own profile. None: it stays as it is."""

    display_name: str | None = None
    default_audience: Audience | None = None
    friend_list: Audience | None = None
    findable: bool | None = None


@dataclass(frozen=True, slots=True)
class Party:
    """A person as one side of a payment: the card, who they let see their payments, whether their identity is known.
    ``erased``: nobody any more, and not to be paid or asked. ``since``: when they signed up."""

    card: Card
    default_audience: Audience
    verified: bool = False
    erased: bool = False
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class PayeeProof:
    """What only somebody who knows a person can tell of them. None: they have none."""

    pay_code: str | None = None
    phone_last4: str | None = None


@dataclass(frozen=True, slots=True)
class Relations:
    """How a person stands to others: their friends, and whom they do not see and who does not see them, since either
    of the two blocked the other."""

    friends: frozenset[UUID]
    hidden: frozenset[UUID]


class Relation(StrEnum):
    """How a friendship stands, as one of the two sees it."""

    ACCEPTED = "accepted"
    INCOMING = "incoming"
    OUTGOING = "outgoing"


def pair(one: UUID, other: UUID) -> tuple[UUID, UUID]:
    """The two ids in the order friendships are stored. Raises CannotBefriendSelf."""
    if one == other:
        raise CannotBefriendSelf
    return (one, other) if one < other else (other, one)
