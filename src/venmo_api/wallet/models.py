"""Tables of money in and out: funding sources (a bank's token, never a number), top-ups, cash-outs."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, DateTime, ForeignKey, Index, LargeBinary, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from venmo_api.adapters.postgres import Model


class FundingSource(Model):
    """``token``, ``label`` and ``last4`` in clear are of before there were keys."""

    __tablename__ = "funding_sources"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    type: Mapped[str] = mapped_column(Text)
    token: Mapped[str | None] = mapped_column(Text)
    label: Mapped[str | None] = mapped_column(Text)
    last4: Mapped[str | None] = mapped_column(Text)
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary, comment="token, label and last4, as JSON")
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))

    __table_args__ = (
        CheckConstraint("type IN ('bank', 'card')", name="type"),
        CheckConstraint(
            "(sealed IS NULL) = (token IS NOT NULL AND label IS NOT NULL AND last4 IS NOT NULL)", name="sealed"
        ),
    )


class TopUpRow(Model):
    """``pending`` until the bank has answered; then ``settled`` (and in the ledger, under its id) or ``failed``."""

    __tablename__ = "top_ups"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    funding_source_id: Mapped[UUID] = mapped_column(ForeignKey("funding_sources.id"))
    amount: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(Text)
    idempotency_key: Mapped[str] = mapped_column(Text)
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary)
    request_id: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    due_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), comment="when a job asks the bank again")
    ended_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

    __table_args__ = (
        CheckConstraint("amount > 0", name="amount"),
        CheckConstraint("status IN ('pending', 'settled', 'failed')", name="status"),
        Index("ix_top_ups_user_id_id", "user_id", "id"),
        Index("ix_top_ups_pending", "user_id", postgresql_where=text("status = 'pending'")),
    )


class CashOutRow(Model):
    """Money on its way to a bank: held in the wallet under this id while ``pending``; then ``settled`` (and in the
    ledger, under its id) or ``failed``. ``fee`` is taken from the amount."""

    __tablename__ = "cash_outs"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    funding_source_id: Mapped[UUID] = mapped_column(ForeignKey("funding_sources.id"))
    amount: Mapped[int] = mapped_column(BigInteger)
    fee: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(Text)
    speed: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(Text)
    idempotency_key: Mapped[str] = mapped_column(Text)
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary)
    request_id: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    due_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), comment="when a job asks the bank again")
    ended_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

    __table_args__ = (
        CheckConstraint("fee >= 0 AND amount > fee", name="amount"),
        CheckConstraint("speed IN ('standard', 'instant')", name="speed"),
        CheckConstraint("status IN ('pending', 'settled', 'failed')", name="status"),
        Index("ix_cash_outs_user_id_id", "user_id", "id"),
        Index("ix_cash_outs_pending", "due_at", postgresql_where=text("status = 'pending'")),
    )
