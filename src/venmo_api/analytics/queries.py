"""SQL of alerts and cases."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.types import BigInteger, Uuid

from venmo_api.adapters.postgres import Transaction
from venmo_api.analytics.models import AlertPayment, AlertRow, CaseSubject
from venmo_api.analytics.rules import Case, Disposition, Done, Finding, Payment, Source, State, Step
from venmo_api.core.paging import PageRequest

# Whoever raises alerts, or changes a case, does so alone: cases have subjects in common.
ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtext('analytics.cases'))")
KNOWN = text("SELECT id FROM alerts WHERE id = ANY(:ids)").bindparams(bindparam("ids", type_=ARRAY(Uuid)))
UNFINISHED_ABOUT = text("""
    SELECT DISTINCT c.id FROM cases c JOIN case_subjects s ON s.case_id = c.id
    WHERE c.closed_at IS NULL AND s.number = ANY(:numbers)
""").bindparams(bindparam("numbers", type_=ARRAY(BigInteger)))
TOLD = """
    SELECT c.id, c.state, c.disposition, c.opened_at, c.due_at, c.closed_at, c.merged_into, c.file_key,
           ARRAY(SELECT DISTINCT detector FROM alerts WHERE case_id = c.id ORDER BY detector) AS typologies,
           (SELECT count(*) FROM alerts WHERE case_id = c.id) AS alerts, p.payments, p.amount
    FROM cases c CROSS JOIN LATERAL (
        SELECT count(*) AS payments, CAST(coalesce(sum(amount), 0) AS bigint) AS amount FROM (
            SELECT DISTINCT p.tx_id, p.amount FROM alerts a JOIN alert_payments p ON p.alert_id = a.id
            WHERE a.case_id = c.id
        ) each_once
    ) p
"""
NOT_ABOUT = """
    NOT EXISTS (SELECT FROM case_subjects s WHERE s.case_id = c.id AND s.account_id = CAST(:reader AS uuid))
"""
UNFINISHED = text(f"""
    {TOLD} WHERE c.closed_at IS NULL AND (CAST(:after AS uuid) IS NULL OR c.id > :after) AND {NOT_ABOUT}
    ORDER BY c.id LIMIT :most
""")
CLOSED = text(f"""
    {TOLD} WHERE c.closed_at IS NOT NULL AND (CAST(:after AS uuid) IS NULL OR c.id < :after) AND {NOT_ABOUT}
    ORDER BY c.id DESC LIMIT :most
""")
IS_ABOUT = text("SELECT EXISTS (SELECT FROM case_subjects WHERE case_id = :id AND account_id = :reader)")
CASE = text(TOLD + "WHERE c.id = :id")
LOCK = text("SELECT state FROM cases WHERE id = :id FOR UPDATE")
STEPS = text("SELECT step, at, actor_id, disposition, narrative FROM case_steps WHERE case_id = :id ORDER BY number")
SUBJECTS = text("SELECT number, kind, account_id FROM case_subjects WHERE case_id = :id ORDER BY kind, number")
ALERTS = text("""
    SELECT id, detector, version, parameters, subject, subject_kind, start_us, end_us, score, amount,
           manifest_sequence, manifest_sha256, raised_at
    FROM alerts WHERE case_id = :id ORDER BY start_us, id
""")
PAYMENTS = text("""
    SELECT p.alert_id, p.tx_id, p.kind, p.at, p.sender_id, p.recipient_id, p.amount, p.file_key
    FROM alerts a JOIN alert_payments p ON p.alert_id = a.id WHERE a.case_id = :id ORDER BY p.at, p.tx_id, p.alert_id
""")
STEP = text("""
    INSERT INTO case_steps (case_id, number, step, actor_id, disposition, narrative, at)
    SELECT :case_id, count(*), :step, :actor_id, :disposition, :narrative, :at FROM case_steps WHERE case_id = :case_id
