"""Table of what counts towards limits."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, DateTime, Text
from sqlalchemy.orm import Mapped, mapped_column

from venmo_api.adapters.postgres import Model


class LimitUse(Model):
    """One authorised amount of one person. ``total`` is the sum of all of that kind up to and with this one, so what a
    window holds is the difference of two rows, however many lie between them. ``at`` never steps back."""

    __tablename__ = "limit_uses"

    user_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(Text, primary_key=True)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True), primary_key=True)
    total: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    amount: Mapped[int] = mapped_column(BigInteger)

    __table_args__ = (
        CheckConstraint("kind IN ('sent', 'topped_up', 'cashed_out', 'sent_new_device')", name="kind"),
        CheckConstraint("amount > 0 AND total >= amount", name="amount"),
    )
