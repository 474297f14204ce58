"""Bodies of what staff see. Contacts are masked for support."""

from typing import Annotated, Any

from pydantic import BaseModel, Field

from venmo_api.adapters.keys import Keys
from venmo_api.admin.rules import Reason, masked_email, masked_phone
from venmo_api.audit.rules import Entry
from venmo_api.core import ids
from venmo_api.core.clock import rfc3339
from venmo_api.feed.act_rules import Report, Reported, ReportReason, Verdict
from venmo_api.feed.acts_schemas import CommentId, Words
from venmo_api.http import fields
from venmo_api.http.bodies import Body
from venmo_api.transfers.rules import Status, Transfer
from venmo_api.transfers.schemas import NoteOut
from venmo_api.users.rules import Audience, Profile
from venmo_api.users.schemas import PublicUser, card_document


class SignOutBody(Body):
    """Why, in a word: the audit trail keeps it."""

    reason: Reason = Field(examples=["security_incident"], strict=False)


class VerdictBody(Body):
    """Of the thing and of all that is reported of it."""

    verdict: Verdict = Field(examples=["dismiss"], strict=False)


class PersonOut(PublicUser):
    """``masked``: email and phone are told so far that they can be compared with what a caller says."""

    masked: bool
    email: Annotated[str, fields.text(254)] | None = Field(examples=["a***@e***.com"])
    phone: Annotated[str, fields.text(32)] | None = Field(examples=["+1***23"])
    email_verified: bool
    phone_verified: bool
    identity_verified: bool
    created_at: fields.Moment


class SeenTransfer(BaseModel):
    """``note`` is null for a private transfer that is looked at without a reason."""

    id: Annotated[str, fields.public_id(ids.TRANSFER)]
    status: Status
    amount: fields.Cents
    currency: fields.Currency
    note: NoteOut | None
    audience: Audience
    sender: PublicUser
    recipient: PublicUser | None
    created_at: fields.Moment


class SeenTransferPage(fields.Page[SeenTransfer]):
    pass


class SignedOut(BaseModel):
    revoked: fields.Count = Field(description="how many sessions ended", examples=[2])


class EntryOut(BaseModel):
    """``actor`` is null for somebody unknown and for the operator; ``details`` has ids, numbers and words."""

    id: Annotated[str, fields.public_id(ids.AUDIT)]
    at: fields.Moment
    act: Annotated[str, fields.text(64)] = Field(examples=["sign_in"])
    result: Annotated[str, fields.text(64)] = Field(examples=["ok"])
    actor: Annotated[str, fields.public_id(ids.USER)] | None
    subject: Annotated[str, fields.public_id(ids.USER)] | None
    network: Annotated[str, fields.text(64)] | None = Field(description="/24 or /48", examples=["192.0.2.0/24"])
    agent: Annotated[str, fields.text(64)] | None
    details: dict[str, Annotated[str, fields.text(64)] | fields.Cents]


class EntryPage(fields.Page[EntryOut]):
    pass


class ReportOut(BaseModel):
    """``note`` is the story's. ``comment`` and ``author`` are null for a comment that was deleted meanwhile. ``said``:
    by the reporter, in their own words."""

    id: Annotated[str, fields.public_id(ids.REPORT)]
    kind: Reported
    story_id: Annotated[str, fields.public_id(ids.STORY)]
    comment_id: CommentId | None
    note: NoteOut
    comment: Words | None
    author: PublicUser | None
    reporter: PublicUser
    reason: ReportReason
    said: Words | None
    created_at: fields.Moment


class ReportPage(fields.Page[ReportOut]):
    pass


def person_document(profile: Profile, *, masked: bool) -> dict[str, Any]:
    email, phone = profile.email, profile.phone
    if masked:
        email, phone = email and masked_email(email), phone and masked_phone(phone)
    return card_document(profile.card) | {
        "masked": masked,
        "email": email,
        "phone": phone,
        "email_verified": profile.email_verified,
        "phone_verified": profile.phone_verified,
        "identity_verified": profile.identity_verified,
        "created_at": rfc3339(profile.created_at),
    }


def transfer_document(transfer: Transfer, *, noted: bool) -> dict[str, Any]:
    """``noted``: there is a reason to read what people wrote to each other in private."""
    shown = noted or transfer.audience is not Audience.PRIVATE
    return {
        "id": ids.encode(ids.TRANSFER, transfer.id),
        "status": transfer.status,
        "amount": transfer.amount,
        "currency": transfer.currency,
        "note": transfer.note if shown else None,
        "audience": transfer.audience,
        "sender": card_document(transfer.sender),
        "recipient": card_document(transfer.recipient) if transfer.recipient else None,
        "created_at": rfc3339(transfer.created_at),
    }


def entry_document(entry: Entry) -> dict[str, Any]:
    return {
        "id": ids.encode(ids.AUDIT, entry.id),
        "at": rfc3339(entry.at),
        "act": entry.act,
        "result": entry.result,
        "actor": ids.encode(ids.USER, entry.actor_id) if entry.actor_id else None,
        "subject": ids.encode(ids.USER, entry.subject_id) if entry.subject_id else None,
        "network": entry.network,
        "agent": entry.agent,
        "details": dict(entry.details),
    }


def report_document(report: Report, keys: Keys) -> dict[str, Any]:
    return {
        "id": ids.encode(ids.REPORT, report.id),
        "kind": report.kind,
        "story_id": ids.encode(ids.STORY, keys.veil(report.story_id)),
        "comment_id": ids.encode(ids.COMMENT, report.comment_id) if report.comment_id else None,
        "note": report.note,
        "comment": report.words,
        "author": card_document(report.author) if report.author else None,
        "reporter": card_document(report.reporter),
        "reason": report.reason,
        "said": report.said,
        "created_at": rfc3339(report.created_at),
    }
