"""What people find wrong with stories and comments, and what staff make of it."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import text

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.postgres import Transaction
from venmo_api.audit import service as audit
from venmo_api.audit.rules import Act
from venmo_api.core import ids
from venmo_api.core.events import StoryChanged
from venmo_api.core.origin import Origin
from venmo_api.core.paging import Page, PageRequest, cut
from venmo_api.feed import comments, queries, service
from venmo_api.feed.act_rules import Report, ReportDecided, Reported, ReportNotFound, ReportReason, Verdict
from venmo_api.outbox import service as outbox
from venmo_api.users import service as users
from venmo_api.users.rules import Audience

REPORT = text("""
    INSERT INTO reports (id, reporter_id, kind, thing_id, story_id, reason, words, created_at)
    VALUES (:id, :reporter_id, :kind, :thing_id, :story_id, :reason, :words, :at)
    ON CONFLICT (reporter_id, thing_id) DO NOTHING
""")
OPEN = text("""
    SELECT r.id, r.kind, r.thing_id, r.story_id, r.reporter_id, r.reason, r.words AS said, r.created_at,
           s.note, s.actor_id, c.words, c.author_id
    FROM reports r JOIN stories s ON s.id = r.story_id LEFT JOIN comments c ON c.id = r.thing_id
    WHERE r.verdict IS NULL AND (CAST(:after AS uuid) IS NULL OR r.id > :after)
    ORDER BY r.id LIMIT :most
""")
# All that is said of one thing is decided together; in one order, so that two deciders do not wait for each other.
LOCK = text("""
    SELECT r.id, r.kind, r.thing_id, r.story_id, r.verdict, s.actor_id, c.author_id
    FROM reports r JOIN stories s ON s.id = r.story_id LEFT JOIN comments c ON c.id = r.thing_id
    WHERE r.thing_id = (SELECT thing_id FROM reports WHERE id = :id)
    ORDER BY r.id FOR UPDATE OF r
""")
DECIDE = text("""
    UPDATE reports SET verdict = :verdict, decided_by = :by, decided_at = :at
    WHERE thing_id = :thing_id AND verdict IS NULL
""")


async def report(
    tx: Transaction,
    app: Adapters,
    viewer: UUID,
    story_id: UUID,
    *,
    comment_id: UUID | None,
    reason: ReportReason,
    words: str | None,
    origin: Origin,
) -> None:
    """Tell staff of a story, or of a comment on it. The same person's second report of a thing changes nothing.

    Raises StoryNotFound, CommentNotFound.
    """
    story = await service.visible(tx, viewer, story_id)
    author = story.actor_id if comment_id is None else await comments.author_seen(tx, viewer, story, comment_id)
    kind = Reported.STORY if comment_id is None else Reported.COMMENT
    report_id = app.new_id()
    row = {
        "id": report_id,
        "reporter_id": viewer,
        "kind": kind,
        "thing_id": comment_id or story_id,
        "story_id": story_id,
        "reason": reason,
        "words": words,
        "at": app.clock.now(),
    }
    if (await tx.execute(REPORT, row)).rowcount:
        details = {"report": ids.encode(ids.REPORT, report_id), "kind": kind, "reason": reason}
        await audit.note(tx, app, Act.REPORT, actor=viewer, subject=author, origin=origin, details=details)


async def queue(tx: Transaction, app: Adapters, page: PageRequest, *, staff: UUID, origin: Origin) -> Page[Report]:
    """What staff have not decided yet, oldest first. The reading is noted."""
    await audit.note(tx, app, Act.READ_REPORTS, actor=staff, origin=origin)
    rows = (await tx.execute(OPEN, {"after": page.after, "most": page.limit + 1})).all()
    found = cut(rows, page.limit, lambda row: row.id)
    return Page(await _read(tx, found.rows), found.next_cursor)


async def decide(
    tx: Transaction, app: Adapters, report_id: UUID, verdict: Verdict, *, staff: UUID, origin: Origin
) -> None:
    """Decide this report and all others of the same thing. To remove a comment is to delete it, to remove a story is to
    leave it to its parties. Raises ReportNotFound, ReportDecided."""
    rows = {row.id: row for row in await tx.execute(LOCK, {"id": report_id})}
    if report_id not in rows:
        raise ReportNotFound
    found = rows[report_id]
    if found.verdict is not None:
        raise ReportDecided
    now = app.clock.now()
    await tx.execute(DECIDE, {"thing_id": found.thing_id, "verdict": verdict, "by": staff, "at": now})
    author = found.actor_id if found.kind == Reported.STORY else found.author_id
    if verdict is Verdict.REMOVE and found.kind == Reported.STORY:
        await _withdraw(tx, app, found.story_id, by=staff)
    elif verdict is Verdict.REMOVE and author is not None:
        await comments.remove(tx, app, found.story_id, found.thing_id, author=author, by=staff)
    details = {"report": ids.encode(ids.REPORT, report_id), "kind": found.kind, "verdict": verdict}
    await audit.note(tx, app, Act.DECIDE_REPORT, actor=staff, subject=author, origin=origin, details=details)


async def _withdraw(tx: Transaction, app: Adapters, story_id: UUID, *, by: UUID) -> None:
    if await queries.narrow(tx, story_id, Audience.PRIVATE):
        await outbox.emit(tx, [StoryChanged(story_id, by, app.clock.now())], new_id=app.new_id)


async def _read(tx: Transaction, rows: Sequence[Any]) -> list[Report]:
    wrote = {row.id: row.actor_id if row.kind == Reported.STORY else row.author_id for row in rows}
    people = {person for person in [*wrote.values(), *[row.reporter_id for row in rows]] if person is not None}
    cards = await users.parties(tx, people)
    return [
        Report(
            id=row.id,
            kind=Reported(row.kind),
            story_id=row.story_id,
            comment_id=row.thing_id if row.kind == Reported.COMMENT else None,
            note=row.note,
            words=row.words,
            author=cards[wrote[row.id]].card if wrote[row.id] else None,
            reporter=cards[row.reporter_id].card,
            reason=ReportReason(row.reason),
            said=row.said,
            created_at=row.created_at,
        )
        for row in rows
    ]
