"""Second factors: which ones a person has, what is kept of them, and recovery codes."""

from uuid import UUID

from sqlalchemy import text

from venmo_api.adapters.postgres import Transaction
from venmo_api.auth.proofs import FactorKind

REGISTERED = text("""
    SELECT DISTINCT kind FROM factors WHERE user_id = :user_id AND confirmed_at IS NOT NULL
    UNION ALL
    SELECT 'recovery' WHERE EXISTS (SELECT FROM recovery_codes WHERE user_id = :user_id AND used_at IS NULL)
""")


async def registered(tx: Transaction, user_id: UUID) -> list[FactorKind]:
    """By what this person can prove themselves beyond the password; nothing at all when they have no second factor."""
    rows = await tx.execute(REGISTERED, {"user_id": user_id})
    return sorted((FactorKind(row.kind) for row in rows), key=list(FactorKind).index)
