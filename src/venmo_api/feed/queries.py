"""SQL of the feed: what ``rules.may_see`` and ``rules.belongs_in`` say, as the database finds it."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from venmo_api.adapters.postgres import Transaction
from venmo_api.feed.rules import Scope, Story, Timeline
from venmo_api.users.rules import Audience, Relations

# Who narrows a past waits for the stories that are being recorded, and those that are recorded next know of it.
_TURNSTILE = 2012
RECORD_TURN = text(f"SELECT pg_advisory_xact_lock_shared({_TURNSTILE})")
NARROW_TURN = text(f"SELECT pg_advisory_xact_lock({_TURNSTILE})")
INSERT = text("""
    INSERT INTO stories (id, actor_id, target_id, action, amount, currency, note, audience, created_at)
    SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:actors AS uuid[]), CAST(:targets AS uuid[]),
                         CAST(:actions AS text[]), CAST(:amounts AS bigint[]), CAST(:currencies AS text[]),
                         CAST(:notes AS text[]), CAST(:audiences AS text[]), CAST(:moments AS timestamptz[]))
    ON CONFLICT (id) DO NOTHING
""")
NARROW_AS_WISHED = text("""
    UPDATE stories s SET announced = coalesce(s.announced, s.audience), audience = due.audience
    FROM (SELECT s.id, CASE WHEN s.created_at <= max(n.private_until) THEN 'private' ELSE 'friends' END AS audience
          FROM stories s JOIN narrowings n ON n.user_id = ANY(ARRAY[s.actor_id, s.target_id])
          WHERE s.id = ANY(CAST(:ids AS uuid[])) AND s.audience <> 'private'
          GROUP BY s.id
          HAVING s.created_at <= max(n.private_until)
              OR s.audience = 'public' AND s.created_at <= max(n.friends_until)) due
    WHERE s.id = due.id AND s.audience <> 'private'
    RETURNING s.id
""")
NARROW = text("""
    UPDATE stories SET announced = coalesce(announced, audience), audience = :audience
    WHERE id = :id AND (audience = 'public' AND :audience <> 'public' OR audience = 'friends' AND :audience = 'private')
""")
WISH = text("""
    INSERT INTO narrowings AS n (user_id, private_until, friends_until)
    VALUES (:user_id, CASE CAST(:audience AS text) WHEN 'private' THEN CAST(:until AS timestamptz) END,
            CASE CAST(:audience AS text) WHEN 'friends' THEN CAST(:until AS timestamptz) END)
    ON CONFLICT (user_id) DO UPDATE SET private_until = greatest(n.private_until, excluded.private_until),
                                        friends_until = greatest(n.friends_until, excluded.friends_until)
""")
WISHES = text("SELECT * FROM narrowings WHERE user_id = ANY(CAST(:people AS uuid[]))")
LOOSER = text("""
    SELECT count(*) FROM stories
    WHERE (actor_id = :user_id OR target_id = :user_id) AND created_at <= :until
      AND (audience = 'public' OR audience = 'friends' AND CAST(:audience AS text) = 'private')
