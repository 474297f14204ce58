"""Alerts: kept once however often they are found, and merged into one case a subject or ring."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.postgres import Transaction
from venmo_api.analytics import queries, rules
from venmo_api.analytics.rules import Disposition, Done, Finding, Raised, Source, State, Step


async def unknown(tx: Transaction, findings: Sequence[Finding]) -> list[Finding]:
    """Those of ``findings`` that are no alerts yet, each once."""
    once = {finding.alert_id: finding for finding in findings}
    known = await queries.known(tx, once)
    return [finding for name, finding in once.items() if name not in known]


async def keep(tx: Transaction, app: Adapters, findings: Sequence[Finding], *, source: Source) -> Raised:
    """Keep what was found in ``source``. What is known adds nothing; the rest goes to the cases of whom it is about:
    one for all who have an alert in common, merged where there were several, opened where there was none. A proposal
    to end a case does not stand once there is more to know."""
    await queries.one_at_a_time(tx)
    new = await unknown(tx, findings)
    raised = Raised(known=len({finding.alert_id for finding in findings}) - len(new))
    now = app.clock.now()
    for ring in rules.rings(new):
        numbers = {number for finding in ring for number in finding.numbers}
        cases = await queries.unfinished_about(tx, numbers)
        opened = not cases
        case_id = rules.oldest(cases) if cases else app.new_id()
        if opened:
            await queries.open_case(tx, case_id, at=now)
            await queries.step(tx, case_id, Done(Step.OPEN, now))
        for other in cases:
            if other != case_id:
                await _merge(tx, other, into=case_id, at=now)
        await queries.add_subjects(tx, case_id, ring)
        await queries.add_alerts(tx, case_id, ring, source=source, at=now)
        if not opened:
            await queries.step(tx, case_id, Done(Step.ALERT, now))
            await queries.move(tx, case_id, State.OPEN)
        await _judge_due(tx, app, case_id, at=now)
        raised = Raised(
            raised.alerts + len(ring), raised.known, raised.opened + opened, raised.merged + max(0, len(cases) - 1)
        )
    return raised


async def _merge(tx: Transaction, case_id: UUID, *, into: UUID, at: datetime) -> None:
    await queries.take(tx, case_id, into=into)
    merge = Disposition.MERGE
    await queries.move(tx, case_id, State.CLOSED, disposition=merge, closed_at=at, merged_into=into)
    await queries.step(tx, case_id, Done(Step.MERGE, at, disposition=merge))
    await queries.step(tx, into, Done(Step.JOIN, at))


async def _judge_due(tx: Transaction, app: Adapters, case_id: UUID, *, at: datetime) -> None:
    """From an amount on, there is a day by which somebody must have decided whether to report."""
    seen = [(payment.tx_id, payment.amount) for _, payment in await queries.payments(tx, case_id)]
    if rules.suspicious(seen, least=app.figures.suspicious_from):
        await queries.due(tx, case_id, at + timedelta(seconds=app.figures.filing_seconds))
