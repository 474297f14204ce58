"""SQL of people and of how they stand to each other."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from venmo_api.adapters.postgres import Transaction
from venmo_api.core.paging import PageRequest

INSERT = text("""
    INSERT INTO users (id, username, display_name, created_at) VALUES (:id, :username, :display_name, :at)
""")
GET = text("""
    SELECT id, username, display_name, avatar_url, default_audience, created_at, verified_at, pay_code
    FROM users WHERE id = :id
""")
CARDS = text("""
    SELECT id, username, display_name, avatar_url, default_audience, verified_at, erased_at
    FROM users WHERE id = ANY(CAST(:ids AS uuid[]))
""")
PAYEE_PROOFS = text("""
    SELECT u.id, u.pay_code, i.sealed AS phone, k.user_id, k.wrapped_by, k.wrapped
    FROM users u LEFT JOIN identifiers i ON i.user_id = u.id AND i.kind = 'phone' AND i.verified_at IS NOT NULL
    LEFT JOIN person_keys k ON k.user_id = u.id
    WHERE u.id = ANY(CAST(:ids AS uuid[]))
""")
BEFRIENDED = text("""
    SELECT w.one, w.other FROM unnest(CAST(:ones AS uuid[]), CAST(:others AS uuid[])) AS w (one, other)
    JOIN friendships f ON f.low_id = least(w.one, w.other) AND f.high_id = greatest(w.one, w.other)
    WHERE f.accepted_at IS NOT NULL
""")
BY_IDENTIFIER = text("""
    SELECT i.kind, i.value, i.user_id
    FROM unnest(CAST(:kinds AS text[]), CAST(:names AS text[])) AS wanted (kind, value)
    JOIN identifiers i USING (kind, value)
    WHERE i.kind = 'username' OR i.verified_at IS NOT NULL
""")
UPDATE = text("""
    UPDATE users SET display_name = coalesce(:display_name, display_name),
                     default_audience = coalesce(:default_audience, default_audience)
    WHERE id = :id AND erased_at IS NULL AND (display_name, default_audience) <>
        (coalesce(:display_name, display_name), coalesce(:default_audience, default_audience))
""")
VERIFY_IDENTITY = text("UPDATE users SET verified_at = :now WHERE id = :id AND verified_at IS NULL")
SET_PAY_CODE = text("UPDATE users SET pay_code = :pay_code WHERE id = :id")
SET_FIRST_PAY_CODE = text("""
    UPDATE users SET pay_code = coalesce(pay_code, :pay_code) WHERE id = :id RETURNING pay_code
""")
SEARCH = text("""
    SELECT id, username, display_name, avatar_url FROM users
    WHERE (username LIKE :prefix OR lower(display_name) LIKE :prefix) AND erased_at IS NULL
      AND (CAST(:after AS uuid) IS NULL OR username > (SELECT username FROM users WHERE id = :after))
    ORDER BY username LIMIT :most
""")
ASK_OR_ACCEPT = text("""
    INSERT INTO friendships AS f (low_id, high_id, asked_by, asked_at) VALUES (:low, :high, :me, :now)
    ON CONFLICT (low_id, high_id) DO UPDATE SET accepted_at = :now
    WHERE f.accepted_at IS NULL AND f.asked_by <> :me
    RETURNING accepted_at
""")
RELATION = text("SELECT asked_by, accepted_at FROM friendships WHERE low_id = :low AND high_id = :high")
END = text("DELETE FROM friendships WHERE low_id = :low AND high_id = :high RETURNING accepted_at")
_FRIENDS_OF = """
    SELECT CASE WHEN low_id = :id THEN high_id ELSE low_id END AS friend_id, asked_by, accepted_at
    FROM friendships WHERE (low_id = :id OR high_id = :id)
"""
FRIENDS = text(f"""
    SELECT u.id, u.username, u.display_name, u.avatar_url FROM ({_FRIENDS_OF}) f JOIN users u ON u.id = f.friend_id
    WHERE CASE CAST(:relation AS text) WHEN 'accepted' THEN f.accepted_at IS NOT NULL
               WHEN 'outgoing' THEN f.accepted_at IS NULL AND f.asked_by = :id
               ELSE f.accepted_at IS NULL AND f.asked_by <> :id END
      AND (CAST(:after AS uuid) IS NULL OR u.username > (SELECT username FROM users WHERE id = :after))
    ORDER BY u.username LIMIT :most
""")
# A row a person, not one a friendship: the worker asks twice a batch, for everybody in it.
CIRCLES = text("""
    SELECT user_id, string_agg(uuid_send(friend_id), '') AS friends FROM (
        SELECT low_id AS user_id, high_id AS friend_id FROM friendships
        WHERE low_id = ANY(CAST(:people AS uuid[])) AND accepted_at IS NOT NULL
        UNION ALL
        SELECT high_id, low_id FROM friendships
        WHERE high_id = ANY(CAST(:people AS uuid[])) AND accepted_at IS NOT NULL) f
    GROUP BY user_id
""")
HIDDEN_OF = text("""
    SELECT blocker_id, blocked_id FROM blocks WHERE blocker_id = ANY(CAST(:hidden_of AS uuid[]))
    UNION ALL SELECT blocked_id, blocker_id FROM blocks WHERE blocked_id = ANY(CAST(:hidden_of AS uuid[]))
