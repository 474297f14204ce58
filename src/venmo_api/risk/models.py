"""Tables of risk: counters, the decision log, who is blocked, which rules sleep, and the policies there were.

Beyond what stands here, the migration makes ``risk_decisions`` append-only and gives it its first partition.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from venmo_api.adapters.postgres import Model


class Counters(Model):
    """What is counted of one account, as ``counters.dumped`` writes it. Guarded by the lock of the account in the
    ledger."""

    __tablename__ = "risk_counters"

    entity_id: Mapped[UUID] = mapped_column(primary_key=True)
    record: Mapped[str] = mapped_column(Text)

    # Written with every payment: room on each page, and no index on what changes, keeps updates in place (HOT).
    __table_args__ = ({"postgresql_with": {"fillfactor": "50", "autovacuum_vacuum_scale_factor": "0.02"}},)


class DecisionRow(Model):
    """One decision with all it was taken on, in the transaction of what it decided. ``tx_id`` is that of the transfer
    or cash-out, also of one that was declined. ``decided_at`` rises strictly from one decision of an account to its
    next, whichever side the account is on. ``features``: int64s, little endian, in the order of ``features.SPECS`` as
    they were then: a log's older vectors may be shorter."""

    __tablename__ = "risk_decisions"

    tx_id: Mapped[UUID] = mapped_column(primary_key=True)
    decided_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    sender_id: Mapped[UUID] = mapped_column()
    recipient_id: Mapped[UUID | None] = mapped_column(comment="null: a cash-out, or nobody who has signed up")
    amount: Mapped[int] = mapped_column(BigInteger)
    verdict: Mapped[str] = mapped_column(Text)
    reasons: Mapped[list[str]] = mapped_column(ARRAY(Text))
    policy: Mapped[str] = mapped_column(Text, comment="version: risk_policies has its figures")
    model: Mapped[str | None] = mapped_column(Text, comment="SHA-256 of the model's text; null: none was active")
    score: Mapped[float | None] = mapped_column(Double)
    features: Mapped[bytes] = mapped_column(LargeBinary)
    listed: Mapped[list[str]] = mapped_column(ARRAY(Text))
    snoozed: Mapped[list[str]] = mapped_column(ARRAY(Text))
    holdable: Mapped[bool] = mapped_column(comment="whether the money could wait for a review")
    degraded: Mapped[bool] = mapped_column()
    new_device: Mapped[bool] = mapped_column()
    device_id: Mapped[UUID | None] = mapped_column()
    latency_us: Mapped[int] = mapped_column(Integer, comment="to read and to judge, of the batch it was in")

    __table_args__ = (
        CheckConstraint("kind IN ('payment', 'cash_out')", name="kind"),
        CheckConstraint("verdict IN ('allow', 'review', 'deny')", name="verdict"),
        CheckConstraint("amount > 0", name="amount"),
        Index("ix_risk_decisions_doubted", "decided_at", "tx_id", postgresql_where=text("verdict <> 'allow'")),
        {"postgresql_partition_by": "RANGE (decided_at)"},
    )


def _once(column: str) -> Index:
    """On each list once."""
    given = text(f"{column} IS NOT NULL")
    return Index(f"uq_risk_blocklist_{column}", column, "list", unique=True, postgresql_where=given)


class BlocklistEntry(Model):
    """Somebody who may neither pay nor be paid: a person, or a contact that nobody need have signed up with, by its
    blind index."""

    __tablename__ = "risk_blocklist"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    list: Mapped[str] = mapped_column(Text)
    user_id: Mapped[UUID | None] = mapped_column()
    contact: Mapped[str | None] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text, comment="a word")
    added_by: Mapped[UUID] = mapped_column()
    added_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))

    __table_args__ = (
        CheckConstraint("list IN ('block', 'sanctions')", name="list"),
        CheckConstraint("(user_id IS NULL) <> (contact IS NULL)", name="subject"),
        _once("user_id"),
        _once("contact"),
    )


class Snooze(Model):
    """One rule that does not speak about one sender until a moment."""

    __tablename__ = "risk_snoozes"

    subject_id: Mapped[UUID] = mapped_column(primary_key=True)
    rule: Mapped[str] = mapped_column(Text, primary_key=True)
    until: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    maker_id: Mapped[UUID] = mapped_column()
    made_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class PolicyRow(Model):
    """The figures behind a version that has decided something."""

    __tablename__ = "risk_policies"

    version: Mapped[str] = mapped_column(Text, primary_key=True)
    figures: Mapped[dict[str, float]] = mapped_column(JSONB)
    first_used_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class LabelRow(Model):
    """What was found out about a payment or cash-out, when, and by whom: an analyst's verdict, or what a bank said that
    an analyst entered. ``at`` is business time: training believes no label before it."""

    __tablename__ = "risk_labels"

    tx_id: Mapped[UUID] = mapped_column(primary_key=True)
    source: Mapped[str] = mapped_column(Text, primary_key=True)
    fraud: Mapped[bool] = mapped_column()
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True), index=True)
    maker_id: Mapped[UUID] = mapped_column()

    __table_args__ = (CheckConstraint("source IN ('verdict', 'bank_return', 'chargeback')", name="source"),)


class ShadowRow(Model):
    """A candidate of a policy that decides nothing: run over the decisions after the one it saw last. ``seen`` and
    ``amount`` are how many those were, and their cents."""

    __tablename__ = "risk_shadows"

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    figures: Mapped[dict[str, float]] = mapped_column(JSONB)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    seen_id: Mapped[UUID] = mapped_column(comment="all decisions up to this one were looked at")
    seen: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    amount: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))


class ShadowChange(Model):
    """One decision that the candidate would have taken otherwise."""

    __tablename__ = "risk_shadow_changes"

    shadow: Mapped[str] = mapped_column(ForeignKey("risk_shadows.name", ondelete="CASCADE"), primary_key=True)
    tx_id: Mapped[UUID] = mapped_column(primary_key=True)
    decided_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    amount: Mapped[int] = mapped_column(BigInteger)
    was: Mapped[str] = mapped_column(Text)
    would: Mapped[str] = mapped_column(Text)
    reasons: Mapped[list[str]] = mapped_column(ARRAY(Text), comment="those that differ")


class ModelRow(Model):
    """One model that was trained; its text lies in S3 under its hash. Rows are never changed."""

    __tablename__ = "risk_models"

    sha256: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True, comment="of the model's text")
    features: Mapped[list[str]] = mapped_column(ARRAY(Text))
    specs: Mapped[bytes] = mapped_column(LargeBinary, comment="SHA-256 of what those features mean")
    trained_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    known_until: Mapped[datetime] = mapped_column(DateTime(timezone=True), comment="labels younger were not used")
    report: Mapped[dict[str, Any]] = mapped_column(JSONB)


class Activation(Model):
    """Which model scores since when: the last row says. The service cannot write here."""

    __tablename__ = "risk_activations"

    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    sha256: Mapped[bytes | None] = mapped_column(ForeignKey("risk_models.sha256"), comment="null: rules alone")
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
