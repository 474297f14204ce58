"""Tables of the sandbox: how far the clock was driven, what was sent to whom, what the bank is slow with."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, DateTime, Index, SmallInteger, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from venmo_api.adapters.postgres import Model


class SandboxClock(Model):
    """One row: how far ahead of the system's clock the service is."""

    __tablename__ = "sandbox_clock"

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, server_default=text("1"))
    ahead_microseconds: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))

    __table_args__ = (
        CheckConstraint("id = 1", name="id"),
        CheckConstraint("ahead_microseconds >= 0", name="ahead_microseconds"),
    )


class SandboxMessage(Model):
    """A mail, text message or push that was not sent: the inbox of somebody on a laptop."""

    __tablename__ = "sandbox_messages"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column()
    channel: Mapped[str] = mapped_column(Text)
    address: Mapped[str] = mapped_column(Text)
    text: Mapped[str] = mapped_column(Text)
    sent_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))

    __table_args__ = (
        CheckConstraint("channel IN ('email', 'phone', 'push')", name="channel"),
        Index("ix_sandbox_messages_user_id_id", "user_id", "id"),
    )


class SandboxBankOrder(Model):
    """What the sandbox bank was asked for and answers later only, and when it was asked first."""

    __tablename__ = "sandbox_bank_orders"

    reference: Mapped[UUID] = mapped_column(primary_key=True)
    asked_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
