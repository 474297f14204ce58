"""SQL of people and of how they stand to each other."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from venmo_api.adapters.postgres import Transaction
from venmo_api.core.paging import PageRequest
from venmo_api.users.rules import Changes

INSERT = text("""
    INSERT INTO users (id, username, display_name, created_at) VALUES (:id, :username, :display_name, :at)
""")
GET = text("""
    SELECT id, username, display_name, avatar_url, default_audience, friend_list, findable, created_at, verified_at,
           pay_code
    FROM users WHERE id = :id
""")
CARDS = text("""
    SELECT id, username, display_name, avatar_url, default_audience, verified_at, erased_at, created_at
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
_OWN = ("display_name", "default_audience", "friend_list", "findable")
_CHANGED = ", ".join(f"coalesce(:{name}, {name})" for name in _OWN)
UPDATE = text(f"""
    UPDATE users SET ({", ".join(_OWN)}) = ROW({_CHANGED})
    WHERE id = :id AND erased_at IS NULL AND ({", ".join(_OWN)}) <> ({_CHANGED})
""")
VERIFY_IDENTITY = text("UPDATE users SET verified_at = :now WHERE id = :id AND verified_at IS NULL")
SET_PAY_CODE = text("UPDATE users SET pay_code = :pay_code WHERE id = :id")
SET_FIRST_PAY_CODE = text("""
    UPDATE users SET pay_code = coalesce(pay_code, :pay_code) WHERE id = :id RETURNING pay_code
""")
SHOWN = """
    (NOT EXISTS (SELECT FROM blocks b WHERE b.blocker_id = CAST(:{viewer} AS uuid) AND b.blocked_id = {person}.id)
     AND NOT EXISTS (SELECT FROM blocks b WHERE b.blocked_id = CAST(:{viewer} AS uuid) AND b.blocker_id = {person}.id))
"""
"""Neither has blocked the other."""


def after(*, viewer: str) -> str:
    """Beyond the person whose id a cursor holds, in the order of usernames. A cursor at somebody who is hidden leads
    nowhere, as at nobody: else an id would tell by its cursor whether it is known."""
    return f"""(CAST(:after AS uuid) IS NULL OR u.username > (
        SELECT a.username FROM users a WHERE a.id = :after AND {SHOWN.format(person="a", viewer=viewer)}))"""


GET_SHOWN = text(f"""
    SELECT u.id, u.username, u.display_name, u.avatar_url FROM users u
    WHERE u.id = :id AND {SHOWN.format(person="u", viewer="viewer")}
""")
SEARCH = text(f"""
    SELECT u.id, u.username, u.display_name, u.avatar_url FROM users u
    WHERE (u.username LIKE :prefix OR lower(u.display_name) LIKE :prefix) AND u.erased_at IS NULL
      AND {SHOWN.format(person="u", viewer="viewer")} AND {after(viewer="viewer")}
    ORDER BY u.username LIMIT :most
""")
MATCHES = text(f"""
    SELECT i.value AS form, u.id, u.username, u.display_name, u.avatar_url
    FROM unnest(CAST(:kinds AS text[]), CAST(:forms AS text[])) AS wanted (kind, value)
    JOIN identifiers i USING (kind, value) JOIN users u ON u.id = i.user_id
    WHERE i.verified_at IS NOT NULL AND u.findable AND u.erased_at IS NULL AND u.id <> :viewer
      AND {SHOWN.format(person="u", viewer="viewer")}
""")
ASK_OR_ACCEPT = text("""
    INSERT INTO friendships AS f (low_id, high_id, asked_by, asked_at) VALUES (:low, :high, :me, :now)
    ON CONFLICT (low_id, high_id) DO UPDATE SET accepted_at = :now
    WHERE f.accepted_at IS NULL AND f.asked_by <> :me
    RETURNING accepted_at
""")
RELATION = text("SELECT accepted_at FROM friendships WHERE low_id = :low AND high_id = :high")
_FRIENDS_OF = """
    SELECT CASE WHEN low_id = :id THEN high_id ELSE low_id END AS friend_id, asked_by, accepted_at
    FROM friendships WHERE (low_id = :id OR high_id = :id)
"""
FRIENDS = text(f"""
    SELECT u.id, u.username, u.display_name, u.avatar_url FROM ({_FRIENDS_OF}) f JOIN users u ON u.id = f.friend_id
    WHERE CASE CAST(:relation AS text) WHEN 'accepted' THEN f.accepted_at IS NOT NULL
               WHEN 'outgoing' THEN f.accepted_at IS NULL AND f.asked_by = :id
               ELSE f.accepted_at IS NULL AND f.asked_by <> :id END
      AND {after(viewer="id")}
    ORDER BY u.username LIMIT :most
""")


