"""Table of who is staff."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, ForeignKey, Text
from sqlalchemy.orm import Mapped, mapped_column

from venmo_api.adapters.postgres import Model


class StaffRole(Model):
    """Everybody is a user; these are more than that."""

    __tablename__ = "staff_roles"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    role: Mapped[str] = mapped_column(Text, primary_key=True)
    granted_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))

    __table_args__ = (CheckConstraint("role IN ('support', 'analyst', 'admin')", name="role"),)
