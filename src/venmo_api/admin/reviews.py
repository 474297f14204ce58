"""What analysts see of risk and decide: held payments, cases, lists, snoozes, candidates. Each look and each verdict is
noted before it is answered."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.postgres import Transaction
from venmo_api.admin import queries
from venmo_api.admin.dossiers import Held, Listed, RiskCase, Ruling
from venmo_api.admin.rules import LabelExists, OwnPayment
from venmo_api.audit import service as audit
from venmo_api.audit.rules import Act, Details
from venmo_api.core import ids
from venmo_api.core.origin import Origin
from venmo_api.core.paging import Page, PageRequest, cut
from venmo_api.requests import service as requests
from venmo_api.risk import decisions, labels, lists, shadows
from venmo_api.risk.decisions import Logged
from venmo_api.risk.labels import Label, LabelSource
from venmo_api.risk.lists import Entry, List, ListReason, Snooze
from venmo_api.risk.rules import DecisionKind
from venmo_api.risk.shadows import Report, Shadow
from venmo_api.transfers import queries as transfer_queries
from venmo_api.transfers import reviews
from venmo_api.transfers.review_rules import HeldVerdict, PaymentNotHeld, RiskCaseNotFound
from venmo_api.transfers.rules import Status
from venmo_api.users import service as users
from venmo_api.users.rules import UserNotFound

RECENT = PageRequest(limit=10)


async def queue(tx: Transaction, app: Adapters, page: PageRequest, *, actor: UUID, origin: Origin) -> Page[Held]:
    """What waits for a verdict, oldest first; nothing of the analyst's own."""
    await audit.note(tx, app, Act.READ_HELD_PAYMENTS, actor=actor, origin=origin)
    found = cut(
        await transfer_queries.held(tx, page, now=app.clock.now(), reader=actor), page.limit, lambda row: row.id
    )
    logged = await decisions.of(tx, [row.id for row in found.rows])
    cards = await users.parties(tx, {one for row in found.rows for one in (row.sender_id, row.recipient_id) if one})
    held = [
        Held(
            row.id,
            row.amount,
            row.currency,
            row.created_at,
            row.expires_at,
            cards[row.sender_id].card,
            cards[row.recipient_id].card if row.recipient_id else None,
            logged.get(row.id),
        )
        for row in found.rows
    ]
    return Page(held, found.next_cursor)


async def case(tx: Transaction, app: Adapters, transfer_id: UUID, *, actor: UUID, origin: Origin) -> RiskCase:
    """Raises RiskCaseNotFound, OwnPayment."""
    logged = await _decided(tx, transfer_id)
    sender, recipient = logged.sender_id, logged.recipient_id
    if actor in (sender, recipient):
        raise OwnPayment
    details = {"transfer": ids.encode(ids.TRANSFER, transfer_id)}
    await audit.note(tx, app, Act.READ_RISK_CASE, actor=actor, subject=sender, origin=origin, details=details)
    rows = await transfer_queries.by_ids(tx, [transfer_id])
    cards = await users.parties(tx, [sender, *([recipient] if recipient else [])])
    return RiskCase(
        logged=logged,
        status=Status(rows[0].status) if rows else None,
        expires_at=rows[0].expires_at if rows else None,
        sender=cards[sender].card,
        recipient=cards[recipient].card if recipient else None,
        labels=await labels.of(tx, [transfer_id]),
        snoozes=await lists.snoozed(tx, sender, now=app.clock.now()),
        recent_of_sender=await _recent(tx, sender, reader=actor),
        recent_of_recipient=await _recent(tx, recipient, reader=actor) if recipient else [],
    )


