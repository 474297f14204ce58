"""Tables of the inbox, of what is still to be sent, of what people want sent, and of where pushes go."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    SmallInteger,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from venmo_api.adapters.postgres import Model


class Notification(Model):
    """Ids only: names are those of when it is read. ``key`` tells an event that was delivered again."""

    __tablename__ = "notifications"

    user_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    key: Mapped[UUID] = mapped_column()
    kind: Mapped[str] = mapped_column(Text)
    actor_id: Mapped[UUID | None] = mapped_column()
    subject_type: Mapped[str] = mapped_column(Text)
    subject_id: Mapped[UUID] = mapped_column()
    comment_id: Mapped[UUID | None] = mapped_column()
    amount: Mapped[int | None] = mapped_column(BigInteger)
    currency: Mapped[str | None] = mapped_column(Text)
    detail: Mapped[str | None] = mapped_column(Text, comment="an emoji, or a word of ours")
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    read_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

    __table_args__ = (
        UniqueConstraint("user_id", "key"),
        CheckConstraint("(amount IS NULL) = (currency IS NULL)", name="amount"),
        Index("ix_notifications_unread", "user_id", "id", postgresql_where=text("read_at IS NULL")),
        Index("ix_notifications_created_at", "created_at", postgresql_using="brin"),
    )


class InboxHead(Model):
    """One row: the id given last. Who writes into inboxes holds it, so that ids rise in the order of the commits."""

    __tablename__ = "inbox_head"

    one: Mapped[int] = mapped_column(SmallInteger, primary_key=True, server_default=text("1"))
    last_id: Mapped[UUID] = mapped_column()

    __table_args__ = (CheckConstraint("one = 1", name="one"),)


class Send(Model):
    """One push or mail that is still to go out. Claimed by moving ``due_at`` on; gone once it went."""

    __tablename__ = "notification_sends"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(index=True)
    notification_id: Mapped[UUID] = mapped_column()
    channel: Mapped[str] = mapped_column(Text)
    push: Mapped[str | None] = mapped_column(Text, comment="how much of it is told")
    token_id: Mapped[UUID | None] = mapped_column()
    due_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), index=True)
    attempts: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))

    __table_args__ = (
        CheckConstraint("channel IN ('push', 'mail')", name="channel"),
        CheckConstraint("num_nulls(push, token_id) = CASE channel WHEN 'push' THEN 0 ELSE 2 END", name="push"),
    )


class Preference(Model):
    """What somebody chose of one kind; without a row it is as by default."""

    __tablename__ = "notification_preferences"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(Text, primary_key=True)
    push: Mapped[str] = mapped_column(Text)
    mail: Mapped[bool] = mapped_column()

    __table_args__ = (CheckConstraint("push IN ('off', 'brief', 'full')", name="push"),)


class PushToken(Model):
    """Where the pushes of one session go, as long as it lasts. Found by the SHA-256 of the token: it is long and
    random."""

    __tablename__ = "push_tokens"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    session_id: Mapped[UUID] = mapped_column(ForeignKey("sessions.id", ondelete="CASCADE"), unique=True)
    platform: Mapped[str] = mapped_column(Text)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary, comment="the token")
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))

    __table_args__ = (CheckConstraint("platform IN ('apns', 'fcm')", name="platform"),)
