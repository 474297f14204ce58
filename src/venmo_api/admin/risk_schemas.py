"""Bodies of risk, for analysts: reasons as sentences, features by name."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from venmo_api.admin.dossiers import Held, Listed, RiskCase, Ruling
from venmo_api.core import ids
from venmo_api.core.clock import rfc3339
from venmo_api.core.money import CURRENCY
from venmo_api.http import fields
from venmo_api.http.bodies import Body
from venmo_api.http.parameters import PageQuery
from venmo_api.risk import features
from venmo_api.risk.decisions import Logged
from venmo_api.risk.labels import Label
from venmo_api.risk.lists import List, ListReason, Snooze
from venmo_api.risk.model import REASONS_MOST
from venmo_api.risk.rules import DecisionKind, Reason
from venmo_api.risk.rules import Verdict as RiskVerdict
from venmo_api.risk.shadows import Report, Shadow
from venmo_api.transfers.review_rules import HeldVerdict
from venmo_api.transfers.rules import Status
from venmo_api.transfers.schemas import RecipientBody
from venmo_api.users.schemas import PublicUser, card_document

SENTENCES: Final = {
    Reason.SENDER_BLOCKED: "The sender stands on our blocklist.",
    Reason.RECIPIENT_BLOCKED: "The recipient stands on our blocklist.",
    Reason.SENDER_SANCTIONED: "The sender stands on the sanctions list.",
    Reason.RECIPIENT_SANCTIONED: "The recipient stands on the sanctions list.",
    Reason.DEGRADED_AMOUNT: "Model or counters could not be read, and this is more than passes without them.",
    Reason.VELOCITY_HOUR: "The sender sent very many payments, and much in all, within the last hours.",
    Reason.VELOCITY_DAY: "The sender sent very many payments, and much in all, within a day.",
    Reason.STRUCTURING: "The sender has sent several amounts just under what is recorded or reported.",
    Reason.NEW_DEVICE_NEW_PAYEE: "Much, from a device that is new, to somebody the sender has not paid of late.",
    Reason.NEW_ACCOUNT_CASH_OUT: "A new account takes out most of what it has just received.",
    Reason.MULE_CASH_OUT: "Many people paid in within a day, and most of it is taken out at once.",
    Reason.MULE_FORWARDS: "Many people paid in within a day, and most of it is passed on at once.",
    Reason.DORMANT_REACTIVATION: "Much, to somebody new, from an account that did nothing for months.",
    Reason.SCORE_HIGH: "The model takes this for likely fraud.",
    Reason.SCORE_VERY_HIGH: "The model takes this for fraud, nearly without doubt.",
}
FEATURES_MOST, RECENT_MOST, LABELS_MOST, SHADOWS_MOST = 200, 10, 10, 1_000
HOURS_MOST = 24 * 90
Share = Annotated[float, Field(ge=0, le=1)]
Sha256 = Annotated[str, Field(json_schema_extra={"maxLength": 64, "pattern": "^[0-9a-f]{64}$"})]
Word = Annotated[str, fields.text(64)]
PaymentId = Annotated[
    str, Field(json_schema_extra={"maxLength": 36, "pattern": "^(tr|out)_[0-9a-f]{32}$"}, examples=["tr_" + "0" * 32])
]
PersonId = Annotated[str, fields.public_id(ids.USER)]


class DecisionsQuery(PageQuery):
    subject: Annotated[
        Annotated[str, Field(max_length=64), fields.public_id(ids.USER)] | None,
        Field(description="id of whom to look at, on either side"),
    ] = None
    verdict: Annotated[Literal["review", "deny"] | None, Field(description="without `subject`")] = None


class HeldVerdictBody(Body):
    """``release``: it goes on as if it had just been made. ``cancel``: its sender has the money back."""

    verdict: HeldVerdict = Field(examples=["release"], strict=False)


class LabelBody(Body):
    """What a bank said of a payment. ``fraud``: false when it turned out honest."""

    source: Literal["bank_return", "chargeback"] = Field(examples=["chargeback"])
    fraud: bool


class SnoozeBody(Body):
    hours: Annotated[int, Field(ge=1, le=HOURS_MOST, examples=[24], json_schema_extra=fields.INT32)]


class ListedBody(Body):
    """``subject``: a person, or an address or number that nobody need have signed up with."""

    subject: Annotated[RecipientBody, Field(examples=[{"username": "bob"}])]
    list: List = Field(default=List.BLOCK, strict=False)
    reason: ListReason = Field(examples=["fraud"], strict=False)


class ReasonOut(BaseModel):
    code: Reason
    sentence: Annotated[str, fields.text(200)]


class DecisionOut(BaseModel):
    """``recipient`` is null for a cash-out, and for somebody who had not signed up. ``policy`` is the version of the
    figures, ``model`` the SHA-256 of the model that scored; ``degraded``: it was decided by rules alone. An
    authorisation stands here as a payment, under the id of its hold."""

    id: PaymentId
    kind: DecisionKind
    decided_at: fields.Moment
    sender: PersonId
    recipient: PersonId | None
    amount: fields.Cents
    currency: fields.Currency
    verdict: RiskVerdict
    reasons: Annotated[list[Reason], Field(max_length=len(Reason))]
    score: Share | None
    policy: Word
    model: Sha256 | None
    degraded: bool
    new_device: bool


class DecisionPage(fields.Page[DecisionOut]):
    pass


class HeldOut(BaseModel):
    """``recipient`` is null while nobody has signed up with the contact that is paid. ``expires_at``: when it goes back
    by itself. ``reasons`` is empty when the decision is in the archive already."""

    id: Annotated[str, fields.public_id(ids.TRANSFER)]
    amount: fields.Cents
    currency: fields.Currency
    sender: PublicUser
    recipient: PublicUser | None
    reasons: Annotated[list[Reason], Field(max_length=len(Reason))]
    score: Share | None
    created_at: fields.Moment
    expires_at: fields.Moment


class HeldPage(fields.Page[HeldOut]):
    pass


class FeatureOut(BaseModel):
    name: Word
    value: fields.SignedCents


class ModelReasonOut(BaseModel):
    """By how much (log odds) a feature raised the score."""

    feature: Word
    weight: float


class LabelOut(BaseModel):
    source: Word
    fraud: bool
    at: fields.Moment
    maker: PersonId


class SnoozeOut(BaseModel):
    subject: PersonId
    rule: Reason
    until: fields.Moment
    maker: PersonId


class RiskCaseOut(BaseModel):
    """``status`` is null for a payment that was declined. ``features``: how things stood before the payment, in cents,
    counts and hours. ``model_reasons``: those that raised the score most. ``recent_of_*``: the ten newest decisions of
    each side."""

    decision: DecisionOut
    status: Status | None
    expires_at: fields.Moment | None
    sender: PublicUser
    recipient: PublicUser | None
    reasons: Annotated[list[ReasonOut], Field(max_length=len(Reason))]
    features: Annotated[list[FeatureOut], Field(max_length=FEATURES_MOST)]
    model_reasons: Annotated[list[ModelReasonOut], Field(max_length=REASONS_MOST)]
    labels: Annotated[list[LabelOut], Field(max_length=LABELS_MOST)]
    snoozes: Annotated[list[SnoozeOut], Field(max_length=len(Reason))]
    recent_of_sender: Annotated[list[DecisionOut], Field(max_length=RECENT_MOST)]
    recent_of_recipient: Annotated[list[DecisionOut], Field(max_length=RECENT_MOST)]


class RulingOut(BaseModel):
    id: Annotated[str, fields.public_id(ids.TRANSFER)]
    status: Status
    verdict: HeldVerdict
    decided_at: fields.Moment
    maker: PersonId


class LabelList(BaseModel):
    data: Annotated[list[LabelOut], Field(max_length=LABELS_MOST)]


class ListedOut(BaseModel):
    """``user`` is null for a contact that was nobody's; which one that is, nobody can read here."""

    id: Annotated[str, fields.public_id(ids.LISTED)]
    list: List
    user: PublicUser | None
    reason: ListReason
    added_by: PersonId
    added_at: fields.Moment


