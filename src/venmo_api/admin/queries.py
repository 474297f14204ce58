"""SQL of staff."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from venmo_api.adapters.postgres import Transaction
from venmo_api.core.paging import PageRequest

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

# No index knows whose a decision was: what it decided is found by its people, and what then did not happen is among the
# few that were doubted.
DECIDED_OF = text("""
    SELECT d.* FROM (
        (SELECT id FROM transfers WHERE sender_id = :person AND (CAST(:after AS uuid) IS NULL OR id < :after)
         ORDER BY id DESC LIMIT :most)
        UNION (SELECT id FROM transfers
               WHERE recipient_id = :person AND (CAST(:after AS uuid) IS NULL OR id < :after)
               ORDER BY id DESC LIMIT :most)
        UNION (SELECT id FROM cash_outs WHERE user_id = :person AND (CAST(:after AS uuid) IS NULL OR id < :after)
               ORDER BY id DESC LIMIT :most)
        UNION (SELECT id FROM holds WHERE payer_id = :person AND (CAST(:after AS uuid) IS NULL OR id < :after)
               ORDER BY id DESC LIMIT :most)
        UNION (SELECT id FROM holds WHERE payee_id = :person AND (CAST(:after AS uuid) IS NULL OR id < :after)
               ORDER BY id DESC LIMIT :most)
        UNION (SELECT tx_id FROM risk_decisions
               WHERE verdict <> 'allow' AND (sender_id = :person OR recipient_id = :person)
                 AND (CAST(:after AS uuid) IS NULL OR tx_id < :after)
               ORDER BY tx_id DESC LIMIT :most)) i (id)
    JOIN risk_decisions d ON d.tx_id = i.id
    ORDER BY d.tx_id DESC LIMIT :most
""")
DECIDED = text("""
    SELECT * FROM risk_decisions
    WHERE (CAST(:after AS uuid) IS NULL OR tx_id < :after)
      AND sender_id <> :reader AND recipient_id IS DISTINCT FROM CAST(:reader AS uuid)
    ORDER BY tx_id DESC LIMIT :most
""")
DOUBTED = text("""
    SELECT * FROM risk_decisions
    WHERE verdict <> 'allow' AND verdict = :verdict AND (CAST(:after AS uuid) IS NULL OR tx_id < :after)
      AND sender_id <> :reader AND recipient_id IS DISTINCT FROM CAST(:reader AS uuid)
    ORDER BY tx_id DESC LIMIT :most
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


async def decided(tx: Transaction, page: PageRequest, *, verdict: str | None, reader: UUID) -> Sequence[Any]:
    """Rows of the decision log about others than the reader, newest payment first: all, or those of one verdict that is
    not to allow."""
    asked = {"after": page.after, "most": page.limit + 1, "reader": reader}
    if verdict is None:
        return (await tx.execute(DECIDED, asked)).all()
    return (await tx.execute(DOUBTED, asked | {"verdict": verdict})).all()


async def decided_of(tx: Transaction, page: PageRequest, person: UUID) -> Sequence[Any]:
    """The same of what a person sent, received or took out, or tried to."""
    return (await tx.execute(DECIDED_OF, {"after": page.after, "most": page.limit + 1, "person": person})).all()