""")

# What rules.may_see says. The lists are hashed once a query, so a row costs the same with 10 and with 10,000 friends.
VISIBLE = """(:viewer IN (actor_id, target_id) OR (
        actor_id NOT IN (SELECT unnest(CAST(:hidden AS uuid[])))
        AND target_id NOT IN (SELECT unnest(CAST(:hidden AS uuid[])))
        AND (audience = 'public' OR audience = 'friends' AND (
            actor_id IN (SELECT unnest(CAST(:friends AS uuid[])))
            OR target_id IN (SELECT unnest(CAST(:friends AS uuid[])))))))"""
_SHARED = "audience <> 'private'"
_FIRST = "CAST('00000000-0000-0000-0000-000000000000' AS uuid)"
_LAST = "CAST('ffffffff-ffff-ffff-ffff-ffffffffffff' AS uuid)"
_BELOW = f"id < coalesce(CAST(:after AS uuid), {_LAST}) ORDER BY id DESC"


def _either(person: str, which: str, *, what: str = "*", most: str = ":most") -> str:
    """The newest stories of which somebody is a party."""
    return f"""
        (SELECT {what} FROM stories WHERE actor_id = {person} AND {which} AND {_BELOW} LIMIT {most})
        UNION ALL (SELECT {what} FROM stories WHERE target_id = {person} AND {which} AND {_BELOW} LIMIT {most})"""


def _of_friends(person: str, which: str) -> str:
    """The ids of the newest stories of somebody and their friends. Of each friend the newest one is looked up, and more
    only of those friends whose newest one may itself be among the answer: with 10,000 friends, of few."""
    newest = f"SELECT id FROM ({_either('f.id', which, what='id', most='1')}) e ORDER BY id DESC LIMIT 1"
    return f"""
        WITH newest AS MATERIALIZED (
            SELECT f.id AS friend_id, s.id
            FROM unnest(CAST(:friends AS uuid[])) AS f (id) CROSS JOIN LATERAL ({newest}) s),
        bound AS MATERIALIZED (
            SELECT coalesce((SELECT DISTINCT id FROM newest ORDER BY id DESC LIMIT 1 OFFSET CAST(:most AS bigint) - 1),
                            {_FIRST}) AS id)
        SELECT id FROM (
            ({_either(person, "true", what="id")})
            UNION
            SELECT s.id FROM newest f CROSS JOIN LATERAL (
                {_either("f.friend_id", f"{which} AND id >= (SELECT id FROM bound)", what="id")}) s
            WHERE f.id >= (SELECT id FROM bound)) s
        ORDER BY id DESC LIMIT :most"""


_NEWEST = "ORDER BY id DESC LIMIT :most"
PAGES = {
    Scope.MINE: text(f"SELECT * FROM ({_either(':viewer', VISIBLE)}) s {_NEWEST}"),
    Scope.PUBLIC: text(f"SELECT * FROM stories WHERE audience = 'public' AND {VISIBLE} AND {_BELOW} LIMIT :most"),
    Scope.FRIENDS: text(f"""
        SELECT * FROM stories WHERE id = ANY(ARRAY({_of_friends(":viewer", VISIBLE)})) ORDER BY id DESC"""),
}
OF_PERSON = text(f"SELECT * FROM ({_either(':person', VISIBLE)}) s {_NEWEST}")
_PAID = f"SELECT * FROM stories WHERE actor_id = {{}} AND target_id = {{}} AND {VISIBLE} AND {_BELOW} LIMIT :most"
BETWEEN = text(f"""
    SELECT * FROM (
        ({_PAID.format(":person", ":other")})
        UNION ALL
        ({_PAID.format(":other", ":person")})) s {_NEWEST}
""")
# What timelines hold: what of it a reader may see is judged when it is read.
IDS = {
    Timeline.PUBLIC: text(f"SELECT id FROM stories WHERE audience = 'public' AND {_BELOW} LIMIT :most"),
    Timeline.FRIENDS: text(_of_friends(":person", _SHARED)),
    Timeline.MINE: text(f"SELECT id FROM ({_either(':person', 'true', what='id')}) s {_NEWEST}"),
    Timeline.AUTHOR: text(f"SELECT id FROM ({_either(':person', _SHARED, what='id')}) s {_NEWEST}"),
}
BY_IDS = text("SELECT * FROM stories WHERE id = ANY(CAST(:ids AS uuid[]))")
CHANGED = text("""
    SELECT * FROM stories WHERE id = ANY(CAST(:ids AS uuid[]))
      AND (announced IS NOT NULL OR likes > 0 OR comments > 0 OR reactions <> '{}')
