"""Tables of stories, one a settled payment, under the payment's id; and of what people said and thought of them."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, DateTime, ForeignKey, Index, Integer, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
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
    announced: Mapped[str | None] = mapped_column(Text, comment="the audience it had before it was narrowed")
    likes: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    comments: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    reactions: Mapped[dict[str, int]] = mapped_column(
        JSONB, server_default=text("'{}'"), comment="how many people reacted with each emoji"
    )
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))

    __table_args__ = (
        CheckConstraint("audience IN ('private', 'friends', 'public')", name="audience"),
        CheckConstraint(
            "announced IS NULL OR (announced, audience) IN "
            "(('public', 'friends'), ('public', 'private'), ('friends', 'private'))",
            name="only_more_private",
        ),
        CheckConstraint("action IN ('paid')", name="action"),
        Index("ix_stories_actor_id_id", "actor_id", "id"),
        Index("ix_stories_pair", "actor_id", "target_id", "id"),
        Index("ix_stories_target_id_id", "target_id", "id"),
        Index("ix_stories_public", "id", postgresql_where=text("audience = 'public'")),
    )


class Narrowing(Model):
    """Until when somebody's past is for friends at most, and until when for the two parties only: also of stories that
    are still on their way."""

    __tablename__ = "narrowings"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    private_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    friends_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class PulledPerson(Model):
    """Somebody with so many friends that these look up the stories, instead of having them pushed."""

    __tablename__ = "pulled_people"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    since: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class Comment(Model):
    """``mentions``: who is named in the words, and where: ``[id, start, end]`` each."""

    __tablename__ = "comments"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    story_id: Mapped[UUID] = mapped_column(ForeignKey("stories.id"))
    author_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    words: Mapped[str] = mapped_column(Text, comment="empty once its author was erased")
    mentions: Mapped[list[list[object]]] = mapped_column(JSONB, server_default=text("'[]'"))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))

    __table_args__ = (Index("ix_comments_story_id_id", "story_id", "id"),)


class Reaction(Model):
    """What somebody thinks of a story: one row a person and story, which stays when all is withdrawn, so that what is
    given again is not taken for new."""

    __tablename__ = "reactions"

    story_id: Mapped[UUID] = mapped_column(ForeignKey("stories.id"), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    liked: Mapped[bool] = mapped_column(server_default=text("false"))
    emoji: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    times_liked: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    times_reacted: Mapped[int] = mapped_column(Integer, server_default=text("0"))


class Report(Model):
    """``thing_id``: the story or the comment that somebody finds wrong. ``verdict`` is null until staff have judged."""

    __tablename__ = "reports"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    reporter_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    kind: Mapped[str] = mapped_column(Text)
    thing_id: Mapped[UUID] = mapped_column()
    story_id: Mapped[UUID] = mapped_column()
    reason: Mapped[str] = mapped_column(Text)
    words: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    verdict: Mapped[str | None] = mapped_column(Text)
    decided_by: Mapped[UUID | None] = mapped_column()
    decided_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

    __table_args__ = (
        CheckConstraint("kind IN ('story', 'comment')", name="kind"),
        CheckConstraint("verdict IN ('dismiss', 'remove')", name="verdict"),
        CheckConstraint("num_nonnulls(verdict, decided_by, decided_at) IN (0, 3)", name="decided"),
        UniqueConstraint("reporter_id", "thing_id"),
        Index("ix_reports_thing_id", "thing_id"),
        Index("ix_reports_open", "id", postgresql_where=text("verdict IS NULL")),
    )
