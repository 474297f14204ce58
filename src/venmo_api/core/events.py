"""The catalogue of all that can happen. An event is past tense, names ids, and is never changed once emitted.

``subject_id`` is whoever did it.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import get_args
from uuid import UUID


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
class TransferEnded:
    transfer_id: UUID
    sender_id: UUID
    status: str
    at: datetime

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


@dataclass(frozen=True, slots=True)
class StoryLiked:
    """``first``: never before did this person like this story. A like given again is an event, and no news."""

    story_id: UUID
    user_id: UUID
    parties: tuple[UUID, UUID]
    first: bool
    at: datetime

    @property
    def subject_id(self) -> UUID:
        return self.user_id


@dataclass(frozen=True, slots=True)
class StoryReacted:
    """``first``: with no emoji did this person react to this story before."""

    story_id: UUID
    user_id: UUID
    parties: tuple[UUID, UUID]
    emoji: str
    first: bool
    at: datetime

    @property
    def subject_id(self) -> UUID:
        return self.user_id


@dataclass(frozen=True, slots=True)
class CommentAdded:
    """``mentions``: others than the author, each of whom may see the story."""

    comment_id: UUID
    story_id: UUID
    user_id: UUID
    parties: tuple[UUID, UUID]
    mentions: tuple[UUID, ...]
    at: datetime

    @property
    def subject_id(self) -> UUID:
        return self.user_id


@dataclass(frozen=True, slots=True)
class CommentDeleted:
    """``user_id`` is who deleted it: its author, a party of the story, or somebody of the staff."""

    comment_id: UUID
    story_id: UUID
    user_id: UUID
    author_id: UUID
    at: datetime

    @property
    def subject_id(self) -> UUID:
        return self.user_id


@dataclass(frozen=True, slots=True)
class StoryChanged:
    """What is shown of a story is no longer what it was: its audience, its likes, what was said about it."""

    story_id: UUID
    user_id: UUID
    at: datetime

    @property
    def subject_id(self) -> UUID:
        return self.user_id


@dataclass(frozen=True, slots=True)
class PastNarrowed:
    """Somebody wants all their stories up to ``at`` to be seen by fewer people."""

    user_id: UUID
    at: datetime

    @property
    def subject_id(self) -> UUID:
        return self.user_id


@dataclass(frozen=True, slots=True)
class ReachChanged:
    """Somebody has so many friends now that their stories are looked up by each of them, or no longer."""

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
    | TransferRefunded
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