""")
PULLED = text("SELECT user_id FROM pulled_people WHERE user_id = ANY(CAST(:pulled AS uuid[]))")
PULL = text("INSERT INTO pulled_people (user_id, since) VALUES (:user_id, :since) ON CONFLICT DO NOTHING")
PUSH_AGAIN = text("DELETE FROM pulled_people WHERE user_id = :user_id")


async def insert(tx: Transaction, stories: Sequence[Story]) -> None:
    """Record stories, each for as few people as its parties have come to wish; what is recorded already stays."""
    await tx.execute(RECORD_TURN)
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
    await narrow_as_wished(tx, [story.id for story in stories])


async def narrow(tx: Transaction, story_id: UUID, audience: Audience) -> bool:
    """False when it is for as few people, or fewer, already."""
    return (await tx.execute(NARROW, {"id": story_id, "audience": audience})).rowcount > 0


async def wish(tx: Transaction, user_id: UUID, audience: Audience, *, until: datetime) -> int:
    """Remember that the stories of this person up to a moment are for so many people at most; how many are for more."""
    parameters = {"user_id": user_id, "audience": audience, "until": until}
    looser: int = (await tx.execute(LOOSER, parameters)).scalar_one()  # long before all wait for this
    await tx.execute(NARROW_TURN)
    await tx.execute(WISH, parameters)
    return looser


async def wishes(tx: Transaction, people: Iterable[UUID]) -> Sequence[Any]:
    return (await tx.execute(WISHES, {"people": sorted(set(people))})).all()


async def narrow_as_wished(tx: Transaction, ids: Sequence[UUID]) -> None:
    await tx.execute(NARROW_AS_WISHED, {"ids": ids})


async def page(
    tx: Transaction, scope: Scope, viewer: UUID, relations: Relations, *, after: UUID | None, most: int
) -> Sequence[Any]:
    parameters = _seen_by(viewer, relations) | {"after": after, "most": most}
    return (await tx.execute(PAGES[scope], parameters)).all()


async def page_about(
    tx: Transaction,
    people: Sequence[UUID],
    *,
    viewer: UUID,
    relations: Relations,
    after: UUID | None,
    most: int,
) -> Sequence[Any]:
    """What the viewer may see of the stories of one person, or between two."""
    parameters = _seen_by(viewer, relations) | {"after": after, "most": most, "person": people[0]}
    if len(people) == 1:
        return (await tx.execute(OF_PERSON, parameters)).all()
    return (await tx.execute(BETWEEN, parameters | {"other": people[1]})).all()


async def ids(
    tx: Transaction,
    kind: Timeline,
    person: UUID,
    *,
    friends: Iterable[UUID] = (),
    after: UUID | None = None,
    most: int,
) -> Sequence[UUID]:
    """The newest stories of a timeline, ``most`` of them."""
    parameters: dict[str, object] = {"after": after, "most": most}
    if kind is not Timeline.PUBLIC:
        parameters["person"] = person
    if kind is Timeline.FRIENDS:
        parameters["friends"] = sorted(friends)
    return (await tx.execute(IDS[kind], parameters)).scalars().all()


async def by_ids(tx: Transaction, ids: Sequence[UUID]) -> Sequence[Any]:
    return (await tx.execute(BY_IDS, {"ids": ids})).all()


async def changed(tx: Transaction, ids: Sequence[UUID]) -> Sequence[Any]:
    """Those of these that are no longer as they were announced."""
    return (await tx.execute(CHANGED, {"ids": ids})).all()


async def pulled(tx: Transaction, people: Iterable[UUID]) -> frozenset[UUID]:
    """Those of these whose stories are looked up by their friends."""
    return frozenset(row[0] for row in await tx.rows(PULLED, {"pulled": sorted(people)}))


async def pull(tx: Transaction, user_id: UUID, *, since: datetime) -> bool:
    """False when that was so already."""
    return (await tx.execute(PULL, {"user_id": user_id, "since": since})).rowcount > 0


async def push_again(tx: Transaction, user_id: UUID) -> bool:
    """False when that was so already."""
    return (await tx.execute(PUSH_AGAIN, {"user_id": user_id})).rowcount > 0


def _seen_by(viewer: UUID, relations: Relations) -> dict[str, object]:
    return {"viewer": viewer, "friends": sorted(relations.friends), "hidden": sorted(relations.hidden)}
