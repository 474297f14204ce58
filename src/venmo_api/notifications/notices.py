"""Who is told of which event, and under which key. Nobody is told of what they did themselves, save that money of
theirs has arrived or gone, and what concerns their sign-in. Pure."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from venmo_api.core.events import (
    CashOutFailed,
    CashOutSettled,
    CommentAdded,
    ContactChanged,
    ContactClaimed,
    ContactLost,
    DeviceAdded,
    Event,
    FactorChanged,
    FriendAsked,
    FriendshipStarted,
    HoldCaptured,
    HoldEnded,
    HoldPlaced,
    PasswordChanged,
    RequestEnded,
    RequestMade,
    RequestReminded,
    StoryLiked,
    StoryReacted,
    TopUpFailed,
    TopUpSettled,
    TransferClaimed,
    TransferEnded,
    TransferRefunded,
    TransferReleased,
    TransferSettled,
)
from venmo_api.notifications.rules import Kind, Notice, Subject, SubjectType, key_of


def _paid(event: TransferSettled) -> list[Notice]:
    subject = Subject(SubjectType.TRANSFER, event.transfer_id)
    return _of_money(event, Kind.PAID, subject, reader=event.recipient_id, actor=event.sender_id)


def _claimed(event: TransferClaimed) -> list[Notice]:
    subject = Subject(SubjectType.TRANSFER, event.transfer_id)
    return _of_money(event, Kind.PAYMENT_CLAIMED, subject, reader=event.sender_id, actor=event.recipient_id)


def _released(event: TransferReleased) -> list[Notice]:
    subject = Subject(SubjectType.TRANSFER, event.transfer_id)
    return _of_money(event, Kind.PAYMENT_RELEASED, subject, reader=event.sender_id, actor=event.recipient_id)


def _ended(event: TransferEnded) -> list[Notice]:
    """Who cancelled a payment that waited did so themselves; one that was held ended without them, however."""
    kind = {"expired": Kind.PAYMENT_RETURNED, "failed": Kind.PAYMENT_FAILED}.get(event.status)
    if event.was == "held":
        kind = Kind.PAYMENT_CANCELLED
    if kind is None:
        return []
    subject = Subject(SubjectType.TRANSFER, event.transfer_id)
    return [Notice(event.sender_id, kind, key_of(kind, event.transfer_id), subject, event.at)]


def _refunded(event: TransferRefunded) -> list[Notice]:
    subject = Subject(SubjectType.TRANSFER, event.transfer_id)
    return _of_money(event, Kind.REFUNDED, subject, reader=event.recipient_id, actor=event.sender_id)


def _requested(event: RequestMade) -> list[Notice]:
    subject = Subject(SubjectType.REQUEST, event.request_id)
    return _of_money(event, Kind.REQUESTED, subject, reader=event.payer_id, actor=event.requester_id)


def _reminded(event: RequestReminded) -> list[Notice]:
    key = key_of(Kind.REMINDED, event.request_id, event.at)
    subject = Subject(SubjectType.REQUEST, event.request_id)
    return [Notice(event.payer_id, Kind.REMINDED, key, subject, event.at, event.requester_id)]


def _request_ended(event: RequestEnded) -> list[Notice]:
    """One that was paid is told as the payment it became."""
    payer, requester = event.payer_id, event.requester_id
    told: list[tuple[UUID, UUID, Kind]] = []
    if event.status == "expired":
        told = [(payer, requester, Kind.REQUEST_EXPIRED), (requester, payer, Kind.REQUEST_EXPIRED)]
    elif event.status == "cancelled" and event.ended_by == payer:
        told = [(requester, payer, Kind.REQUEST_DECLINED)]
    elif event.status == "cancelled":
        told = [(payer, requester, Kind.REQUEST_CANCELLED)]
    subject = Subject(SubjectType.REQUEST, event.request_id)
    return [
        Notice(reader, kind, key_of(kind, event.request_id), subject, event.at, other) for reader, other, kind in told
    ]


def _hold_placed(event: HoldPlaced) -> list[Notice]:
    subject = Subject(SubjectType.HOLD, event.hold_id)
    return _of_money(event, Kind.HOLD_PLACED, subject, reader=event.payee_id, actor=event.payer_id)


def _hold_captured(event: HoldCaptured) -> list[Notice]:
    subject = Subject(SubjectType.HOLD, event.hold_id)
    return _of_money(
        event,
        Kind.HOLD_CAPTURED,
        subject,
        reader=event.payer_id,
        actor=event.payee_id,
        key=key_of(Kind.HOLD_CAPTURED, event.transfer_id),
    )


def _hold_ended(event: HoldEnded) -> list[Notice]:
    """One that was captured to the end is told by its captures."""
    payer, payee = event.payer_id, event.payee_id
    told: list[tuple[UUID, UUID, Kind]] = []
    if event.status == "expired":
        told = [(payer, payee, Kind.HOLD_EXPIRED), (payee, payer, Kind.HOLD_EXPIRED)]
    elif event.status == "cancelled":
        told = [(payer, payee, Kind.HOLD_RELEASED)]
    subject = Subject(SubjectType.HOLD, event.hold_id)
    return [Notice(reader, kind, key_of(kind, event.hold_id), subject, event.at, other) for reader, other, kind in told]


def _own_money(kind: Kind, type_: SubjectType, own_id: str) -> Callable[[Any], list[Notice]]:
    """Money on its way between somebody's bank and their balance."""

    def told(event: Any) -> list[Notice]:
        subject = Subject(type_, getattr(event, own_id))
        return _of_money(event, kind, subject, reader=event.user_id, actor=None)

    return told