class ListedPage(fields.Page[ListedOut]):
    pass


class ShadowOut(BaseModel):
    """``decisions`` of ``amount`` cents were looked at so far. ``figures`` are all of the candidate's."""

    name: Annotated[str, fields.text(40)]
    policy: Word
    figures: dict[str, float]
    created_at: fields.Moment
    decisions: fields.Cents
    amount: fields.Cents


class ShadowList(BaseModel):
    data: Annotated[list[ShadowOut], Field(max_length=SHADOWS_MOST)]


class MovedOut(BaseModel):
    """``fraud`` and ``legitimate``: how many of these changes are known to be of that kind by now."""

    was: RiskVerdict
    would: RiskVerdict
    changes: fields.Cents
    amount: fields.Cents
    fraud: fields.Cents
    legitimate: fields.Cents


class ShadowReasonOut(BaseModel):
    """``code`` would speak on one side only, in so many changes."""

    code: Reason
    changes: fields.Cents
    amount: fields.Cents


class ShadowReport(ShadowOut):
    """``agrees``: changes that labels speak for, harder on fraud or softer on the honest; ``disagrees``: against."""

    changes: fields.Cents
    changed_amount: fields.Cents
    moved: Annotated[list[MovedOut], Field(max_length=len(RiskVerdict) ** 2)]
    reasons: Annotated[list[ShadowReasonOut], Field(max_length=len(Reason))]
    agrees: fields.Cents
    disagrees: fields.Cents


