"""SQL of the feed: what ``rules.belongs_in`` says, as the database finds it."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import text

from venmo_api.adapters.postgres import Transaction
from venmo_api.feed.rules import Scope, Story

INSERT = text("""
    INSERT INTO stories (id, actor_id, target_id, action, amount, currency, note, audience, created_at)
    SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:actors AS uuid[]), CAST(:targets AS uuid[]),
                         CAST(:actions AS text[]), CAST(:amounts AS bigint[]), CAST(:currencies AS text[]),
                         CAST(:notes AS text[]), CAST(:audiences AS text[]), CAST(:moments AS timestamptz[]))
    ON CONFLICT (id) DO NOTHING
""")
_BELOW = "(CAST(:after AS uuid) IS NULL OR id < :after) ORDER BY id DESC LIMIT :most"
_MINE = f"""
    (SELECT * FROM stories WHERE actor_id = :viewer AND {_BELOW})
    UNION ALL (SELECT * FROM stories WHERE target_id = :viewer AND {_BELOW})
"""
PAGES = {
    Scope.MINE: text(f"{_MINE} ORDER BY id DESC LIMIT :most"),
    Scope.PUBLIC: text(f"SELECT * FROM stories WHERE audience = 'public' AND {_BELOW}"),
    Scope.FRIENDS: text(f"""
        SELECT * FROM (
            ({_MINE}) UNION
            SELECT s.* FROM unnest(CAST(:friends AS uuid[])) AS f (id) CROSS JOIN LATERAL (
                (SELECT * FROM stories WHERE actor_id = f.id AND audience <> 'private' AND {_BELOW})
                UNION ALL
                (SELECT * FROM stories WHERE target_id = f.id AND audience <> 'private' AND {_BELOW})) s
        ) seen ORDER BY id DESC LIMIT :most"""),
}
BY_IDS = text("SELECT * FROM stories WHERE id = ANY(CAST(:ids AS uuid[]))")
IDS_OF = text(f"SELECT id FROM ({_MINE}) mine ORDER BY id DESC LIMIT :most")


async def insert(tx: Transaction, stories: Sequence[Story]) -> None:
    await tx.execute(
        INSERT,
        {
            "ids": [story.id for story in stories],
            "actors": [story.actor_id for story in stories],
            "targets": [story.target_id for story in stories],
            "actions": [story.action for story in stories],
            "amounts": [story.amount for story in stories],
            "currencies": [story.currency for story in stories],
            "notes": [story.note for story in stories],
            "audiences": [story.audience for story in stories],
            "moments": [story.created_at for story in stories],
        },
    )


async def page(
    tx: Transaction, scope: Scope, viewer: UUID, *, friends: Sequence[UUID], after: UUID | None, most: int
) -> Sequence[Any]:
    parameters: dict[str, object] = {"after": after, "most": most}
    if scope is not Scope.PUBLIC:
        parameters["viewer"] = viewer
    if scope is Scope.FRIENDS:
        parameters["friends"] = friends
    return (await tx.execute(PAGES[scope], parameters)).all()


async def by_ids(tx: Transaction, ids: Sequence[UUID]) -> Sequence[Any]:
    return (await tx.execute(BY_IDS, {"ids": ids})).all()


async def ids_of(tx: Transaction, user_id: UUID, *, after: UUID | None, most: int) -> Sequence[UUID]:
    """The stories a person is part of, newest first, ``most`` at a time."""
    return (await tx.execute(IDS_OF, {"viewer": user_id, "after": after, "most": most})).scalars().all()
