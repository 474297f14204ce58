"""SQL of idempotency keys."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from venmo_api.adapters.postgres import Transaction
from venmo_api.idempotency.rules import Claim, Reply

# One probe of the primary key a claim: joined plainly, a planner without fresh statistics reads the whole table.
SEEN = text("""
    SELECT k.*
    FROM unnest(CAST(:users AS uuid[]), CAST(:routes AS text[]), CAST(:keys AS text[])) AS c (user_id, route, key)
    CROSS JOIN LATERAL (
        SELECT user_id, route, key, fingerprint, status, body FROM idempotency_keys
        WHERE (user_id, route, key) = (c.user_id, c.route, c.key) LIMIT 1) k
""")

# All routes of one user and key: the primary key begins with the user, who has few of them within KEPT_FOR.
BY_KEY = text("""
    SELECT route, status, body FROM idempotency_keys WHERE user_id = :user_id AND key = :key
    ORDER BY created_at DESC LIMIT 1
""")

INSERT = text("""
    INSERT INTO idempotency_keys (user_id, route, key, fingerprint, status, body, created_at)
    SELECT * FROM unnest(CAST(:users AS uuid[]), CAST(:routes AS text[]), CAST(:keys AS text[]),
                         CAST(:fingerprints AS bytea[]), CAST(:statuses AS smallint[]), CAST(:bodies AS bytea[]),
                         CAST(:moments AS timestamptz[]))
""")

COMPLETE = text("""
    UPDATE idempotency_keys SET status = :status, body = :body
    WHERE user_id = :user_id AND route = :route AND key = :key AND status IS NULL
""")

PURGE = text("""
    DELETE FROM idempotency_keys WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM idempotency_keys WHERE created_at < :before AND status IS NOT NULL LIMIT :most))
""")


async def seen(tx: Transaction, claims: Sequence[Claim]) -> Sequence[Any]:
    parameters = {
        "users": [claim.user_id for claim in claims],
        "routes": [claim.route for claim in claims],
        "keys": [claim.key for claim in claims],
    }
    return await tx.rows(SEEN, parameters)


async def by_key(tx: Transaction, user_id: UUID, key: str) -> Any | None:
    return (await tx.execute(BY_KEY, {"user_id": user_id, "key": key})).first()


async def insert(tx: Transaction, claims: Sequence[Claim], replies: Sequence[Reply | None]) -> None:
    await tx.write(
        INSERT,
        {
            "users": [claim.user_id for claim in claims],
            "routes": [claim.route for claim in claims],
            "keys": [claim.key for claim in claims],
            "fingerprints": [claim.fingerprint for claim in claims],
            "moments": [claim.at for claim in claims],
            "statuses": [reply.status if reply else None for reply in replies],
            "bodies": [reply.body if reply else None for reply in replies],
        },
    )


async def complete(tx: Transaction, claim: Claim, reply: Reply) -> int:
    parameters = {
        "user_id": claim.user_id,
        "route": claim.route,
        "key": claim.key,
        "status": reply.status,
        "body": reply.body,
    }
    return (await tx.execute(COMPLETE, parameters)).rowcount


async def purge(tx: Transaction, *, before: datetime, most: int) -> int:
    return (await tx.execute(PURGE, {"before": before, "most": most})).rowcount