async def decide(
    tx: Transaction, app: Adapters, transfer_id: UUID, verdict: HeldVerdict, *, actor: UUID, origin: Origin
) -> Ruling:
    """Release a held payment or give it back, and keep why as a label; the same analyst's same verdict again is
    answered the same.

    Raises RiskCaseNotFound, OwnPayment, PaymentNotHeld, RecipientGone and RequestNotPending.
    """
    row = await reviews.find(tx, transfer_id)
    if actor in (row.sender_id, row.recipient_id):
        raise OwnPayment
    label = Label(transfer_id, LabelSource.VERDICT, verdict is HeldVerdict.CANCEL, app.clock.now(), actor)
    try:
        step = requests.release if verdict is HeldVerdict.RELEASE else reviews.cancel
        ended = await step(tx, app, transfer_id)
    except PaymentNotHeld:
        before = await _said(tx, label)
        if before is None:
            raise
        return Ruling(transfer_id, Status((await reviews.find(tx, transfer_id)).status), before)
    await labels.note(tx, label)
    details = {"transfer": ids.encode(ids.TRANSFER, transfer_id), "verdict": verdict}
    await audit.note(
        tx, app, Act.DECIDE_HELD_PAYMENT, actor=actor, subject=row.sender_id, origin=origin, details=details
    )
    return Ruling(transfer_id, ended.status, label)


async def tell(
    tx: Transaction,
    app: Adapters,
    transfer_id: UUID,
    source: LabelSource,
    *,
    fraud: bool,
    actor: UUID,
    origin: Origin,
) -> Sequence[Label]:
    """Keep what a bank said of a payment, also long after; all that is known of it. The same again changes nothing.

    Raises RiskCaseNotFound, OwnPayment, LabelExists.
    """
    sender, recipient = await _parties(tx, transfer_id)
    if actor in (sender, recipient):
        raise OwnPayment
    label = Label(transfer_id, source, fraud, app.clock.now(), actor)
    if await labels.note(tx, label):
        details: Details = {"transfer": ids.encode(ids.TRANSFER, transfer_id), "source": source, "fraud": int(fraud)}
        await audit.note(tx, app, Act.LABEL_PAYMENT, actor=actor, subject=sender, origin=origin, details=details)
    known = await labels.of(tx, [transfer_id])
    if any(one.source is source and one.fraud is not fraud for one in known):
        raise LabelExists
    return known


async def decided(
    tx: Transaction,
    app: Adapters,
    page: PageRequest,
    *,
    person: UUID | None,
    verdict: str | None,
    actor: UUID,
    origin: Origin,
) -> Page[Logged]:
    """The decision log, newest payment first: all of it, or of a person, or of a verdict; nothing of the analyst's own.
    Raises OwnPayment."""
    if actor == person:
        raise OwnPayment
    await audit.note(tx, app, Act.READ_DECISIONS, actor=actor, subject=person, origin=origin)
    rows: Sequence[Any]
    if person is not None:
        rows = await queries.decided_of(tx, page, person)
    else:
        rows = await queries.decided(tx, page, verdict=verdict, reader=actor)
    found = cut([decisions.from_row(row) for row in rows], page.limit, lambda one: one.tx_id)
    others = [one for one in found.rows if actor not in (one.sender_id, one.recipient_id)]
    return Page(others, found.next_cursor)


