"""Cases: what people read, propose and decide about them. Who proposes an end is never who approves it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.postgres import Transaction
from venmo_api.analytics import queries, rules
from venmo_api.analytics.rules import (
    Case,
    CaseNotFound,
    Disposition,
    Done,
    Ending,
    Judgement,
    Payment,
    State,
    Step,
)
from venmo_api.audit import service as audit
from venmo_api.audit.rules import Act
from venmo_api.core import ids
from venmo_api.core.origin import Origin
from venmo_api.core.paging import Page, PageRequest, cut


@dataclass(frozen=True, slots=True)
class Dossier:
    """All of a case. ``subjects``: number, kind, account_id; ``payments``: of which alert, and what."""

    case: Case
    subjects: Sequence[Any]
    alerts: Sequence[Any]
    payments: Sequence[tuple[UUID, Payment]]
    steps: Sequence[Done]


async def queue(
    tx: Transaction, app: Adapters, page: PageRequest, *, closed: bool, staff: UUID | None, origin: Origin | None
) -> Page[Case]:
    """Cases that nobody has ended, oldest first; or those that have ended, newest first; none about the reader. The
    reading is noted (``staff`` None: the operator's)."""
    await audit.note(tx, app, Act.READ_CASES, actor=staff, origin=origin)
    return cut(await queries.cases(tx, page, closed=closed, reader=staff), page.limit, lambda case: case.id)


async def read(tx: Transaction, app: Adapters, case_id: UUID, *, staff: UUID | None, origin: Origin | None) -> Dossier:
    """All of a case; the reading is noted (``staff`` None: the operator's), without whom the case is about. Raises
    CaseNotFound."""
    await _ensure_of_others(tx, case_id, staff)
    found = await dossier(tx, case_id)
    await _note(tx, app, Act.READ_CASE, case_id, staff=staff, origin=origin)
    return found


async def propose(
    tx: Transaction,
    app: Adapters,
    case_id: UUID,
    ending: Ending,
    narrative: str,
    *,
    staff: UUID,
    origin: Origin,
) -> Dossier:
    """How a case is to end, and why, in words. It ends when somebody else approves.

    Raises CaseNotFound, CaseClosed, CaseProposed.
    """
    state = await _lock(tx, case_id)
    await _ensure_of_others(tx, case_id, staff)
    rules.ensure_proposable(state)
    disposition = Disposition(ending)
    await queries.move(tx, case_id, State.PROPOSED, disposition=disposition)
    await queries.step(tx, case_id, Done(Step.PROPOSE, app.clock.now(), staff, disposition, narrative))
    await _note(tx, app, Act.PROPOSE_ENDING, case_id, staff=staff, origin=origin, word=ending)
    return await dossier(tx, case_id)


async def judge(
    tx: Transaction,
    app: Adapters,
    case_id: UUID,
    judgement: Judgement,
    *,
    staff: UUID,
    origin: Origin,
) -> Dossier:
    """End a case as was proposed, or return it to be looked at again.

    Raises CaseNotFound, CaseClosed, NothingProposed, OwnProposal.
    """
    state = await _lock(tx, case_id)
    await _ensure_of_others(tx, case_id, staff)
    proposal = rules.judged(state, await queries.steps(tx, case_id), judgement, by=staff)
    now = app.clock.now()
    if judgement is Judgement.APPROVE:
        disposition = proposal.disposition
        await queries.move(tx, case_id, State.CLOSED, disposition=disposition, closed_at=now)
        await queries.step(tx, case_id, Done(Step.APPROVE, now, staff, disposition))
    else:
        step = Step.WITHDRAW if proposal.actor_id == staff else Step.RETURN
        await queries.move(tx, case_id, State.OPEN)
        await queries.step(tx, case_id, Done(step, now, staff))
    await _note(tx, app, Act.JUDGE_PROPOSAL, case_id, staff=staff, origin=origin, word=judgement)
    return await dossier(tx, case_id)


async def dossier(tx: Transaction, case_id: UUID) -> Dossier:
    """All of a case. Raises CaseNotFound."""
    case = await queries.case(tx, case_id)
    if case is None:
        raise CaseNotFound
    return Dossier(
        case,
        await queries.subjects(tx, case_id),
        await queries.alerts(tx, case_id),
        await queries.payments(tx, case_id),
        await queries.steps(tx, case_id),
    )


async def _ensure_of_others(tx: Transaction, case_id: UUID, staff: UUID | None) -> None:
    """Whom a case is about does not learn that there is one, whoever they are. Raises CaseNotFound."""
    if staff is not None and await queries.is_about(tx, case_id, staff):
        raise CaseNotFound


async def _lock(tx: Transaction, case_id: UUID) -> State:
    await queries.one_at_a_time(tx)
    state = await queries.lock(tx, case_id)
    if state is None:
        raise CaseNotFound
    return state


async def _note(
    tx: Transaction,
    app: Adapters,
    act: Act,
    case_id: UUID,
    *,
    staff: UUID | None,
    origin: Origin | None,
    word: str | None = None,
) -> None:
    details = {"case": ids.encode(ids.CASE, case_id)} | ({"word": word} if word else {})
    await audit.note(tx, app, act, actor=staff, origin=origin, details=details)