def _lets(owner: str) -> str:
    """Whether the settings of this row of ``users`` let the viewer see whose friend they are."""
    return f"""({owner}.friend_list = 'public' OR {owner}.friend_list = 'friends' AND EXISTS (
        SELECT FROM friendships k WHERE k.low_id = least({owner}.id, CAST(:viewer AS uuid))
        AND k.high_id = greatest({owner}.id, CAST(:viewer AS uuid)) AND k.accepted_at IS NOT NULL))"""


# A friendship is of two people, and shown where both let it be seen.
FRIENDS_OF_ANOTHER = text(f"""
    SELECT u.id, u.username, u.display_name, u.avatar_url
    FROM users o JOIN ({_FRIENDS_OF}) f ON f.accepted_at IS NOT NULL JOIN users u ON u.id = f.friend_id
    WHERE o.id = :id AND {_lets("o")} AND (u.id = :viewer OR {_lets("u")})
      AND {SHOWN.format(person="u", viewer="viewer")} AND {after(viewer="viewer")}
    ORDER BY u.username LIMIT :most
""")
# Newest people first, since the indexes are in the order of ids. OFFSET 0 has each person looked up by id: what a
# circle costs must not depend on what is known of how large circles are.
_NEWEST = """
    (SELECT high_id AS id FROM friendships WHERE low_id = {of} AND accepted_at IS NOT NULL
     ORDER BY high_id DESC LIMIT {most})
    UNION ALL (SELECT low_id FROM friendships WHERE high_id = {of} AND accepted_at IS NOT NULL
               ORDER BY low_id DESC LIMIT {most}) ORDER BY id DESC LIMIT {most}
"""
SUGGESTIONS = text(f"""
    WITH mine AS MATERIALIZED ({_NEWEST.format(of=":viewer", most=":looked_at")}),
    lists AS MATERIALIZED (
        SELECT m.id FROM mine m CROSS JOIN LATERAL (SELECT friend_list FROM users WHERE id = m.id OFFSET 0) o
        WHERE o.friend_list IN ('friends', 'public') ORDER BY m.id DESC LIMIT :lists),
    counted AS MATERIALIZED (
        SELECT t.id, count(*) AS mutual
        FROM lists CROSS JOIN LATERAL ({_NEWEST.format(of="lists.id", most=":each")}) t
        WHERE t.id <> :viewer GROUP BY t.id)
    SELECT u.id, u.username, u.display_name, u.avatar_url, c.mutual
    FROM counted c CROSS JOIN LATERAL (SELECT * FROM users WHERE id = c.id OFFSET 0) u
    WHERE u.friend_list = 'public' AND u.erased_at IS NULL AND {SHOWN.format(person="u", viewer="viewer")}
      AND NOT EXISTS (SELECT FROM friendships f WHERE f.low_id = least(u.id, CAST(:viewer AS uuid))
                                                  AND f.high_id = greatest(u.id, CAST(:viewer AS uuid)))
      AND NOT EXISTS (SELECT FROM dismissals d WHERE d.user_id = :viewer AND d.dismissed_id = u.id)
    ORDER BY c.mutual DESC, u.username LIMIT :most
""")
DISMISS = text("""
    INSERT INTO dismissals (user_id, dismissed_id)
    SELECT CAST(:me AS uuid), id FROM users WHERE id = :other AND id <> :me
    ON CONFLICT DO NOTHING
""")
END_FRIENDSHIP = text("DELETE FROM friendships WHERE low_id = :low AND high_id = :high RETURNING accepted_at")
# One writer of a pair at a time: a row that is not there yet cannot be locked.
HOLD_PAIR = text("""
    SELECT pg_advisory_xact_lock(hashtextextended('pair ' || CAST(:low AS uuid) || CAST(:high AS uuid), 0))
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
BLOCK = text("""
    INSERT INTO blocks (blocker_id, blocked_id, at)
    SELECT CAST(:me AS uuid), id, CAST(:now AS timestamptz) FROM users WHERE id = :other
    ON CONFLICT DO NOTHING
""")
UNBLOCK = text("DELETE FROM blocks WHERE blocker_id = :me AND blocked_id = :other")
# Who had blocked first stays unknown to who blocked back without seeing anybody.
BLOCKED = text("""
    SELECT u.id, u.username, u.display_name, u.avatar_url FROM blocks b JOIN users u ON u.id = b.blocked_id
    WHERE b.blocker_id = :me AND (CAST(:after AS uuid) IS NULL OR b.blocked_id > :after)
      AND NOT EXISTS (SELECT FROM blocks t WHERE t.blocker_id = b.blocked_id AND t.blocked_id = :me AND t.at <= b.at)
    ORDER BY b.blocked_id LIMIT :most
""")
HIDDEN_OF = text("""
    SELECT blocker_id, blocked_id FROM blocks WHERE blocker_id = ANY(CAST(:hidden_of AS uuid[]))
    UNION ALL SELECT blocked_id, blocker_id FROM blocks WHERE blocked_id = ANY(CAST(:hidden_of AS uuid[]))
""")
_PAIRS = "unnest(CAST(:ones AS uuid[]), CAST(:others AS uuid[])) AS w (one, other)"
HIDDEN_BETWEEN = text(f"""
    SELECT w.one, w.other FROM {_PAIRS} JOIN blocks b ON b.blocker_id = w.one AND b.blocked_id = w.other
    UNION ALL SELECT w.one, w.other FROM {_PAIRS} JOIN blocks b ON b.blocker_id = w.other AND b.blocked_id = w.one
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


async def update(tx: Transaction, user_id: UUID, changes: Changes) -> bool:
    """False when everything was so already."""
    return (await tx.execute(UPDATE, {"id": user_id, **asdict(changes)})).rowcount > 0


async def verify_identity(tx: Transaction, user_id: UUID, *, now: datetime) -> bool:
    """False when it was verified already."""
    return (await tx.execute(VERIFY_IDENTITY, {"id": user_id, "now": now})).rowcount > 0


async def set_pay_code(tx: Transaction, user_id: UUID, pay_code: str) -> None:
    await tx.execute(SET_PAY_CODE, {"id": user_id, "pay_code": pay_code})


async def set_first_pay_code(tx: Transaction, user_id: UUID, pay_code: str) -> str:
    """The pay code this person has now: ``pay_code``, or the one somebody set before."""
    found: str = (await tx.execute(SET_FIRST_PAY_CODE, {"id": user_id, "pay_code": pay_code})).scalar_one()
    return found


async def get_shown(tx: Transaction, viewer: UUID, user_id: UUID) -> Any | None:
    return (await tx.execute(GET_SHOWN, {"viewer": viewer, "id": user_id})).first()


async def matches(tx: Transaction, viewer: UUID, forms: Sequence[tuple[str, str]]) -> Sequence[Any]:
    """Who lets others find them by contacts in these forms (kind, value)."""
    kinds, values = [kind for kind, _ in forms], [value for _, value in forms]
    return (await tx.execute(MATCHES, {"viewer": viewer, "kinds": kinds, "forms": values})).all()


async def search(tx: Transaction, viewer: UUID | None, prefix: str, page: PageRequest) -> Sequence[Any]:
    pattern = prefix.lower().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    parameters = {"viewer": viewer, "prefix": pattern, "after": page.after, "most": page.limit + 1}
    return (await tx.execute(SEARCH, parameters)).all()


async def hold_pair(tx: Transaction, low: UUID, high: UUID) -> None:
    """Until the transaction ends, only it says how these two stand to each other."""
    await tx.execute(HOLD_PAIR, {"low": low, "high": high})


async def ask_or_accept(tx: Transaction, low: UUID, high: UUID, *, me: UUID, now: datetime) -> Any | None:
    """The row when it was inserted or accepted just now; None when nothing changed."""
    return (await tx.execute(ASK_OR_ACCEPT, {"low": low, "high": high, "me": me, "now": now})).first()


async def relation(tx: Transaction, low: UUID, high: UUID) -> Any:
    return (await tx.execute(RELATION, {"low": low, "high": high})).one()


async def end_friendship(tx: Transaction, low: UUID, high: UUID) -> Any | None:
    return (await tx.execute(END_FRIENDSHIP, {"low": low, "high": high})).first()


async def friends(tx: Transaction, user_id: UUID, relation: str, page: PageRequest) -> Sequence[Any]:
    parameters = {"id": user_id, "relation": relation, "after": page.after, "most": page.limit + 1}
    return (await tx.execute(FRIENDS, parameters)).all()


async def friends_of_another(tx: Transaction, viewer: UUID, user_id: UUID, page: PageRequest) -> Sequence[Any]:
    parameters = {"viewer": viewer, "id": user_id, "after": page.after, "most": page.limit + 1}
    return (await tx.execute(FRIENDS_OF_ANOTHER, parameters)).all()


async def suggestions(tx: Transaction, viewer: UUID, *, bounds: Mapping[str, int]) -> Sequence[Any]:
    """``bounds``: how many friends are ``looked_at``, how many of their ``lists`` are read, how far ``each``, and how
    many are found at ``most``."""
    return (await tx.execute(SUGGESTIONS, {"viewer": viewer, **bounds})).all()


async def dismiss(tx: Transaction, user_id: UUID, other_id: UUID) -> None:
    await tx.execute(DISMISS, {"me": user_id, "other": other_id})


async def block(tx: Transaction, user_id: UUID, other_id: UUID, *, now: datetime) -> bool:
    """False when it was so already, and when there is no such person."""
    return (await tx.execute(BLOCK, {"me": user_id, "other": other_id, "now": now})).rowcount > 0


async def unblock(tx: Transaction, user_id: UUID, other_id: UUID) -> bool:
    """Whether there was anything to take back."""
    return (await tx.execute(UNBLOCK, {"me": user_id, "other": other_id})).rowcount > 0


async def blocked(tx: Transaction, user_id: UUID, page: PageRequest) -> Sequence[Any]:
    return (await tx.execute(BLOCKED, {"me": user_id, "after": page.after, "most": page.limit + 1})).all()


async def circles(tx: Transaction, people: Sequence[UUID]) -> Sequence[Any]:
    """Of each person who has any: the accepted friends' ids, one after another."""
    return await tx.rows(CIRCLES, {"people": people})


async def hidden_of(tx: Transaction, people: Sequence[UUID]) -> Sequence[Any]:
    return await tx.rows(HIDDEN_OF, {"hidden_of": people})


async def hidden_between(tx: Transaction, pairs: Collection[tuple[UUID, UUID]]) -> Sequence[Any]:
    """Those of these pairs of whom either blocked the other; twice, if both did."""
    return await tx.rows(HIDDEN_BETWEEN, {"ones": [one for one, _ in pairs], "others": [other for _, other in pairs]})
