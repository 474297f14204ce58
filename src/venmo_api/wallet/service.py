"""Balances and funding sources."""

from uuid import UUID

from venmo_api.adapters.bank import BankSource
from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.postgres import Transaction
from venmo_api.audit import service as audit
from venmo_api.audit.rules import Act
from venmo_api.core import ids
from venmo_api.core.origin import Origin
from venmo_api.core.paging import Page, PageRequest, cut
from venmo_api.crypto import service as crypto
from venmo_api.ledger import service as ledger
from venmo_api.wallet import queries
from venmo_api.wallet.rules import FundingSourceNotFound, FundingSourceTypeWrong, Source, SourceType, Wallet


async def wallet(tx: Transaction, user_id: UUID) -> Wallet:
    balance = await ledger.balance(tx, user_id)
    return Wallet(balance.available, await queries.pending_amount(tx, user_id), balance.on_hold, balance.debt)


async def add_source(
    tx: Transaction,
    app: Adapters,
    user_id: UUID,
    *,
    type: SourceType | None,
    token: str,
    known_as: BankSource,
    origin: Origin,
) -> Source:
    """Keep a funding source whose token the bank has described. Raises FundingSourceTypeWrong."""
    real_type = SourceType(known_as.type)
    if type not in (None, real_type):
        raise FundingSourceTypeWrong(real_type)
    source = Source(app.new_id(), real_type, token, known_as.label, known_as.last4, app.clock.now())
    await queries.insert_source(tx, user_id, source, sealer=await crypto.ensure(tx, app, user_id))
    details = {"source": ids.encode(ids.FUNDING_SOURCE, source.id), "type": real_type}
    await audit.note(tx, app, Act.ADD_FUNDING_SOURCE, actor=user_id, subject=user_id, origin=origin, details=details)
    return source


async def source(tx: Transaction, app: Adapters, source_id: UUID, user_id: UUID) -> Source:
    """One of the user's own. Raises FundingSourceNotFound."""
    row = await queries.source(tx, source_id, user_id)
    if row is None:
        raise FundingSourceNotFound
    return queries.source_of(app.keys, row)


async def sources(tx: Transaction, app: Adapters, user_id: UUID, page: PageRequest) -> Page[Source]:
    rows = await queries.sources(tx, user_id, page)
    return cut([queries.source_of(app.keys, row) for row in rows], page.limit, lambda source: source.id)


async def sources_of(tx: Transaction, app: Adapters, user_id: UUID) -> list[Source]:
    """All of a person's."""
    return [queries.source_of(app.keys, row) for row in await queries.all_sources(tx, user_id)]
