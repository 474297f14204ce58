"""Bodies of what analysts read and decide of cases."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, Field

from venmo_api.analytics.cases import Dossier
from venmo_api.analytics.rules import (
    NARRATIVE_MOST,
    Case,
    Disposition,
    Done,
    Ending,
    Judgement,
    Payment,
    State,
    Step,
)
from venmo_api.core import ids
from venmo_api.core.clock import rfc3339
from venmo_api.http import fields
from venmo_api.http.bodies import Body, Plain

SHOWN_MOST = 1_000
"""Alerts and payments of a case that are shown; its file has all."""
Word = Annotated[str, fields.text(64)]
Narrative = Annotated[str, fields.text(NARRATIVE_MOST)]
UserId = Annotated[str, fields.public_id(ids.USER)]


class ProposalBody(Body):
    """How the case is to end, and why. The words go to the case file."""

    disposition: Ending = Field(examples=["report"], strict=False)
    narrative: Annotated[str, Field(min_length=1, max_length=NARRATIVE_MOST), fields.plain(NARRATIVE_MOST), Plain] = (
        Field(examples=["Eleven people paid this account within an hour, and it took out all of it."])
    )


class JudgementBody(Body):
    """Of what somebody else proposed; who proposed it may return it only."""

    judgement: Judgement = Field(examples=["approve"], strict=False)


class CaseOut(BaseModel):
    """``typologies``: the detections that found it. ``due_at``: a report is due by then; null below the amount that
    must be reported. ``amount`` is of its payments, each once."""

    id: Annotated[str, fields.public_id(ids.CASE)]
    state: State
    disposition: Disposition | None
    typologies: Annotated[list[Word], Field(max_length=64, examples=[["fan_in_mule"]])]
    alerts: fields.Count
    payments: fields.Count
    amount: fields.Cents
    opened_at: fields.Moment
    due_at: fields.Moment | None
    closed_at: fields.Moment | None
    kept_until: fields.Moment | None = Field(description="a case that has ended is kept until then at least")
    merged_into: Annotated[str, fields.public_id(ids.CASE)] | None


class CasePage(fields.Page[CaseOut]):
    pass


class SubjectOut(BaseModel):
    """Whom it is about: ``user_id`` is null for a device."""

    kind: Word = Field(examples=["account"])
    user_id: UserId | None


class AlertOut(BaseModel):
    """``score`` is percent of what the detection asks for; ``parameters`` are its figures."""

    id: Annotated[str, fields.public_id(ids.ALERT)]
    detector: Word = Field(examples=["fan_in_mule"])
    version: fields.Count
    parameters: dict[str, Any]
    start_at: fields.Moment
    end_at: fields.Moment
    score: fields.Cents
    amount: fields.Cents
    manifest: fields.Count = Field(description="sequence of the archive's manifest it was found in")
    raised_at: fields.Moment


class EvidenceOut(BaseModel):
    """A payment or cash-out that bears the case out."""

    id: Annotated[str, fields.opaque(64)]
    kind: Word = Field(examples=["payment"])
    at: fields.Moment
    sender_id: UserId
    recipient_id: UserId | None
    amount: fields.Cents


class StepOut(BaseModel):
    """``actor_id`` is null for what a detection did."""

    step: Step
    at: fields.Moment
    actor_id: UserId | None
    disposition: Disposition | None
    narrative: Narrative | None


class DossierOut(CaseOut):
    """All of a case; of very large ones the first thousand alerts and payments."""

    subjects: Annotated[list[SubjectOut], Field(max_length=SHOWN_MOST)]
    evidence: Annotated[list[EvidenceOut], Field(max_length=SHOWN_MOST)]
    found: Annotated[list[AlertOut], Field(max_length=SHOWN_MOST)]
    steps: Annotated[list[StepOut], Field(max_length=SHOWN_MOST)]


def case_document(case: Case, *, kept_seconds: int) -> dict[str, Any]:
    kept_until = case.closed_at + timedelta(seconds=kept_seconds) if case.closed_at else None
    return {
        "id": ids.encode(ids.CASE, case.id),
        "state": case.state,
        "disposition": case.disposition,
        "typologies": list(case.typologies),
        "alerts": case.alerts,
        "payments": case.payments,
        "amount": case.amount,
        "opened_at": rfc3339(case.opened_at),
        "due_at": _moment(case.due_at),
        "closed_at": _moment(case.closed_at),
        "kept_until": _moment(kept_until),
        "merged_into": _id(ids.CASE, case.merged_into),
    }


def dossier_document(found: Dossier, *, kept_seconds: int) -> dict[str, Any]:
    once = {payment.tx_id: payment for _, payment in found.payments}
    return case_document(found.case, kept_seconds=kept_seconds) | {
        "subjects": [{"kind": row.kind, "user_id": _id(ids.USER, row.account_id)} for row in found.subjects][
            :SHOWN_MOST
        ],
        "evidence": [_payment(payment) for payment in list(once.values())[:SHOWN_MOST]],
        "found": [_alert(row._mapping) for row in found.alerts[:SHOWN_MOST]],
        "steps": [_step(done) for done in found.steps[-SHOWN_MOST:]],
    }


def _alert(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": ids.encode(ids.ALERT, row["id"]),
        "detector": row["detector"],
        "version": row["version"],
        "parameters": row["parameters"],
        "start_at": rfc3339(_at(row["start_us"])),
        "end_at": rfc3339(_at(row["end_us"])),
        "score": row["score"],
        "amount": row["amount"],
        "manifest": row["manifest_sequence"],
        "raised_at": rfc3339(row["raised_at"]),
    }


def _payment(payment: Payment) -> dict[str, Any]:
    return {
        "id": ids.encode(ids.TRANSFER if payment.kind == "payment" else ids.CASH_OUT, payment.tx_id),
        "kind": payment.kind,
        "at": rfc3339(payment.at),
        "sender_id": ids.encode(ids.USER, payment.sender_id),
        "recipient_id": _id(ids.USER, payment.recipient_id),
        "amount": payment.amount,
    }


def _step(done: Done) -> dict[str, Any]:
    return {
        "step": done.step,
        "at": rfc3339(done.at),
        "actor_id": _id(ids.USER, done.actor_id),
        "disposition": done.disposition,
        "narrative": done.narrative,
    }


def _id(prefix: str, value: UUID | None) -> str | None:
    return ids.encode(prefix, value) if value is not None else None


def _moment(at: datetime | None) -> str | None:
    return rfc3339(at) if at is not None else None


def _at(us: int) -> datetime:
    return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=us)
