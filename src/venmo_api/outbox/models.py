"""Tables of the outbox: the append-only log of events, and the queue of those not yet delivered."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Identity, Index, Integer, SmallInteger, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from venmo_api.adapters.postgres import Model


class EventRow(Model):
    __tablename__ = "events"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    topic: Mapped[str] = mapped_column(Text)
    payload: Mapped[dict[str, object]] = mapped_column(JSONB)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), primary_key=True)

    __table_args__ = ({"postgresql_partition_by": "RANGE (created_at)"},)


class Delivery(Model):
    """One event waiting to be delivered. Gone once every subscriber has it; parked after too many failures."""

    __tablename__ = "outbox_queue"

    position: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    event_id: Mapped[UUID] = mapped_column()
    subject_id: Mapped[UUID] = mapped_column(index=True, comment="who did it: they are shown it before it is delivered")
    due_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    attempts: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    parked: Mapped[bool] = mapped_column(server_default=text("false"))
    last_error: Mapped[str | None] = mapped_column(Text)
    lease_id: Mapped[UUID | None] = mapped_column()
    leased_until: Mapped[datetime | None] = mapped_column(
        DateTime(timezone=True), comment="by the database's clock, one for all"
    )
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), comment="of its event")

    __table_args__ = (
        Index("ix_outbox_queue_parked", "position", postgresql_where=text("parked")),
        {
            "postgresql_with": {
                "autovacuum_vacuum_scale_factor": "0.01",
                "autovacuum_vacuum_cost_delay": "0",
                "fillfactor": "50",
            }
        },
    )


class JobRun(Model):
    """When a scheduled job last began, so that each due run has one owner among many workers."""

    __tablename__ = "job_runs"

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    started_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    runs: Mapped[int] = mapped_column(Integer, server_default=text("1"))
