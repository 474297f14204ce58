"""Tables of the archive: what has left Postgres and where it stands in S3, and what may not be removed from there."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Date,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Text,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from venmo_api.adapters.postgres import Model


class ManifestRow(Model):
    """The copy in Postgres of a manifest in S3: each side proves the other. ``sha256`` is of the manifest's bytes. One
    that moved a partition names it: only then may the partition be dropped, and only in the transaction that writes
    this row."""

    __tablename__ = "archive_manifests"

    sequence: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    key: Mapped[str] = mapped_column(Text)
    sha256: Mapped[bytes] = mapped_column(LargeBinary)
    transactions: Mapped[int] = mapped_column(BigInteger)
    entries: Mapped[int] = mapped_column(BigInteger)
    events: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    change: Mapped[str] = mapped_column(Text, server_default=text("'move'"))
    partition_group: Mapped[str | None] = mapped_column(Text)
    partition_lower: Mapped[datetime | None] = mapped_column(DateTime(timezone=True), comment="null: all before")
    partition_upper: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

    __table_args__ = (
        CheckConstraint("change IN ('move', 'compaction', 'expiry')", name="change"),
        CheckConstraint("(partition_group IS NULL) = (partition_upper IS NULL)", name="partition"),
    )


class LegalHold(Model):
    """What nobody may remove until the hold is released: of one shelf or of all, of some days or of all, of one person
    or of everybody. ``reason`` is a word or a number of a file, never text about somebody."""

    __tablename__ = "archive_holds"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    shelf: Mapped[str | None] = mapped_column(Text)
    first_day: Mapped[date | None] = mapped_column(Date)
    last_day: Mapped[date | None] = mapped_column(Date)
    subject_id: Mapped[UUID | None] = mapped_column()
    reason: Mapped[str] = mapped_column(Text)
    placed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    released_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

    __table_args__ = (Index("ix_archive_holds_open", "placed_at", postgresql_where=text("released_at IS NULL")),)


class Restore(Model):
    """Archived days that somebody wants to read and that lie in a cold storage class. ``asked_by`` is a person; nobody
    when the operator asked."""

    __tablename__ = "archive_restores"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    asked_by: Mapped[UUID | None] = mapped_column(comment="null: the operator")
    first_day: Mapped[date] = mapped_column(Date)
    last_day: Mapped[date] = mapped_column(Date)
    state: Mapped[str] = mapped_column(Text)
    files: Mapped[int] = mapped_column(Integer)
    waiting: Mapped[int] = mapped_column(Integer, comment="files that cannot be read yet")
    requested_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    ready_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    expires_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

    __table_args__ = (
        CheckConstraint("state IN ('requested', 'restoring', 'ready', 'expired')", name="state"),
        CheckConstraint("first_day <= last_day", name="days"),
        CheckConstraint("(state IN ('ready', 'expired')) = (ready_at IS NOT NULL)", name="ready"),
        CheckConstraint("(ready_at IS NULL) = (expires_at IS NULL)", name="expires"),
        Index("ix_archive_restores_open", "requested_at", postgresql_where=text("state <> 'expired'")),
        Index("ix_archive_restores_asked_by", "asked_by", "id"),
    )


class PartitionedTable(Model):
    """A table that is partitioned by time. All tables of a group have the same boundaries, and move together."""

    __tablename__ = "archive_tables"

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    group_name: Mapped[str] = mapped_column(Text)
    moment: Mapped[str] = mapped_column(Text, comment="its column")
    place: Mapped[int] = mapped_column(SmallInteger, comment="in which order a group is locked")


class PartitionRow(Model):
    """A stretch of time of a group, from ``lower`` to before ``upper``; those of a group leave no gap from -infinity to
    infinity. What is frozen takes no more rows; what was moved is empty, and takes none either."""

    __tablename__ = "archive_partitions"

    group_name: Mapped[str] = mapped_column(Text, primary_key=True)
    lower: Mapped[datetime] = mapped_column(DateTime(timezone=True), primary_key=True)
    upper: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    state: Mapped[str] = mapped_column(Text, server_default=text("'open'"))

    __table_args__ = (
        CheckConstraint("lower < upper", name="bounds"),
        CheckConstraint("state IN ('open', 'frozen', 'moved')", name="state"),
    )


class Horizon(Model):
    """What whoever writes a row of a group asks: its moment is after ``frozen_through``."""

    __tablename__ = "archive_horizons"

    group_name: Mapped[str] = mapped_column(Text, primary_key=True)
    frozen_through: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    moved_through: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
