"""Comments on stories, and whom they mention. The count changes in the statement that adds or deletes one."""

from collections.abc import Iterable, Sequence, Set
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.postgres import Transaction
from venmo_api.audit import service as audit
from venmo_api.audit.rules import Act
from venmo_api.core import ids
from venmo_api.core.events import CommentAdded, CommentDeleted, StoryChanged
from venmo_api.core.origin import Origin
from venmo_api.core.paging import Page, PageRequest, cut
from venmo_api.feed import service
from venmo_api.feed.act_rules import (
    Comment,
    CommentNotFound,
    Mention,
    NotYourComment,
    Place,
    may_delete,
    names,
)
from venmo_api.feed.rules import Story, StoryNotFound, may_see
from venmo_api.outbox import service as outbox
from venmo_api.users import service as users
from venmo_api.users.rules import Relations

# Erasing a person waits for a comment under way, and a comment for erasing: afterwards there is nobody to write it.
ADD = text("""
    WITH added AS (
        INSERT INTO comments (id, story_id, author_id, words, mentions, created_at)
        SELECT :id, :story_id, id, :words, CAST(:mentions AS jsonb), :at FROM users
        WHERE id = :author_id AND erased_at IS NULL FOR KEY SHARE
        RETURNING id)
    UPDATE stories s SET comments = s.comments + 1 FROM added WHERE s.id = :story_id RETURNING s.id
""")
DELETE = text("""
    WITH gone AS (DELETE FROM comments WHERE id = :id RETURNING story_id)
    UPDATE stories s SET comments = s.comments - 1 FROM gone WHERE s.id = gone.story_id RETURNING s.id
""")
AUTHOR = text("SELECT author_id FROM comments WHERE id = :id AND story_id = :story_id")
PAGE = text("""
    SELECT id, author_id, words, mentions, created_at FROM comments
    WHERE story_id = :story_id AND author_id <> ALL(CAST(:hidden AS uuid[]))
      AND (CAST(:after AS uuid) IS NULL OR id > :after)
    ORDER BY id LIMIT :most
""")
Meant = list[tuple[UUID, Place]]


async def add(tx: Transaction, app: Adapters, viewer: UUID, story_id: UUID, words: str) -> Comment:
    """Say something about a story, in words that were judged. Raises StoryNotFound."""
    story = await service.actable(tx, viewer, story_id)
    meant = await _meant(tx, app, viewer, words)
    comment_id, now = app.new_id(), app.clock.now()
    row = {
        "id": comment_id,
        "story_id": story_id,
        "author_id": viewer,
        "words": words,
        "mentions": orjson.dumps([[str(person), place.start, place.end] for person, place in meant]).decode(),
        "at": now,
    }
    if (await tx.execute(ADD, row)).first() is None:
        raise StoryNotFound
    told = await _seeing(tx, viewer, story, dict.fromkeys(person for person, _ in meant if person != viewer))
    added = CommentAdded(comment_id, story_id, viewer, story.parties, told, now)
    await outbox.emit(tx, [added, StoryChanged(story_id, viewer, now)], new_id=app.new_id)
    cards = await users.parties(tx, [viewer, *[person for person, _ in meant]])
    mentions = tuple(Mention(cards[person].card, place) for person, place in meant)
    return Comment(comment_id, cards[viewer].card, words, mentions, now)


async def page(tx: Transaction, viewer: UUID, story_id: UUID, page: PageRequest) -> Page[Comment]:
    """What was said about a story, oldest first, without whom the viewer or a party does not see.

    Raises StoryNotFound.
    """
    story = await service.visible(tx, viewer, story_id)
    hidden = await service.hidden_on(tx, viewer, story)
    parameters = {"story_id": story_id, "hidden": list(hidden), "after": page.after, "most": page.limit + 1}
    found = cut((await tx.execute(PAGE, parameters)).all(), page.limit, lambda row: row.id)
    unseen = (await users.hidden_of(tx, [viewer])).get(viewer, frozenset())
    return Page(await _read(tx, found.rows, unseen), found.next_cursor)


