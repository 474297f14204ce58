"""Likes and emoji on stories. A count changes in the statement that changes what it counts."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import text

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.postgres import Transaction
from venmo_api.core.events import StoryChanged, StoryLiked, StoryReacted
from venmo_api.core.paging import Page, PageRequest, cut
from venmo_api.feed import service
from venmo_api.feed.act_rules import EMOJI_EACH, EMOJI_OF_ALL, Reactions, TooManyEmoji
from venmo_api.outbox import service as outbox
from venmo_api.users.rules import Card

# What somebody had withdrawn is their row again; two requests of one person wait for each other at it, and those of
# different people at the story's.
LIKE = text("""
    WITH given AS (
        INSERT INTO reactions AS r (story_id, user_id, liked, times_liked) VALUES (:story_id, :user_id, true, 1)
        ON CONFLICT (story_id, user_id) DO UPDATE SET liked = true, times_liked = r.times_liked + 1 WHERE NOT r.liked
        RETURNING times_liked)
    UPDATE stories SET likes = likes + 1 FROM given WHERE id = :story_id RETURNING times_liked
""")
UNLIKE = text("""
    WITH withdrawn AS (
        UPDATE reactions SET liked = false WHERE story_id = :story_id AND user_id = :user_id AND liked
        RETURNING user_id)
    UPDATE stories SET likes = likes - 1 FROM withdrawn WHERE id = :story_id RETURNING id
""")
REACT = text("""
    WITH given AS (
        INSERT INTO reactions AS r (story_id, user_id, emoji, times_reacted)
        VALUES (:story_id, :user_id, ARRAY[CAST(:emoji AS text)], 1)
        ON CONFLICT (story_id, user_id)
        DO UPDATE SET emoji = r.emoji || CAST(:emoji AS text), times_reacted = r.times_reacted + 1
        WHERE CAST(:emoji AS text) <> ALL(r.emoji)
        RETURNING times_reacted, cardinality(emoji) AS own)
    UPDATE stories s SET reactions = s.reactions
        || jsonb_build_object(CAST(:emoji AS text), coalesce(CAST(s.reactions ->> CAST(:emoji AS text) AS int), 0) + 1)
    FROM given WHERE s.id = :story_id
    RETURNING times_reacted, own, (SELECT count(*) FROM jsonb_object_keys(s.reactions)) AS of_all
""")
UNREACT = text("""
    WITH withdrawn AS (
        UPDATE reactions SET emoji = array_remove(emoji, CAST(:emoji AS text))
        WHERE story_id = :story_id AND user_id = :user_id AND CAST(:emoji AS text) = ANY(emoji) RETURNING user_id)
    UPDATE stories s SET reactions = CASE CAST(s.reactions ->> CAST(:emoji AS text) AS int)
        WHEN 1 THEN s.reactions - CAST(:emoji AS text)
        ELSE s.reactions || jsonb_build_object(CAST(:emoji AS text),
                                               CAST(s.reactions ->> CAST(:emoji AS text) AS int) - 1) END
    FROM withdrawn WHERE s.id = :story_id RETURNING s.id
""")
OF = text("SELECT liked, emoji FROM reactions WHERE story_id = :story_id AND user_id = :user_id")
PAGE = text("""
    SELECT u.id, u.username, u.display_name, u.avatar_url, r.liked, r.emoji
    FROM reactions r JOIN users u ON u.id = r.user_id
    WHERE r.story_id = :story_id AND (r.liked OR r.emoji <> '{}') AND r.user_id <> ALL(CAST(:hidden AS uuid[]))
      AND (CAST(:after AS uuid) IS NULL OR r.user_id > :after)
    ORDER BY r.user_id LIMIT :most
""")


async def like(tx: Transaction, app: Adapters, viewer: UUID, story_id: UUID) -> None:
    """Liking again changes nothing. Raises StoryNotFound."""
    story = await service.actable(tx, viewer, story_id)
    given = (await tx.execute(LIKE, {"story_id": story_id, "user_id": viewer})).first()
    if given is not None:
        now = app.clock.now()
        liked = StoryLiked(story_id, viewer, story.parties, first=given.times_liked == 1, at=now)
        await outbox.emit(tx, [liked, StoryChanged(story_id, viewer, now)], new_id=app.new_id)


async def unlike(tx: Transaction, app: Adapters, viewer: UUID, story_id: UUID) -> None:
    """Whether or not one still may see the story. Nothing to withdraw is no error, where one may; else raises
    StoryNotFound."""
    withdrawn = await tx.execute(UNLIKE, {"story_id": story_id, "user_id": viewer})
    await _withdrawn(tx, app, withdrawn.first(), viewer, story_id)


async def react(tx: Transaction, app: Adapters, viewer: UUID, story_id: UUID, emoji: str) -> None:
    """``emoji`` in its one spelling; the same again changes nothing. Raises StoryNotFound, TooManyEmoji."""
    story = await service.actable(tx, viewer, story_id)
    given = (await tx.execute(REACT, {"story_id": story_id, "user_id": viewer, "emoji": emoji})).first()
    if given is None:
        return
    if given.own > EMOJI_EACH:
        raise TooManyEmoji(f"You have {EMOJI_EACH} emoji on this story; take one back first.")
    if given.of_all > EMOJI_OF_ALL:
        raise TooManyEmoji(f"There are {EMOJI_OF_ALL} different emoji on this story; use one of them.")
    now = app.clock.now()
    reacted = StoryReacted(story_id, viewer, story.parties, emoji, first=given.times_reacted == 1, at=now)
    await outbox.emit(tx, [reacted, StoryChanged(story_id, viewer, now)], new_id=app.new_id)


async def unreact(tx: Transaction, app: Adapters, viewer: UUID, story_id: UUID, emoji: str) -> None:
    """Whether or not one still may see the story. Nothing to withdraw is no error, where one may; else raises
    StoryNotFound."""
    withdrawn = await tx.execute(UNREACT, {"story_id": story_id, "user_id": viewer, "emoji": emoji})
    await _withdrawn(tx, app, withdrawn.first(), viewer, story_id)


async def of(tx: Transaction, viewer: UUID, story_id: UUID) -> Reactions:
    """What the viewer thinks of a story."""
    found = (await tx.execute(OF, {"story_id": story_id, "user_id": viewer})).first()
    return Reactions(liked=False, emoji=()) if found is None else Reactions(found.liked, tuple(found.emoji))


async def page(tx: Transaction, viewer: UUID, story_id: UUID, page: PageRequest) -> Page[tuple[Card, Reactions]]:
    """Who thinks what of a story, who signed up first before, without whom the viewer or a party does not see.

    Raises StoryNotFound.
    """
    story = await service.visible(tx, viewer, story_id)
    hidden = await service.hidden_on(tx, viewer, story)
    parameters = {"story_id": story_id, "hidden": list(hidden), "after": page.after, "most": page.limit + 1}
    rows: Sequence[Any] = (await tx.execute(PAGE, parameters)).all()
    found = [(Card(*row[:4]), Reactions(row.liked, tuple(row.emoji))) for row in rows]
    return cut(found, page.limit, lambda each: each[0].id)


async def _withdrawn(tx: Transaction, app: Adapters, changed: object | None, viewer: UUID, story_id: UUID) -> None:
    """Raises StoryNotFound, where nothing was withdrawn and nothing is to be seen."""
    if changed is None:
        await service.visible(tx, viewer, story_id)
    else:
        await outbox.emit(tx, [StoryChanged(story_id, viewer, app.clock.now())], new_id=app.new_id)
