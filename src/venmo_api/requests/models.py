"""Tables of payment requests and splits."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, DateTime, ForeignKey, Index, SmallInteger, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from venmo_api.adapters.postgres import Model


class RequestRow(Model):
    """``pending`` until it is settled by the transfer ``transfer_id``, cancelled (``ended_by`` says by whom: a payer
    who declines cancels too) or expired."""

    __tablename__ = "payment_requests"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    requester_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    payer_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    amount: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(Text)
    note: Mapped[str] = mapped_column(Text)
    audience: Mapped[str | None] = mapped_column(Text)
    status: Mapped[str] = mapped_column(Text)
    split_id: Mapped[UUID | None] = mapped_column(ForeignKey("splits.id"), index=True)
    transfer_id: Mapped[UUID | None] = mapped_column(unique=True)
    reminders: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    reminded_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    ended_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    ended_by: Mapped[UUID | None] = mapped_column()

    __table_args__ = (
        CheckConstraint("amount > 0", name="amount"),
        CheckConstraint("requester_id <> payer_id", name="parties"),
        CheckConstraint("audience IN ('private', 'friends', 'public')", name="audience"),
        CheckConstraint("status IN ('pending', 'settled', 'cancelled', 'expired')", name="status"),
        CheckConstraint("(status = 'settled') = (transfer_id IS NOT NULL)", name="settled"),
        CheckConstraint("(status = 'pending') = (ended_at IS NULL)", name="ended"),
        Index("ix_payment_requests_requester_id_id", "requester_id", "id"),
        Index("ix_payment_requests_payer_id_id", "payer_id", "id"),
        Index("ix_payment_requests_expires_at", "expires_at", postgresql_where=text("status = 'pending'")),
    )


class SplitRow(Model):
    """One expense that ``creator_id`` paid, shared among many; each other share is a payment request."""

    __tablename__ = "splits"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    creator_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    total: Mapped[int] = mapped_column(BigInteger)
    own_share: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(Text)
    method: Mapped[str] = mapped_column(Text)
    note: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))

    __table_args__ = (
        CheckConstraint("total > 0 AND own_share BETWEEN 0 AND total", name="total"),
        CheckConstraint("method IN ('equal', 'exact', 'shares')", name="method"),
        Index("ix_splits_creator_id_id", "creator_id", "id"),
    )
