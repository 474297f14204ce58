"""The catalogue of all that can happen. An event is past tense, names ids, and is never changed once emitted.

``subject_id`` is whoever did it.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class UserSignedUp:
    user_id: UUID
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


Event = UserSignedUp | ProfileChanged | FriendshipStarted | FriendshipEnded | TopUpSettled | TransferSettled
EVENTS: dict[str, type[Event]] = {
    kind.__name__: kind
    for kind in (UserSignedUp, ProfileChanged, FriendshipStarted, FriendshipEnded, TopUpSettled, TransferSettled)
}
"""Topic, as stored, to the class that carries it."""
