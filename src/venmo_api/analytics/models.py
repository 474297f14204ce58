"""Tables of alerts, the payments that bear them out, and the cases they are merged into."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from venmo_api.adapters.postgres import Model


class CaseRow(Model):
    """One case a subject or a ring. ``file_key``: its file in S3, once it was reported."""

    __tablename__ = "cases"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    state: Mapped[str] = mapped_column(Text)
    disposition: Mapped[str | None] = mapped_column(Text)
    opened_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    due_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    closed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    merged_into: Mapped[UUID | None] = mapped_column(ForeignKey("cases.id"))
    file_key: Mapped[str | None] = mapped_column(Text)

    __table_args__ = (
        CheckConstraint("state IN ('open', 'proposed', 'closed')", name="state"),
        CheckConstraint("disposition IN ('report', 'dismiss', 'merge')", name="disposition"),
        CheckConstraint("(state = 'closed') = (closed_at IS NOT NULL)", name="closed"),
        CheckConstraint("(state = 'open') = (disposition IS NULL)", name="disposed"),
        CheckConstraint("(merged_into IS NULL) = (disposition IS DISTINCT FROM 'merge')", name="merged"),
        Index("ix_cases_unfinished", "id", postgresql_where=text("closed_at IS NULL")),
        Index(
            "ix_cases_unfiled",
            "id",
            postgresql_where=text("closed_at IS NOT NULL AND disposition = 'report' AND file_key IS NULL"),
        ),
    )


class CaseSubject(Model):
    """Whom a case is about: accounts and devices, as the numbers that detections know them by."""

    __tablename__ = "case_subjects"

    case_id: Mapped[UUID] = mapped_column(ForeignKey("cases.id"), primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    account_id: Mapped[UUID | None] = mapped_column(comment="null for a device")

    __table_args__ = (
        CheckConstraint("kind IN ('account', 'device')", name="kind"),
        Index("ix_case_subjects_number", "number"),
    )


class CaseStep(Model):
    """What was done to a case, by whom (null: by a detection), in which words."""

    __tablename__ = "case_steps"

    case_id: Mapped[UUID] = mapped_column(ForeignKey("cases.id"), primary_key=True)
    number: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    step: Mapped[str] = mapped_column(Text)
    actor_id: Mapped[UUID | None] = mapped_column()
    disposition: Mapped[str | None] = mapped_column(Text)
    narrative: Mapped[str | None] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True))

    __table_args__ = (
        CheckConstraint(
            "step IN ('open', 'alert', 'join', 'merge', 'propose', 'withdraw', 'return', 'approve')", name="step"
        ),
    )


class AlertRow(Model):
    """What a detection found once and for all: ``id`` is the hash of everything that names it. ``manifest_*``: what of
    the archive it was found in."""

    __tablename__ = "alerts"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    case_id: Mapped[UUID] = mapped_column(ForeignKey("cases.id"))
    detector: Mapped[str] = mapped_column(Text)
    version: Mapped[int] = mapped_column(Integer)
    parameters: Mapped[dict[str, Any]] = mapped_column(JSONB)
    subject: Mapped[int] = mapped_column(BigInteger)
    subject_kind: Mapped[str] = mapped_column(Text)
    start_us: Mapped[int] = mapped_column(BigInteger)
    end_us: Mapped[int] = mapped_column(BigInteger)
    score: Mapped[int] = mapped_column(BigInteger)
    amount: Mapped[int] = mapped_column(BigInteger)
    manifest_sequence: Mapped[int] = mapped_column(Integer)
    manifest_sha256: Mapped[bytes] = mapped_column(LargeBinary)
    raised_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))

    __table_args__ = (
        CheckConstraint("subject_kind IN ('account', 'device')", name="subject_kind"),
        CheckConstraint("start_us <= end_us", name="window"),
        Index("ix_alerts_case_id", "case_id"),
        Index("ix_alerts_raised_at", "raised_at"),
    )


class AlertPayment(Model):
    """A payment or cash-out that bears an alert out, as it stands in the archive's file ``file_key``."""

    __tablename__ = "alert_payments"

    alert_id: Mapped[UUID] = mapped_column(ForeignKey("alerts.id"), primary_key=True)
    tx_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    sender_id: Mapped[UUID] = mapped_column()
    recipient_id: Mapped[UUID | None] = mapped_column()
    amount: Mapped[int] = mapped_column(BigInteger)
    file_key: Mapped[str] = mapped_column(Text)

    __table_args__ = (CheckConstraint("kind IN ('payment', 'cash_out')", name="kind"),)
