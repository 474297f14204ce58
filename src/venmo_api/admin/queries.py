"""SQL of staff."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from venmo_api.adapters.postgres import Transaction

# The service may read who is staff and never write it: only who owns the schema does, from the command line.
BECOME_OWNER = text("SET LOCAL ROLE NONE")
USER = text("SELECT id FROM users WHERE username = :username")
ROLES = text("SELECT role FROM staff_roles WHERE user_id = :user_id")
GRANT = text("""
    INSERT INTO staff_roles (user_id, role, granted_at) VALUES (:user_id, :role, :now)
    ON CONFLICT (user_id, role) DO NOTHING
""")
REVOKE = text("DELETE FROM staff_roles WHERE user_id = :user_id AND role = :role")
STAFF = text("""
    SELECT u.username, s.role, s.granted_at FROM staff_roles s JOIN users u ON u.id = s.user_id
    ORDER BY u.username, s.role
""")


async def become_owner(tx: Transaction) -> None:
    await tx.execute(BECOME_OWNER)


async def user_of(tx: Transaction, username: str) -> UUID | None:
    found: UUID | None = (await tx.execute(USER, {"username": username})).scalar()
    return found


async def roles(tx: Transaction, user_id: UUID) -> Sequence[str]:
    return (await tx.execute(ROLES, {"user_id": user_id})).scalars().all()


async def grant(tx: Transaction, user_id: UUID, role: str, *, now: datetime) -> None:
    await tx.execute(GRANT, {"user_id": user_id, "role": role, "now": now})


async def revoke(tx: Transaction, user_id: UUID, role: str) -> None:
    await tx.execute(REVOKE, {"user_id": user_id, "role": role})


async def staff(tx: Transaction) -> Sequence[Any]:
    return (await tx.execute(STAFF)).all()
