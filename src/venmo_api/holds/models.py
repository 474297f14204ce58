"""Table of authorisations. The money stands in the ledger as a hold of the same id."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, DateTime, ForeignKey, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from venmo_api.adapters.postgres import Model


class HoldRow(Model):
    """``held`` until all of it was captured or a capture was final (``settled``), the payee gave it back
    (``cancelled``) or time ran out (``expired``). What was captured before stays captured."""

    __tablename__ = "holds"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    payer_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    payee_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    amount: Mapped[int] = mapped_column(BigInteger)
    captured: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    currency: Mapped[str] = mapped_column(Text)
    note: Mapped[str] = mapped_column(Text)
    audience: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    ended_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

    __table_args__ = (
        CheckConstraint("amount > 0", name="amount"),
        CheckConstraint("captured BETWEEN 0 AND amount", name="captured"),
        CheckConstraint("payer_id <> payee_id", name="parties"),
        CheckConstraint("audience IN ('private', 'friends', 'public')", name="audience"),
        CheckConstraint("status IN ('held', 'settled', 'cancelled', 'expired')", name="status"),
        CheckConstraint("(status = 'held') = (ended_at IS NULL)", name="ended"),
        Index("ix_holds_payer_id_id", "payer_id", "id"),
        Index("ix_holds_payee_id_id", "payee_id", "id"),
        Index("ix_holds_expires_at", "expires_at", postgresql_where=text("status = 'held'")),
    )
