"""Archived days that lie in a cold storage class, made readable for a while: a job that S3 does, with its state."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.postgres import Transaction
from venmo_api.adapters.s3 import Shelved
from venmo_api.archive import catalog, restore_rules, rules, snapshot
from venmo_api.archive.restore_rules import KEPT, OPEN_MOST, RestoreNotFound, State, TooManyRestores
from venmo_api.archive.rules import File
from venmo_api.core.errors import Unavailable

_COLUMNS = "id, asked_by, first_day, last_day, state, files, waiting, requested_at, ready_at, expires_at"
INSERT = text("""
    INSERT INTO archive_restores (id, asked_by, first_day, last_day, state, files, waiting, requested_at)
    VALUES (:id, :asked_by, :first_day, :last_day, 'requested', 0, 0, :at)
""")
BY_ID = text(f"SELECT {_COLUMNS} FROM archive_restores WHERE id = :id")  # noqa: S608 - constants of this file
OPEN = text(f"""
    SELECT {_COLUMNS} FROM archive_restores WHERE state <> 'expired' ORDER BY requested_at, id
""")  # noqa: S608 - constants of this file
# Who asks takes turns with themselves: two at once for the same days are one.
TURN = text("SELECT pg_advisory_xact_lock(hashtextextended('archive_restores' || CAST(:asked_by AS text), 0))")
UPDATE = text("""
    UPDATE archive_restores
    SET state = :state, files = :files, waiting = :waiting, ready_at = :ready_at, expires_at = :expires_at
    WHERE id = :id
""")


async def ask(app: Adapters, *, asked_by: UUID | None, first: date, last: date) -> Any:
    """Have these days made readable: the row of the restore, which is the one before if that is still open.

    A person is given what statements need, the operator every shelf. Raises TooManyRestores. S3 is asked at once, if it
    answers, and again by ``advance``.
    """
    restore_id = await app.database.transact(_begin, app, asked_by, first, last)
    with suppress(Unavailable):  # the job goes on
        await _advance(app, await app.database.read(_row, restore_id))
    return await app.database.read(_row, restore_id)


async def look(tx: Transaction, restore_id: UUID, actor: UUID) -> Any:
    """A restore of somebody who asked for it. Raises RestoreNotFound."""
    row = (await tx.execute(BY_ID, {"id": restore_id})).first()
    if row is None or row.asked_by != actor:
        raise RestoreNotFound
    return row


async def unfinished(tx: Transaction) -> Sequence[Any]:
    """Those whose time is not over, the oldest first."""
    return (await tx.execute(OPEN)).all()


async def advance(app: Adapters) -> int:
    """Ask S3 for what was not asked for, look what can be read by now and what no more; how many have another state."""
    changed = 0
    for row in await app.database.read(unfinished):
        changed += await _advance(app, row)
    return changed


async def _begin(tx: Transaction, app: Adapters, asked_by: UUID | None, first: date, last: date) -> UUID:
    await tx.execute(TURN, {"asked_by": str(asked_by)})
    theirs = [row for row in await unfinished(tx) if row.asked_by == asked_by]
    for row in theirs:
        if (row.first_day, row.last_day) == (first, last):
            same: UUID = row.id
            return same
    if asked_by is not None and len(theirs) >= OPEN_MOST:
        raise TooManyRestores
    made = app.new_id()
    days = {"first_day": first, "last_day": last}
    await tx.execute(INSERT, {"id": made, "asked_by": asked_by, "at": app.wall_clock.now()} | days)
    return made


async def _row(tx: Transaction, restore_id: UUID) -> Any:
    return (await tx.execute(BY_ID, {"id": restore_id})).one()


async def _advance(app: Adapters, row: Any) -> bool:
    now = app.wall_clock.now()
    if row.expires_at is not None:
        if restore_rules.state(waiting=0, expires_at=row.expires_at, now=now) is State.READY:
            return False
        await app.database.transact(_update, row, State.EXPIRED, row.files, 0, row.ready_at, row.expires_at)
        return True
    files = await _files(app, row)
    waiting = 0
    for file in files:
        shelved = await app.objects.shelved(file.key)
        if shelved is Shelved.COLD:
            await app.objects.restore(file.key, days=KEPT.days)
            shelved = await app.objects.shelved(file.key)
        waiting += shelved is not Shelved.READABLE
    state = restore_rules.state(waiting=waiting, expires_at=None, now=now)
    ready_at = now if state is State.READY else None
    await app.database.transact(_update, row, state, len(files), waiting, ready_at, now + KEPT if ready_at else None)
    return bool(state != row.state)


async def _files(app: Adapters, row: Any) -> list[File]:
    standing = await catalog.standing(app, await app.database.read(snapshot.manifests))
    shelves = rules.SHELVES if row.asked_by is None else (rules.LEDGER,)
    return [file for shelf in shelves for file in catalog.of_days(standing, shelf, row.first_day, row.last_day)]


async def _update(
    tx: Transaction,
    row: Any,
    state: State,
    files: int,
    waiting: int,
    ready_at: datetime | None,
    expires_at: datetime | None,
) -> None:
    figures = {"files": files, "waiting": waiting, "ready_at": ready_at, "expires_at": expires_at}
    await tx.execute(UPDATE, {"id": row.id, "state": state} | figures)
