"""Tables of keys, each as it is wrapped."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, ForeignKey, LargeBinary, Text
from sqlalchemy.orm import Mapped, mapped_column

from venmo_api.adapters.postgres import Model


class DataKeyRow(Model):
    """Wrapped by KMS: a key that wraps people's keys, that blind indexes are made with, or that ids are veiled by."""

    __tablename__ = "data_keys"

    purpose: Mapped[str] = mapped_column(Text, primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    wrapped: Mapped[bytes] = mapped_column(LargeBinary)
    active_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), comment="when writers begin to use it")

    __table_args__ = (CheckConstraint("purpose IN ('wrapping', 'index', 'standing')", name="purpose"),)


class PersonKeyRow(Model):
    """Wrapped by a data key. Without this row nothing personal of its person can be read by anybody."""

    __tablename__ = "person_keys"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    wrapped_by: Mapped[int] = mapped_column(index=True, comment="number of the wrapping key")
    wrapped: Mapped[bytes] = mapped_column(LargeBinary)
