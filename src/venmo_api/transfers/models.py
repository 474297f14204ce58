"""Table of transfers. A transfer and its ledger transaction carry the same id."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, DateTime, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from venmo_api.adapters.postgres import Model


class TransferRow(Model):
    __tablename__ = "transfers"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    sender_id: Mapped[UUID] = mapped_column()
    recipient_id: Mapped[UUID] = mapped_column()
    amount: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(Text)
    note: Mapped[str] = mapped_column(Text)
    audience: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))

    __table_args__ = (
        CheckConstraint("amount > 0", name="amount"),
        CheckConstraint("sender_id <> recipient_id", name="parties"),
        CheckConstraint("audience IN ('private', 'friends', 'public')", name="audience"),
        CheckConstraint("status IN ('settled')", name="status"),
        Index("ix_transfers_sender_id_id", "sender_id", "id"),
        Index("ix_transfers_recipient_id_id", "recipient_id", "id"),
    )