async def delete(
    tx: Transaction, app: Adapters, viewer: UUID, story_id: UUID, comment_id: UUID, *, origin: Origin
) -> None:
    """One's own, whether or not one still may see the story; or others' on a story one is a party of. Raises
    StoryNotFound, CommentNotFound, NotYourComment."""
    author = await _author(tx, story_id, comment_id)
    if author != viewer:
        story = await service.visible(tx, viewer, story_id)
        author = await author_seen(tx, viewer, story, comment_id)
        if not may_delete(viewer, author, story):
            raise NotYourComment
    if not await remove(tx, app, story_id, comment_id, author=author, by=viewer):
        raise CommentNotFound
    if author != viewer:
        details = {"comment": ids.encode(ids.COMMENT, comment_id)}
        await audit.note(tx, app, Act.DELETE_COMMENT, actor=viewer, subject=author, origin=origin, details=details)


async def author_seen(tx: Transaction, viewer: UUID, story: Story, comment_id: UUID) -> UUID:
    """Who wrote a comment that the viewer sees on this story. Raises CommentNotFound."""
    author = await _author(tx, story.id, comment_id)
    if author is None or author in await service.hidden_on(tx, viewer, story):
        raise CommentNotFound
    return author


async def remove(tx: Transaction, app: Adapters, story_id: UUID, comment_id: UUID, *, author: UUID, by: UUID) -> bool:
    """Delete a comment, whoever asks; False when it is gone already."""
    if (await tx.execute(DELETE, {"id": comment_id})).first() is None:
        return False
    now = app.clock.now()
    deleted = CommentDeleted(comment_id, story_id, by, author, now)
    await outbox.emit(tx, [deleted, StoryChanged(story_id, by, now)], new_id=app.new_id)
    return True


async def _author(tx: Transaction, story_id: UUID, comment_id: UUID) -> UUID | None:
    found: UUID | None = (await tx.execute(AUTHOR, {"id": comment_id, "story_id": story_id})).scalar()
    return found


async def _meant(tx: Transaction, app: Adapters, author: UUID, words: str) -> Meant:
    """Whom the text names, of those whom its author could find by that name. Not of those who may see the story: else
    the answer would tell who is a friend of its parties."""
    named = names(words)
    known = await users.find(tx, app, [("username", name) for name in dict.fromkeys(name for name, _ in named)])
    found = [(known["username", name], place) for name, place in named if ("username", name) in known]
    hidden = await users.hidden(tx, {(author, person) for person, _ in found})
    return [(person, place) for person, place in found if (author, person) not in hidden]


async def _seeing(tx: Transaction, author: UUID, story: Story, people: Iterable[UUID]) -> tuple[UUID, ...]:
    """Those of these who may see the story."""
    asked = list(people)
    others = (*story.parties, author)
    pairs = {(person, other) for person in asked for other in others if person != other}
    friends, hidden = await users.befriended(tx, pairs), await users.hidden(tx, pairs)
    return tuple(
        person
        for person in asked
        if may_see(
            person,
            story,
            Relations(
                frozenset(other for other in others if (person, other) in friends),
                frozenset(other for other in others if (person, other) in hidden),
            ),
        )
    )


async def _read(tx: Transaction, rows: Sequence[Any], hidden: Set[UUID]) -> list[Comment]:
    kept = [(row, [(person, place) for person, place in _places(row.mentions) if person not in hidden]) for row in rows]
    people = {row.author_id for row in rows} | {person for _, meant in kept for person, _ in meant}
    cards = await users.parties(tx, people)
    return [
        Comment(
            row.id,
            cards[row.author_id].card,
            row.words,
            tuple(Mention(cards[person].card, place) for person, place in meant),
            row.created_at,
        )
        for row, meant in kept
    ]


def _places(mentions: Sequence[Any]) -> Meant:
    return [(UUID(person), Place(start, end)) for person, start, end in mentions]
