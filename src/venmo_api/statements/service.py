"""Statements of a person's account, each read in one snapshot; balances and transfers as of any moment."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.postgres import Transaction
from venmo_api.archive import past
from venmo_api.ledger.book import TICK
from venmo_api.ledger.history import AtHand, Moved, Stretch
from venmo_api.statements import queries, rules
from venmo_api.statements.rules import CashOut, Particulars, Payment, Period, State, Statement
from venmo_api.transfers.rules import Status, TransferNotFound
from venmo_api.users import service as users
from venmo_api.wallet import service as wallet


@dataclass(frozen=True, slots=True)
class Begun:
    """A statement of which a part is in the archive: what Postgres said, as of one moment."""

    known: AtHand
    manifests: Sequence[Any]
    year_to_date_fees: int


async def statement(app: Adapters, user_id: UUID, period: Period) -> Statement:
    """What moved the person's balance in the period, wherever it lies: one moment of the ledger.

    Raises TooManyEntries, HistoryCold, and Unavailable when a part is in S3, which does not answer.
    """
    begun = await app.database.read(begin, app, user_id, period)
    if isinstance(begun, Statement):
        return begun
    stretch = await past.whole(app, begun.known, begun.manifests, most=rules.LINES_MOST)
    return await app.database.read(_told, app, user_id, period, stretch, begun.year_to_date_fees)


async def begin(tx: Transaction, app: Adapters, user_id: UUID, period: Period) -> Statement | Begun:
    """The statement, or what it lacks. Payments may run meanwhile, and history may be moved: all of it is read as of
    one moment."""
    await past.begin(tx)
    known, manifests = await past.at_hand(tx, user_id, start=period.start, end=period.end, most=rules.LINES_MOST)
    fees = await queries.fees(tx, user_id, start=period.year, end=period.end)
    if known.stretch is None:
        return Begun(known, manifests, fees)
    return await _told(tx, app, user_id, period, known.stretch, fees)


async def balance_at(app: Adapters, user_id: UUID, at: datetime) -> int:
    """Cents, posted: once all that happened up to and at ``at`` had happened; 0 for an account not yet made.

    Raises HistoryCold and Unavailable.
    """
    known, manifests = await app.database.read(_balance, user_id, at + TICK)
    return (known.stretch or await past.whole(app, known, manifests, most=rules.LINES_MOST)).closing


async def _balance(tx: Transaction, user_id: UUID, moment: datetime) -> tuple[AtHand, Sequence[Any]]:
    await past.begin(tx)
    return await past.at_hand(tx, user_id, start=moment, end=moment, most=rules.LINES_MOST)


async def _told(
    tx: Transaction, app: Adapters, user_id: UUID, period: Period, stretch: Stretch, year_to_date_fees: int
) -> Statement:
    """What happened, with who and what it was for: that stays in Postgres, and is settled."""
    particulars = await _particulars(tx, app, user_id, stretch.entries)
    owner = particulars.people[user_id]
    return Statement(
        owner=owner,
        period=period,
        opening=stretch.opening,
        lines=tuple(
            rules.line(
                entry.transaction_id,
                entry.kind,
                amount=entry.amount,
                balance=entry.balance_after,
                at=entry.at,
                owner=owner,
                particulars=particulars,
            )
            for entry in stretch.entries
        ),
        closing=stretch.closing,
        year_to_date_fees=year_to_date_fees,
    )


async def states(tx: Transaction, user_id: UUID, transfer_id: UUID) -> list[State]:
    """Each state one of the person's transfers went through. Raises TransferNotFound."""
    await queries.freeze(tx)
    row = await queries.transfer(tx, transfer_id, user_id)
    if row is None:
        raise TransferNotFound
    refunds = [(refund.at, refund.amount) for refund in await queries.refunds(tx, transfer_id)]
    return rules.states(
        Status(row.status),
        created_at=row.created_at,
        ended_at=row.ended_at,
        refunds=refunds,
        waited=Status(row.waited),
    )


async def _particulars(tx: Transaction, app: Adapters, user_id: UUID, entries: Sequence[Moved]) -> Particulars:
    of_kind: dict[str, list[UUID]] = defaultdict(list)
    for entry in entries:
        of_kind[entry.kind].append(entry.transaction_id)
    payments = {
        row.id: Payment(row.sender_id, row.recipient_id, row.note, row.fee, row.seller_fee, row.is_charge)
        for row in await queries.payments(tx, of_kind["transfer"] + of_kind["refund"])
    }
    sources = await queries.sources(
        tx, user_id, fundings=of_kind["funding"], top_ups=of_kind["top_up"], cash_outs=of_kind["cash_out"]
    )
    named = (
        {one.id: f"{one.label} *{one.last4}" for one in await wallet.sources_of(tx, app, user_id)} if sources else {}
    )
    cash_outs = await queries.cash_outs(tx, of_kind["cash_out"])
    people = {user_id} | {person for paid in payments.values() for person in (paid.sender_id, paid.recipient_id)}
    return Particulars(
        payments=payments,
        cash_outs={row.id: CashOut(row.fee, row.is_instant) for row in cash_outs},
        sources={row.id: named[row.source_id] for row in sources},
        people={person: party.card for person, party in (await users.parties(tx, people)).items()},
    )
