"""Tables of people, and of how they stand to each other."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, ForeignKey, Index, Text, func, text
from sqlalchemy.orm import Mapped, mapped_column

from venmo_api.adapters.postgres import Model


class User(Model):
    __tablename__ = "users"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    username: Mapped[str] = mapped_column(Text, unique=True)
    display_name: Mapped[str] = mapped_column(Text)
    avatar_url: Mapped[str | None] = mapped_column(Text)
    default_audience: Mapped[str] = mapped_column(Text, server_default=text("'friends'"))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    verified_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True), comment="identity, not contacts")
    erased_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    pay_code: Mapped[str | None] = mapped_column(Text, unique=True, comment="what the QR code of this person holds")
    friend_list: Mapped[str] = mapped_column(Text, server_default=text("'private'"), comment="who may see it")
    findable: Mapped[bool] = mapped_column(server_default=text("false"), comment="by a hash of a proved contact")

    __table_args__ = (
        CheckConstraint("username ~ '^[a-z0-9_-]{3,30}$'", name="username"),
        CheckConstraint("default_audience IN ('private', 'friends', 'public')", name="default_audience"),
        CheckConstraint("friend_list IN ('private', 'friends', 'public')", name="friend_list"),
        Index("ix_users_username_prefix", "username", postgresql_ops={"username": "text_pattern_ops"}),
    )


Index(
    "ix_users_name_prefix",
    func.lower(User.display_name).label("name"),
    postgresql_ops={"name": "text_pattern_ops"},
)


class Friendship(Model):
    """One row a pair, lower id first; friends once accepted. One row cannot disagree with itself."""

    __tablename__ = "friendships"

    low_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    high_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True, index=True)
    asked_by: Mapped[UUID] = mapped_column()
    asked_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    accepted_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

    __table_args__ = (
        CheckConstraint("low_id < high_id", name="order"),
        CheckConstraint("asked_by IN (low_id, high_id)", name="asked_by"),
        Index("ix_friendships_friends", "low_id", "high_id", postgresql_where=text("accepted_at IS NOT NULL")),
        Index("ix_friendships_friends_of", "high_id", "low_id", postgresql_where=text("accepted_at IS NOT NULL")),
    )


class Block(Model):
    """Hides each of the two from the other; a trigger lets no friendship stand beside it."""

    __tablename__ = "blocks"

    blocker_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    blocked_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True))

    __table_args__ = (
        CheckConstraint("blocker_id <> blocked_id", name="oneself"),
        Index("ix_blocks_blocked_id", "blocked_id", "blocker_id"),
    )


class Dismissal(Model):
    """Somebody a person does not want suggested as a friend again."""

    __tablename__ = "dismissals"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    dismissed_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