def _of_money(
    event: Any, kind: Kind, subject: Subject, *, reader: UUID, actor: UUID | None, key: UUID | None = None
) -> list[Notice]:
    """Of an amount; once a subject, unless a ``key`` says what else is told once."""
    told = key or key_of(kind, subject.id)
    return [Notice(reader, kind, told, subject, event.at, actor, event.amount, event.currency)]


def _friend_asked(event: FriendAsked) -> list[Notice]:
    """Once a day at most, however often it is withdrawn and asked again."""
    key = key_of(Kind.FRIEND_ASKED, event.user_id, event.at.date().isoformat())
    subject = Subject(SubjectType.USER, event.user_id)
    return [Notice(event.friend_id, Kind.FRIEND_ASKED, key, subject, event.at, event.user_id)]


def _friends(event: FriendshipStarted) -> list[Notice]:
    """Told to who had asked: the other has just said yes."""
    key = key_of(Kind.FRIENDSHIP_STARTED, event.user_id, event.at)
    subject = Subject(SubjectType.USER, event.user_id)
    return [Notice(event.friend_id, Kind.FRIENDSHIP_STARTED, key, subject, event.at, event.user_id)]


def _liked(event: StoryLiked) -> list[Notice]:
    return _to_parties(event, Kind.LIKED, None) if event.first else []


def _reacted(event: StoryReacted) -> list[Notice]:
    return _to_parties(event, Kind.REACTED, event.emoji) if event.first else []


def _to_parties(event: StoryLiked | StoryReacted, kind: Kind, detail: str | None) -> list[Notice]:
    key, subject = key_of(kind, event.story_id, event.user_id), Subject(SubjectType.STORY, event.story_id)
    return [
        Notice(party, kind, key, subject, event.at, event.user_id, detail=detail)
        for party in event.parties
        if party != event.user_id
    ]


def _commented(event: CommentAdded) -> list[Notice]:
    """A party who is mentioned is told of that only."""
    kinds = dict.fromkeys(event.parties, Kind.COMMENTED) | dict.fromkeys(event.mentions, Kind.MENTIONED)
    subject = Subject(SubjectType.STORY, event.story_id)
    return [
        Notice(
            reader,
            kind,
            key_of(Kind.COMMENTED, event.comment_id),
            subject,
            event.at,
            event.user_id,
            comment_id=event.comment_id,
        )
        for reader, kind in kinds.items()
        if reader != event.user_id
    ]


def _sign_in(kind: Kind, detail: Callable[[Any], str | None] = lambda _: None) -> Callable[[Any], list[Notice]]:
    """What concerns how somebody signs in."""

    def told(event: Any) -> list[Notice]:
        key, subject = key_of(kind, event.at, detail(event) or ""), Subject(SubjectType.USER, event.user_id)
        return [Notice(event.user_id, kind, key, subject, event.at, detail=detail(event))]

    return told


def _contact(event: ContactClaimed | ContactChanged | ContactLost) -> str:
    return event.kind


TOLD: Final[Mapping[type[Event], Callable[[Any], Sequence[Notice]]]] = {
    TransferSettled: _paid,
    TransferClaimed: _claimed,
    TransferEnded: _ended,
    TransferRefunded: _refunded,
    TransferReleased: _released,
    RequestMade: _requested,
    RequestReminded: _reminded,
    RequestEnded: _request_ended,
    HoldPlaced: _hold_placed,
    HoldCaptured: _hold_captured,
    HoldEnded: _hold_ended,
    TopUpSettled: _own_money(Kind.TOP_UP_SETTLED, SubjectType.TOP_UP, "top_up_id"),
    TopUpFailed: _own_money(Kind.TOP_UP_FAILED, SubjectType.TOP_UP, "top_up_id"),
    CashOutSettled: _own_money(Kind.CASH_OUT_SETTLED, SubjectType.CASH_OUT, "cash_out_id"),
    CashOutFailed: _own_money(Kind.CASH_OUT_FAILED, SubjectType.CASH_OUT, "cash_out_id"),
    FriendAsked: _friend_asked,
    FriendshipStarted: _friends,
    StoryLiked: _liked,
    StoryReacted: _reacted,
    CommentAdded: _commented,
    DeviceAdded: _sign_in(Kind.NEW_DEVICE),
    PasswordChanged: _sign_in(Kind.PASSWORD_CHANGED),
    ContactClaimed: _sign_in(Kind.CONTACT_CLAIMED, _contact),
    ContactChanged: _sign_in(Kind.CONTACT_CHANGED, _contact),
    ContactLost: _sign_in(Kind.CONTACT_LOST, _contact),
    FactorChanged: _sign_in(Kind.FACTOR_CHANGED, lambda event: event.change),
}


def of(event: Event) -> Sequence[Notice]:
    """What is told of an event, to whom."""
    return TOLD[type(event)](event)
