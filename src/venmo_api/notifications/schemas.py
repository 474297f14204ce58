"""Bodies of the inbox and of what people want sent."""

from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field

from venmo_api.adapters.keys import Keys
from venmo_api.adapters.push import Platform
from venmo_api.core import ids
from venmo_api.core.clock import rfc3339
from venmo_api.http import fields
from venmo_api.http.bodies import Body
from venmo_api.notifications.rules import PREFIXES, UNREAD_MOST, Choice, Inbox, Item, Kind, Push, Subject, SubjectType
from venmo_api.notifications.sentences import sentence
from venmo_api.users.schemas import PublicUser, card_document


def _notification_id(text: str) -> str:
    if ids.decode(ids.NOTIFICATION, text) is None:
        raise ValueError("must be the id of a notification")
    return text


NotificationIdText = Annotated[str, fields.public_id(ids.NOTIFICATION)]


class SubjectOut(BaseModel):
    """What it is about, by the id under which the API knows it. A comment's story is its subject."""

    type: SubjectType
    id: fields.Opaque
    comment_id: Annotated[str, fields.public_id(ids.COMMENT)] | None = None


class NotificationOut(BaseModel):
    """``text`` says it in a sentence, with the names of now; ``amount`` is there where it is of your own money."""

    id: NotificationIdText
    kind: Kind
    text: Annotated[str, fields.text(300)]
    actor: PublicUser | None
    subject: SubjectOut
    amount: fields.Cents | None = None
    currency: fields.Currency | None = None
    created_at: fields.Moment
    read_at: fields.Moment | None


class NotificationPage(fields.Page[NotificationOut]):
    unread: fields.Count = Field(description=f"in the whole inbox; counted up to {UNREAD_MOST}")


class ReadUpToBody(Body):
    up_to: Annotated[
        str,
        AfterValidator(_notification_id),
        fields.public_id(ids.NOTIFICATION),
        Field(description="the newest you have seen", examples=[ids.NOTIFICATION + "0" * 32]),
    ]

    @property
    def id(self) -> UUID:
        found = ids.decode(ids.NOTIFICATION, self.up_to)
        assert found is not None
        return found


class ChoiceBody(Body):
    kind: Kind
    push: Push
    mail: bool


class PreferencesBody(Body):
    kinds: Annotated[
        list[ChoiceBody],
        Field(max_length=len(Kind), description="those left out are as by default"),
    ]


class ChoiceOut(BaseModel):
    """``push``: `brief` names no person and no amount, for a lock screen; `full` is the sentence of the inbox."""

    kind: Kind
    push: Push
    mail: bool


class PreferencesOut(BaseModel):
    kinds: Annotated[list[ChoiceOut], Field(max_length=len(Kind))]


class PushTokenBody(Body):
    platform: Platform = Field(description="`apns`: Apple, `fcm`: Google", examples=["fcm"])
    token: Annotated[str, Field(min_length=16, max_length=4096, pattern=r"^[!-~]+$", examples=["f0e1d2c3b4a5968778"])]


def item_document(keys: Keys, item: Item) -> dict[str, Any]:
    """Raises KeyAway."""
    name = item.actor.display_name if item.actor else None
    document: dict[str, Any] = {
        "id": ids.encode(ids.NOTIFICATION, item.id),
        "kind": item.kind,
        "text": sentence(item.kind, name=name, amount=item.amount, detail=item.detail),
        "actor": card_document(item.actor) if item.actor else None,
        "subject": _subject_document(keys, item.subject),
        "created_at": rfc3339(item.created_at),
        "read_at": rfc3339(item.read_at) if item.read_at else None,
    }
    if item.comment_id is not None:
        document["subject"]["comment_id"] = ids.encode(ids.COMMENT, item.comment_id)
    if item.amount is not None:
        document |= {"amount": item.amount, "currency": item.currency}
    return document


def inbox_document(keys: Keys, found: Inbox) -> dict[str, Any]:
    return {
        "data": [item_document(keys, item) for item in found.page.rows],
        "next_cursor": found.page.next_cursor,
        "has_more": found.page.next_cursor is not None,
        "unread": found.unread,
    }


def preferences_document(choices: list[Choice]) -> dict[str, Any]:
    return {"kinds": [{"kind": one.kind, "push": one.push, "mail": one.mail} for one in choices]}


def _subject_document(keys: Keys, subject: Subject) -> dict[str, Any]:
    """A story goes by its veiled id, as everywhere."""
    public = keys.veil(subject.id) if subject.type is SubjectType.STORY else subject.id
    return {"type": subject.type, "id": ids.encode(PREFIXES[subject.type], public)}
