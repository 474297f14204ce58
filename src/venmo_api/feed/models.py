"""Table of stories: one a settled payment, under the payment's id."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, DateTime, Index, Integer, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from venmo_api.adapters.postgres import Model


class StoryRow(Model):
    __tablename__ = "stories"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    actor_id: Mapped[UUID] = mapped_column()
    target_id: Mapped[UUID] = mapped_column()
    action: Mapped[str] = mapped_column(Text)
    amount: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(Text)
    note: Mapped[str] = mapped_column(Text)
    audience: Mapped[str] = mapped_column(Text)
    likes: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    comments: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))

    __table_args__ = (
        CheckConstraint("audience IN ('private', 'friends', 'public')", name="audience"),
        CheckConstraint("action IN ('paid')", name="action"),
        Index("ix_stories_actor_id_id", "actor_id", "id"),
        Index("ix_stories_target_id_id", "target_id", "id"),
        Index("ix_stories_public", "id", postgresql_where=text("audience = 'public'")),
    )