async def snooze(
    tx: Transaction, app: Adapters, person: UUID, rule: str, *, sleeps: timedelta, actor: UUID, origin: Origin
) -> Snooze:
    """Let a rule not speak about somebody for a while. Raises UserNotFound, OwnPayment."""
    await users.card(tx, person)
    if actor == person:
        raise OwnPayment
    now = app.clock.now()
    snoozed = Snooze(person, rule, now + sleeps, actor, now)
    await lists.snooze(tx, snoozed)
    details: Details = {"rule": rule, "hours": int(sleeps.total_seconds()) // 3600}
    await audit.note(tx, app, Act.SNOOZE_RULE, actor=actor, subject=person, origin=origin, details=details)
    return snoozed


async def wake(tx: Transaction, app: Adapters, person: UUID, rule: str, *, actor: UUID, origin: Origin) -> None:
    """Let the rule speak again; one that does speaks on. Raises UserNotFound."""
    await users.card(tx, person)
    if await lists.wake(tx, person, rule):
        details = {"rule": rule}
        await audit.note(tx, app, Act.WAKE_RULE, actor=actor, subject=person, origin=origin, details=details)


async def listed(tx: Transaction, app: Adapters, page: PageRequest, *, actor: UUID, origin: Origin) -> Page[Listed]:
    """Who stands on a list, newest first."""
    await audit.note(tx, app, Act.READ_BLOCKLIST, actor=actor, origin=origin)
    found = cut(await lists.entries(tx, page), page.limit, lambda entry: entry.id)
    cards = await users.parties(tx, {entry.user_id for entry in found.rows if entry.user_id})
    rows = [Listed(entry, cards[entry.user_id].card if entry.user_id else None) for entry in found.rows]
    return Page(rows, found.next_cursor)


async def block(
    tx: Transaction,
    app: Adapters,
    subject: UUID | tuple[str, str],
    *,
    on: List,
    reason: ListReason,
    actor: UUID,
    origin: Origin,
) -> Listed:
    """Put a person on a list, or a contact that nobody has proved; who stands there already stays as they are.

    Raises UserNotFound, OwnPayment, KeyAway.
    """
    person, contact = subject if isinstance(subject, UUID) else None, None
    if isinstance(subject, tuple):
        person = (await users.find(tx, app, [subject])).get(subject)
        if person is None and subject[0] != "username":
            contact = app.keys.index(*subject)
    if person is None and contact is None:
        raise UserNotFound
    card = await users.card(tx, person) if person else None
    if actor == person:
        raise OwnPayment
    made = Entry(app.new_id(), on, person, contact, reason, actor, app.clock.now())
    entry = await lists.add(tx, made)
    if entry is made:
        details = {"entry": ids.encode(ids.LISTED, entry.id), "list": on, "reason": reason}
        await audit.note(tx, app, Act.ADD_TO_BLOCKLIST, actor=actor, subject=person, origin=origin, details=details)
    return Listed(entry, card)


async def unblock(tx: Transaction, app: Adapters, entry_id: UUID, *, actor: UUID, origin: Origin) -> None:
    """Raises EntryNotFound, OwnPayment."""
    entry = await lists.remove(tx, entry_id)
    if actor == entry.user_id:
        raise OwnPayment
    details = {"entry": ids.encode(ids.LISTED, entry.id), "list": entry.list}
    await audit.note(
        tx, app, Act.REMOVE_FROM_BLOCKLIST, actor=actor, subject=entry.user_id, origin=origin, details=details
    )


async def candidates(tx: Transaction, app: Adapters, *, actor: UUID, origin: Origin) -> list[Shadow]:
    """The policies that run in shadow, by name."""
    await audit.note(tx, app, Act.READ_SHADOWS, actor=actor, origin=origin)
    return await shadows.every(tx)


async def report(tx: Transaction, app: Adapters, name: str, *, actor: UUID, origin: Origin) -> Report:
    """What a candidate would have changed so far. Raises ShadowNotFound."""
    await audit.note(tx, app, Act.READ_SHADOWS, actor=actor, origin=origin, details={"name": name})
    return await shadows.report(tx, name)


async def _decided(tx: Transaction, transfer_id: UUID) -> Logged:
    logged = await decisions.find(tx, transfer_id)
    if logged is None or logged.facts.kind is not DecisionKind.PAYMENT:
        raise RiskCaseNotFound
    return logged


async def _parties(tx: Transaction, transfer_id: UUID) -> tuple[UUID, UUID | None]:
    """Who paid whom, or wanted to, also once the decision is in the archive. Raises RiskCaseNotFound."""
    rows = await transfer_queries.by_ids(tx, [transfer_id])
    judged = [row for row in rows if row.refund_of is None and row.hold_id is None]  # a capture was, as its hold
    found = judged[0] if judged else await _decided(tx, transfer_id)
    return found.sender_id, found.recipient_id


async def _recent(tx: Transaction, person: UUID, *, reader: UUID) -> Sequence[Logged]:
    rows = await queries.decided_of(tx, RECENT, person)
    recent = [decisions.from_row(row) for row in rows[: RECENT.limit]]
    return [one for one in recent if reader not in (one.sender_id, one.recipient_id)]


async def _said(tx: Transaction, label: Label) -> Label | None:
    """The verdict this analyst gave before, if it is the same."""
    known = await labels.of(tx, [label.tx_id])
    return next((one for one in known if one == replace(label, at=one.at)), None)