""")
HIDDEN_BETWEEN = text("""
    SELECT b.blocker_id, b.blocked_id
    FROM unnest(CAST(:hiders AS uuid[]), CAST(:hidden AS uuid[])) AS w (blocker_id, blocked_id)
    JOIN blocks b USING (blocker_id, blocked_id)
""")
FRIEND_IDS = text("""
    SELECT w.id AS user_id, CASE WHEN f.low_id = w.id THEN f.high_id ELSE f.low_id END AS friend_id
    FROM unnest(CAST(:ids AS uuid[])) AS w (id) JOIN friendships f ON f.low_id = w.id OR f.high_id = w.id
    WHERE f.accepted_at IS NOT NULL
""")


async def insert(tx: Transaction, user_id: UUID, *, username: str, display_name: str, at: datetime) -> None:
    await tx.execute(INSERT, {"id": user_id, "username": username, "display_name": display_name, "at": at})


async def get(tx: Transaction, user_id: UUID) -> Any | None:
    return (await tx.execute(GET, {"id": user_id})).first()


async def cards(tx: Transaction, ids: Sequence[UUID]) -> Sequence[Any]:
    return await tx.rows(CARDS, {"ids": ids})


async def payee_proofs(tx: Transaction, ids: Sequence[UUID]) -> Sequence[Any]:
    return (await tx.execute(PAYEE_PROOFS, {"ids": ids})).all()


async def befriended(tx: Transaction, pairs: Sequence[tuple[UUID, UUID]]) -> Sequence[Any]:
    parameters = {"ones": [one for one, _ in pairs], "others": [other for _, other in pairs]}
    return (await tx.execute(BEFRIENDED, parameters)).all()


async def by_identifier(tx: Transaction, names: Sequence[tuple[str, str]]) -> Sequence[Any]:
    parameters = {"kinds": [kind for kind, _ in names], "names": [name for _, name in names]}
    return (await tx.execute(BY_IDENTIFIER, parameters)).all()


async def update(tx: Transaction, user_id: UUID, *, display_name: str | None, default_audience: str | None) -> bool:
    """False when everything was so already."""
    parameters = {"id": user_id, "display_name": display_name, "default_audience": default_audience}
    return (await tx.execute(UPDATE, parameters)).rowcount > 0


async def verify_identity(tx: Transaction, user_id: UUID, *, now: datetime) -> bool:
    """False when it was verified already."""
    return (await tx.execute(VERIFY_IDENTITY, {"id": user_id, "now": now})).rowcount > 0


async def set_pay_code(tx: Transaction, user_id: UUID, pay_code: str) -> None:
    await tx.execute(SET_PAY_CODE, {"id": user_id, "pay_code": pay_code})


async def set_first_pay_code(tx: Transaction, user_id: UUID, pay_code: str) -> str:
    """The pay code this person has now: ``pay_code``, or the one somebody set before."""
    found: str = (await tx.execute(SET_FIRST_PAY_CODE, {"id": user_id, "pay_code": pay_code})).scalar_one()
    return found


async def search(tx: Transaction, prefix: str, page: PageRequest) -> Sequence[Any]:
    pattern = prefix.lower().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    parameters = {"prefix": pattern, "after": page.after, "most": page.limit + 1}
    return (await tx.execute(SEARCH, parameters)).all()


async def ask_or_accept(tx: Transaction, low: UUID, high: UUID, *, me: UUID, now: datetime) -> Any | None:
    """The row when it was inserted or accepted just now; None when nothing changed."""
    return (await tx.execute(ASK_OR_ACCEPT, {"low": low, "high": high, "me": me, "now": now})).first()


async def relation(tx: Transaction, low: UUID, high: UUID) -> Any | None:
    return (await tx.execute(RELATION, {"low": low, "high": high})).first()


async def end(tx: Transaction, low: UUID, high: UUID) -> Any | None:
    return (await tx.execute(END, {"low": low, "high": high})).first()


async def friends(tx: Transaction, user_id: UUID, relation: str, page: PageRequest) -> Sequence[Any]:
    parameters = {"id": user_id, "relation": relation, "after": page.after, "most": page.limit + 1}
    return (await tx.execute(FRIENDS, parameters)).all()


async def circles(tx: Transaction, people: Sequence[UUID]) -> Sequence[Any]:
    """Of each person who has any: the accepted friends' ids, one after another."""
    return await tx.rows(CIRCLES, {"people": people})


async def hidden_of(tx: Transaction, people: Sequence[UUID]) -> Sequence[Any]:
    return await tx.rows(HIDDEN_OF, {"hidden_of": people})


async def hidden_between(tx: Transaction, pairs: Sequence[tuple[UUID, UUID]]) -> Sequence[Any]:
    """Who blocked whom of these pairs, in this order."""
    hiders, hidden = [one for one, _ in pairs], [other for _, other in pairs]
    return await tx.rows(HIDDEN_BETWEEN, {"hiders": hiders, "hidden": hidden})


async def friend_ids(tx: Transaction, ids: Sequence[UUID]) -> Sequence[Any]:
    return (await tx.execute(FRIEND_IDS, {"ids": ids})).all()