def decision_document(logged: Logged) -> dict[str, Any]:
    facts, recipient = logged.facts, logged.recipient_id
    prefix = ids.TRANSFER if facts.kind is DecisionKind.PAYMENT else ids.CASH_OUT
    return {
        "id": ids.encode(prefix, logged.tx_id),
        "kind": facts.kind,
        "decided_at": rfc3339(logged.decided_at),
        "sender": ids.encode(ids.USER, logged.sender_id),
        "recipient": ids.encode(ids.USER, recipient) if recipient else None,
        "amount": facts.amount,
        "currency": CURRENCY,
        "verdict": logged.decision.verdict,
        "reasons": list(logged.decision.reasons),
        "score": facts.score,
        "policy": logged.policy,
        "model": logged.model,
        "degraded": facts.degraded,
        "new_device": facts.new_device,
    }


def held_document(held: Held) -> dict[str, Any]:
    logged = held.logged
    return {
        "id": ids.encode(ids.TRANSFER, held.transfer_id),
        "amount": held.amount,
        "currency": held.currency,
        "sender": card_document(held.sender),
        "recipient": card_document(held.recipient) if held.recipient else None,
        "reasons": list(logged.decision.reasons) if logged else [],
        "score": logged.facts.score if logged else None,
        "created_at": rfc3339(held.created_at),
        "expires_at": rfc3339(held.expires_at),
    }


def case_document(case: RiskCase, raised: Sequence[tuple[str, float]]) -> dict[str, Any]:
    """``raised``: by which features the score was, with by how much."""
    logged = case.logged
    named = zip(features.NAMES, logged.facts.features, strict=True)
    return {
        "decision": decision_document(logged),
        "status": case.status,
        "expires_at": _moment(case.expires_at),
        "sender": card_document(case.sender),
        "recipient": card_document(case.recipient) if case.recipient else None,
        "reasons": [{"code": one, "sentence": SENTENCES[one]} for one in logged.decision.reasons],
        "features": [{"name": name, "value": value} for name, value in named],
        "model_reasons": [{"feature": name, "weight": weight} for name, weight in raised],
        "labels": labels_document(case.labels),
        "snoozes": [snooze_document(one) for one in case.snoozes],
        "recent_of_sender": [decision_document(one) for one in case.recent_of_sender],
        "recent_of_recipient": [decision_document(one) for one in case.recent_of_recipient],
    }


def ruling_document(ruling: Ruling) -> dict[str, Any]:
    label = ruling.label
    return {
        "id": ids.encode(ids.TRANSFER, ruling.transfer_id),
        "status": ruling.status,
        "verdict": HeldVerdict.CANCEL if label.fraud else HeldVerdict.RELEASE,
        "decided_at": rfc3339(label.at),
        "maker": _person(label.maker_id),
    }


def labels_document(labels: Sequence[Label]) -> list[dict[str, Any]]:
    return [
        {"source": one.source, "fraud": one.fraud, "at": rfc3339(one.at), "maker": _person(one.maker_id)}
        for one in labels
    ]


def snooze_document(snooze: Snooze) -> dict[str, Any]:
    return {
        "subject": _person(snooze.subject_id),
        "rule": snooze.rule,
        "until": rfc3339(snooze.until),
        "maker": _person(snooze.maker_id),
    }


def listed_document(listed: Listed) -> dict[str, Any]:
    entry = listed.entry
    return {
        "id": ids.encode(ids.LISTED, entry.id),
        "list": entry.list,
        "user": card_document(listed.person) if listed.person else None,
        "reason": entry.reason,
        "added_by": _person(entry.added_by),
        "added_at": rfc3339(entry.added_at),
    }


def shadow_document(shadow: Shadow) -> dict[str, Any]:
    return {
        "name": shadow.name,
        "policy": shadow.policy.version,
        "figures": dict(shadow.figures),
        "created_at": rfc3339(shadow.created_at),
        "decisions": shadow.seen,
        "amount": shadow.amount,
    }


def report_document(report: Report) -> dict[str, Any]:
    return shadow_document(report.shadow) | {
        "changes": report.changes,
        "changed_amount": report.amount,
        "moved": [
            {
                "was": each.was,
                "would": each.would,
                "changes": each.changes,
                "amount": each.amount,
                "fraud": each.fraud,
                "legitimate": each.legitimate,
            }
            for each in report.moved
        ],
        "reasons": [{"code": code, "changes": changes, "amount": amount} for code, changes, amount in report.reasons],
        "agrees": report.agrees,
        "disagrees": report.disagrees,
    }


def _moment(at: datetime | None) -> str | None:
    return rfc3339(at) if at else None


def _person(person: UUID) -> str:
    return ids.encode(ids.USER, person)