""")
OPEN = text("INSERT INTO cases (id, state, opened_at) VALUES (:id, 'open', :at)")
MOVE = text("""
    UPDATE cases SET state = :state, disposition = :disposition, closed_at = :closed_at, merged_into = :merged_into
    WHERE id = :id
""")
DUE = text("UPDATE cases SET due_at = :due_at WHERE id = :id AND due_at IS NULL")
TAKE_ALERTS = text("UPDATE alerts SET case_id = :into WHERE case_id = :id")
TAKE_SUBJECTS = text("""
    INSERT INTO case_subjects (case_id, number, kind, account_id)
    SELECT :into, number, kind, account_id FROM case_subjects WHERE case_id = :id ON CONFLICT DO NOTHING
""")
FILED = text("UPDATE cases SET file_key = :key WHERE id = :id AND file_key IS NULL")
UNFILED = text("""
    SELECT id FROM cases WHERE closed_at IS NOT NULL AND disposition = 'report' AND file_key IS NULL
    ORDER BY id LIMIT 100
""")
POINTS = text("""
    SELECT detector, CAST(to_timestamp(start_us / 1000000) AT TIME ZONE 'UTC' AS date) AS day, amount
    FROM alerts ORDER BY raised_at DESC, id LIMIT 20000
""")
CALIBRATION = text("SELECT report -> 'calibration' FROM risk_models ORDER BY trained_at DESC LIMIT 1")
STATES = text("SELECT state, disposition, count(*) AS cases FROM cases GROUP BY 1, 2 ORDER BY 1, 2")


async def one_at_a_time(tx: Transaction) -> None:
    await tx.execute(ONE_AT_A_TIME)


async def known(tx: Transaction, ids: Collection[UUID]) -> set[UUID]:
    return set((await tx.execute(KNOWN, {"ids": list(ids)})).scalars())


async def unfinished_about(tx: Transaction, numbers: Collection[int]) -> list[UUID]:
    return list((await tx.execute(UNFINISHED_ABOUT, {"numbers": list(numbers)})).scalars())


async def open_case(tx: Transaction, case_id: UUID, *, at: datetime) -> None:
    await tx.execute(OPEN, {"id": case_id, "at": at})


async def add_subjects(tx: Transaction, case_id: UUID, findings: Sequence[Finding]) -> None:
    rows = {
        number: {"case_id": case_id, "number": number, "kind": "account", "account_id": account}
        for finding in findings
        for number, account in finding.linked.items()
    }
    for finding in findings:
        new = {"case_id": case_id, "number": finding.subject, "kind": finding.subject_kind, "account_id": None}
        rows.setdefault(finding.subject, new)
    await tx.execute(insert(CaseSubject).on_conflict_do_nothing(), list(rows.values()))


async def add_alerts(
    tx: Transaction, case_id: UUID, findings: Sequence[Finding], *, source: Source, at: datetime
) -> None:
    rows = [
        {
            "id": finding.alert_id,
            "case_id": case_id,
            "detector": finding.detector,
            "version": finding.version,
            "parameters": dict(finding.parameters),
            "subject": finding.subject,
            "subject_kind": finding.subject_kind,
            "start_us": finding.start_us,
            "end_us": finding.end_us,
            "score": finding.score,
            "amount": finding.amount,
            "manifest_sequence": source.sequence,
            "manifest_sha256": source.sha256,
            "raised_at": at,
        }
        for finding in findings
    ]
    await tx.execute(insert(AlertRow), rows)
    payments = [
        {"alert_id": finding.alert_id} | {name: getattr(payment, name) for name in _PAYMENT}
        for finding in findings
        for payment in finding.payments
    ]
    if payments:
        await tx.execute(insert(AlertPayment), payments)


async def step(tx: Transaction, case_id: UUID, done: Done) -> None:
    row = {
        "case_id": case_id,
        "step": done.step,
        "actor_id": done.actor_id,
        "disposition": done.disposition,
        "narrative": done.narrative,
        "at": done.at,
    }
    await tx.execute(STEP, row)


async def move(
    tx: Transaction,
    case_id: UUID,
    state: State,
    *,
    disposition: Disposition | None = None,
    closed_at: datetime | None = None,
    merged_into: UUID | None = None,
) -> None:
    row = {
        "id": case_id,
        "state": state,
        "disposition": disposition,
        "closed_at": closed_at,
        "merged_into": merged_into,
    }
    await tx.execute(MOVE, row)


async def due(tx: Transaction, case_id: UUID, due_at: datetime) -> None:
    """When it must be reported by; what was said first stays."""
    await tx.execute(DUE, {"id": case_id, "due_at": due_at})


async def take(tx: Transaction, case_id: UUID, *, into: UUID) -> None:
    """The alerts and subjects of one case go to another."""
    for statement in (TAKE_ALERTS, TAKE_SUBJECTS):
        await tx.execute(statement, {"id": case_id, "into": into})


async def lock(tx: Transaction, case_id: UUID) -> State | None:
    """Nobody else changes this case until the commit; None: there is none."""
    found = (await tx.execute(LOCK, {"id": case_id})).scalar()
    return State(found) if found is not None else None


async def cases(tx: Transaction, page: PageRequest, *, closed: bool, reader: UUID | None) -> list[Case]:
    """One more than asked for, without those about the reader. Those that are not closed oldest first, the others
    newest first."""
    asked = {"after": page.after, "most": page.limit + 1, "reader": reader}
    return [_case(row) for row in await tx.execute(CLOSED if closed else UNFINISHED, asked)]


async def is_about(tx: Transaction, case_id: UUID, reader: UUID) -> bool:
    return bool((await tx.execute(IS_ABOUT, {"id": case_id, "reader": reader})).scalar_one())


async def case(tx: Transaction, case_id: UUID) -> Case | None:
    row = (await tx.execute(CASE, {"id": case_id})).one_or_none()
    return _case(row) if row is not None else None


async def steps(tx: Transaction, case_id: UUID) -> list[Done]:
    return [
        Done(Step(row.step), row.at, row.actor_id, row.disposition and Disposition(row.disposition), row.narrative)
        for row in await tx.execute(STEPS, {"id": case_id})
    ]


async def subjects(tx: Transaction, case_id: UUID) -> Sequence[Any]:
    return (await tx.execute(SUBJECTS, {"id": case_id})).all()


async def alerts(tx: Transaction, case_id: UUID) -> Sequence[Any]:
    return (await tx.execute(ALERTS, {"id": case_id})).all()


async def payments(tx: Transaction, case_id: UUID) -> list[tuple[UUID, Payment]]:
    """Of which alert, and what: a payment may bear out several."""
    return [(row[0], Payment(*tuple(row)[1:])) for row in await tx.execute(PAYMENTS, {"id": case_id})]


async def filed(tx: Transaction, case_id: UUID, key: str) -> None:
    await tx.execute(FILED, {"id": case_id, "key": key})


async def unfiled(tx: Transaction) -> list[UUID]:
    return list((await tx.execute(UNFILED)).scalars())


async def alert_points(tx: Transaction) -> Sequence[Any]:
    """Detector, day and amount of the newest alerts."""
    return (await tx.execute(POINTS)).all()


async def newest_calibration(tx: Transaction) -> Sequence[Mapping[str, Any]]:
    """Of the model that was trained last; nothing when there is none."""
    return (await tx.execute(CALIBRATION)).scalar() or ()


async def cases_by_state(tx: Transaction) -> Sequence[Any]:
    return (await tx.execute(STATES)).all()


def _case(row: Any) -> Case:
    values: Mapping[str, Any] = row._mapping
    disposition = values["disposition"]
    return Case(
        **{
            **values,
            "state": State(values["state"]),
            "disposition": Disposition(disposition) if disposition is not None else None,
            "typologies": tuple(values["typologies"]),
        }
    )


_PAYMENT = ("tx_id", "kind", "at", "sender_id", "recipient_id", "amount", "file_key")
