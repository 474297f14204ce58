"""Tables of the audit trail: the append-only log, what is not chained yet, and the chain."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Index, LargeBinary, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from venmo_api.adapters.postgres import Model


class AuditEntry(Model):
    """Ids and words only: no column holds what a person wrote or what identifies them without this database."""

    __tablename__ = "audit_log"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True), primary_key=True)
    act: Mapped[str] = mapped_column(Text)
    result: Mapped[str] = mapped_column(Text)
    actor_id: Mapped[UUID | None] = mapped_column()
    subject_id: Mapped[UUID | None] = mapped_column()
    network: Mapped[str | None] = mapped_column(Text, comment="/24 or /48, never an address")
    agent: Mapped[str | None] = mapped_column(Text, comment="family of the user agent")
    details: Mapped[dict[str, object]] = mapped_column(JSONB, server_default=text("'{}'"))

    __table_args__ = (
        Index("ix_audit_log_subject_id", "subject_id", "id"),
        Index("ix_audit_log_actor_id", "actor_id", "id"),
        {"postgresql_partition_by": "RANGE (at)"},
    )


class Unchained(Model):
    """An entry that has no place in the chain yet."""

    __tablename__ = "audit_queue"

    entry_id: Mapped[UUID] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True), comment="of its entry")


class ChainLink(Model):
    """``hash`` is the SHA-256 of the hash before and of the entry. The chain stays when its entries are archived."""

    __tablename__ = "audit_chain"

    position: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    entry_id: Mapped[UUID] = mapped_column(unique=True)
    hash: Mapped[bytes] = mapped_column(LargeBinary)
