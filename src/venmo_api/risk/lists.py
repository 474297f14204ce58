"""Who stands on a list and is declined, and which rules sleep for whom. Both count from the next payment on."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import text

from venmo_api.adapters.postgres import Transaction
from venmo_api.core.errors import AppError, Kind
from venmo_api.core.paging import PageRequest

ADD = text("""
    INSERT INTO risk_blocklist (id, list, user_id, contact, reason, added_by, added_at)
    VALUES (:id, :list, :user_id, :contact, :reason, :added_by, :added_at) ON CONFLICT DO NOTHING
""")
THERE = text("""
    SELECT * FROM risk_blocklist
    WHERE list = :list AND (user_id = :user_id OR contact = :contact)
""")
BY_CONTACT = text("SELECT * FROM risk_blocklist WHERE contact = ANY(CAST(:contacts AS text[])) ORDER BY id")
STANDS = text("""
    SELECT EXISTS (SELECT FROM risk_blocklist WHERE user_id = ANY(CAST(:people AS uuid[])))
        OR EXISTS (SELECT FROM risk_blocklist WHERE contact = :contact)
""")
REMOVE = text("DELETE FROM risk_blocklist WHERE id = :id RETURNING *")
PAGE = text("""
    SELECT * FROM risk_blocklist WHERE CAST(:after AS uuid) IS NULL OR id < :after ORDER BY id DESC LIMIT :most
""")
SNOOZE = text("""
    INSERT INTO risk_snoozes (subject_id, rule, until, maker_id, made_at)
    VALUES (:subject_id, :rule, :until, :maker_id, :made_at)
    ON CONFLICT (subject_id, rule)
    DO UPDATE SET until = excluded.until, maker_id = excluded.maker_id, made_at = excluded.made_at
""")
WAKE = text("DELETE FROM risk_snoozes WHERE subject_id = :subject_id AND rule = :rule")
SNOOZED = text("SELECT * FROM risk_snoozes WHERE subject_id = :subject_id AND until > :now ORDER BY rule")


class List(StrEnum):
    BLOCK = "block"
    SANCTIONS = "sanctions"


class ListReason(StrEnum):
    """Why somebody is listed. A word and no text."""

    FRAUD = "fraud"
    MULE = "mule"
    ACCOUNT_TAKEN_OVER = "account_taken_over"
    LEGAL_ORDER = "legal_order"
    SANCTIONED = "sanctioned"


class EntryNotFound(AppError):
    kind = Kind.NOT_FOUND
    code = "blocklist_entry_not_found"
    title = "No such entry"

    def __init__(self) -> None:
        super().__init__("There is no entry with this id on a list; it may have been removed.")


class RuleNotFound(AppError):
    kind = Kind.NOT_FOUND
    code = "rule_not_found"
    title = "No such rule"

    def __init__(self) -> None:
        super().__init__("There is no rule of this name that can be snoozed; lists cannot.")


@dataclass(frozen=True, slots=True)
class Entry:
    """A person, or the blind index of a contact that is nobody's."""

    id: UUID
    list: List
    user_id: UUID | None
    contact: str | None
    reason: ListReason
    added_by: UUID
    added_at: datetime


@dataclass(frozen=True, slots=True)
class Snooze:
    """``rule`` does not speak about ``subject_id`` until then."""

    subject_id: UUID
    rule: str
    until: datetime
    maker_id: UUID
    made_at: datetime


async def add(tx: Transaction, entry: Entry) -> Entry:
    """The entry; that which is there already, if they stand on this list."""
    row = {
        "id": entry.id,
        "list": entry.list,
        "user_id": entry.user_id,
        "contact": entry.contact,
        "reason": entry.reason,
        "added_by": entry.added_by,
        "added_at": entry.added_at,
    }
    if (await tx.execute(ADD, row)).rowcount:
        return entry
    there = {"list": entry.list, "user_id": entry.user_id, "contact": entry.contact}
    return _from_row((await tx.execute(THERE, there)).one())


async def inherit(
    tx: Transaction, person: UUID, contacts: Collection[str], *, new_id: Callable[[], UUID], at: datetime
) -> None:
    """Who proves a contact that is listed stands on that list from now on, whatever they are called."""
    for row in (await tx.execute(BY_CONTACT, {"contacts": list(contacts)})).all():
        await add(tx, replace(_from_row(row), id=new_id(), user_id=person, contact=None, added_at=at))


async def stands(tx: Transaction, people: Collection[UUID], *, contact: str | None) -> bool:
    """Whether one of these is on a list, or the contact that money was sent to."""
    return bool((await tx.execute(STANDS, {"people": list(people), "contact": contact})).scalar_one())


async def remove(tx: Transaction, entry_id: UUID) -> Entry:
    """What was removed. Raises EntryNotFound."""
    row = (await tx.execute(REMOVE, {"id": entry_id})).first()
    if row is None:
        raise EntryNotFound
    return _from_row(row)


async def entries(tx: Transaction, page: PageRequest) -> Sequence[Entry]:
    """Newest first."""
    rows = await tx.execute(PAGE, {"after": page.after, "most": page.limit + 1})
    return [_from_row(row) for row in rows]


async def snooze(tx: Transaction, snoozed: Snooze) -> None:
    """Again, it sleeps until the new moment."""
    await tx.execute(
        SNOOZE,
        {
            "subject_id": snoozed.subject_id,
            "rule": snoozed.rule,
            "until": snoozed.until,
            "maker_id": snoozed.maker_id,
            "made_at": snoozed.made_at,
        },
    )


async def wake(tx: Transaction, subject_id: UUID, rule: str) -> bool:
    """False: it did not sleep."""
    return bool((await tx.execute(WAKE, {"subject_id": subject_id, "rule": rule})).rowcount)


async def snoozed(tx: Transaction, subject_id: UUID, *, now: datetime) -> Sequence[Snooze]:
    """Which rules do not speak about somebody now."""
    rows = await tx.execute(SNOOZED, {"subject_id": subject_id, "now": now})
    return [Snooze(row.subject_id, row.rule, row.until, row.maker_id, row.made_at) for row in rows]


def _from_row(row: Any) -> Entry:
    return Entry(row.id, List(row.list), row.user_id, row.contact, ListReason(row.reason), row.added_by, row.added_at)
