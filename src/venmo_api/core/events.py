"""The catalogue of all that can happen. An event is past tense, names ids, and is never changed once emitted.

``subject_id`` is whoever did it.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import get_args
from uuid import UUID

from venmo_api.core.money_events import (
    CashOutFailed,
    CashOutSettled,
    HoldCaptured,
    HoldEnded,
    HoldPlaced,
    RequestEnded,
    RequestMade,
    RequestReminded,
    TopUpFailed,
    TopUpSettled,
    TransferClaimed,
    TransferEnded,
    TransferHeld,
    TransferPended,
    TransferRefunded,
    TransferReleased,
    TransferSettled,
)
from venmo_api.core.story_events import (
    CommentAdded,
    CommentDeleted,
    PastNarrowed,
    ReachChanged,
    StoryChanged,
    StoryLiked,
    StoryReacted,
)

__all__ = [
    "EVENTS",
    "CashOutFailed",
    "CashOutSettled",
    "CommentAdded",
    "CommentDeleted",
    "ContactChanged",
    "ContactClaimed",
    "ContactLost",
    "ContactVerified",
    "DeviceAdded",
    "Event",
    "FactorChanged",
    "FriendAsked",
    "FriendshipEnded",
    "FriendshipStarted",
    "HoldCaptured",
    "HoldEnded",
    "HoldPlaced",
    "IdentityVerified",
    "PasswordChanged",
    "PasswordResetAsked",
    "PastNarrowed",
    "PersonBlocked",
    "PersonUnblocked",
    "ProfileChanged",
    "ReachChanged",
    "RequestEnded",
    "RequestMade",
    "RequestReminded",
    "StoryChanged",
    "StoryLiked",
    "StoryReacted",
    "TopUpFailed",
    "TopUpSettled",
    "TransferClaimed",
    "TransferEnded",
    "TransferHeld",
    "TransferPended",
    "TransferRefunded",
    "TransferReleased",
    "TransferSettled",
    "UserSignedUp",
]


@dataclass(frozen=True, slots=True)
class UserSignedUp:
    user_id: UUID
    at: datetime

    @property
    def subject_id(self) -> UUID:
        return self.user_id


@dataclass(frozen=True, slots=True)
class DeviceAdded:
    """Somebody signed in from a device that is not known and that no second factor vouched for."""

    user_id: UUID
    device_id: UUID
    at: datetime

    @property
    def subject_id(self) -> UUID:
        return self.user_id


@dataclass(frozen=True, slots=True)
class ProfileChanged:
    user_id: UUID
    at: datetime

    @property
    def subject_id(self) -> UUID:
        return self.user_id


@dataclass(frozen=True, slots=True)
class FriendAsked:
    user_id: UUID
    friend_id: UUID
    at: datetime

    @property
    def subject_id(self) -> UUID:
        return self.user_id


@dataclass(frozen=True, slots=True)
class FriendshipStarted:
    user_id: UUID
    friend_id: UUID
    at: datetime

    @property
    def subject_id(self) -> UUID:
        return self.user_id


@dataclass(frozen=True, slots=True)
class FriendshipEnded:
    user_id: UUID
    friend_id: UUID
    at: datetime

    @property
    def subject_id(self) -> UUID:
        return self.user_id


@dataclass(frozen=True, slots=True)
class PersonBlocked:
    """From now on each of the two is hidden from the other."""

    user_id: UUID
    blocked_id: UUID
    at: datetime

    @property
    def subject_id(self) -> UUID:
        return self.user_id


@dataclass(frozen=True, slots=True)
class PersonUnblocked:
    """They are still hidden from each other if the other has blocked too."""

    user_id: UUID
    blocked_id: UUID
    at: datetime

    @property
    def subject_id(self) -> UUID:
        return self.user_id


@dataclass(frozen=True, slots=True)
class ContactVerified:
    user_id: UUID
    kind: str
    at: datetime

    @property
    def subject_id(self) -> UUID:
        return self.user_id


@dataclass(frozen=True, slots=True)
class ContactClaimed:
    """Somebody who has contacts wants another one; it counts once proved."""

    user_id: UUID
    kind: str
    at: datetime

    @property
    def subject_id(self) -> UUID:
        return self.user_id


@dataclass(frozen=True, slots=True)
class ContactChanged:
    """A proved contact was replaced or removed."""

    user_id: UUID
    kind: str
    change_id: UUID
    at: datetime

    @property
    def subject_id(self) -> UUID:
        return self.user_id


@dataclass(frozen=True, slots=True)
class ContactLost:
    """Somebody else has proved that a contact is theirs."""

    user_id: UUID
    kind: str
    at: datetime

    @property
    def subject_id(self) -> UUID:
        return self.user_id


@dataclass(frozen=True, slots=True)
class PasswordResetAsked:
    """``user_id`` is nobody's when nobody is known by the name that was given; ``kind`` says what that looked like."""

    user_id: UUID
    kind: str
    at: datetime

    @property
    def subject_id(self) -> UUID:
        return self.user_id


@dataclass(frozen=True, slots=True)
class PasswordChanged:
    """``reset``: by a code that was sent, not by who knew the one before."""

    user_id: UUID
    reset: bool
    at: datetime

    @property
    def subject_id(self) -> UUID:
        return self.user_id


@dataclass(frozen=True, slots=True)
class FactorChanged:
    """``change`` is ``added`` or ``removed``; recovery codes are ``added`` when a new set was made."""

    user_id: UUID
    kind: str
    change: str
    at: datetime

    @property
    def subject_id(self) -> UUID:
        return self.user_id


@dataclass(frozen=True, slots=True)
class IdentityVerified:
    user_id: UUID
    at: datetime

    @property
    def subject_id(self) -> UUID:
        return self.user_id


Event = (
    UserSignedUp
    | DeviceAdded
    | ProfileChanged
    | ContactVerified
    | FactorChanged
    | ContactClaimed
    | ContactChanged
    | ContactLost
    | PasswordResetAsked
    | PasswordChanged
    | IdentityVerified
    | FriendAsked
    | FriendshipStarted
    | FriendshipEnded
    | PersonBlocked
    | PersonUnblocked
    | TopUpSettled
    | TopUpFailed
    | CashOutSettled
    | CashOutFailed
    | TransferSettled
    | TransferPended
    | TransferClaimed
    | TransferEnded
    | TransferHeld
    | TransferRefunded
    | TransferReleased
    | RequestMade
    | RequestReminded
    | RequestEnded
    | HoldPlaced
    | HoldCaptured
    | HoldEnded
    | StoryLiked
    | StoryReacted
    | CommentAdded
    | CommentDeleted
    | StoryChanged
    | PastNarrowed
    | ReachChanged
)
EVENTS: dict[str, type[Event]] = {kind.__name__: kind for kind in get_args(Event)}
"""Topic, as stored, to the class that carries it."""
