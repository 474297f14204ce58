"""Note what is done, in the transaction that does it; chain what was noted; read it."""

from collections.abc import Collection
from uuid import UUID

import structlog

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.postgres import Transaction
from venmo_api.audit import queries, rules
from venmo_api.audit.rules import NOTHING, Act, Details, Entry, Result
from venmo_api.core.origin import Origin
from venmo_api.core.paging import Page, PageRequest, cut

CHAINED_AT_ONCE = 1_000
log = structlog.get_logger()


async def note(
    tx: Transaction,
    app: Adapters,
    act: Act,
    *,
    actor: UUID | None = None,
    subject: UUID | None = None,
    result: Result = Result.OK,
    origin: Origin | None = None,
    details: Details = NOTHING,
) -> None:
    """Keep that ``actor`` (None: nobody known, or the operator) did this to ``subject``. It is kept if and only if
    the transaction commits: a refusal that raises is noted in a transaction of its own, or returned.

    Raises ValueError for details that are not ids, numbers or words: nothing that a person wrote is kept here.
    """
    entry = Entry(
        id=app.new_id(),
        at=app.wall_clock.now(),
        act=act,
        result=result,
        actor_id=actor,
        subject_id=subject,
        network=origin.network if origin else None,
        agent=origin.agent if origin else None,
        details=rules.words_only(details),
    )
    await queries.insert(tx, entry)


async def chain(tx: Transaction) -> int:
    """Give committed entries their places in the chain; how many. Whoever comes second at the same time does nothing.

    Places are given after the commit, by one process at a time, so that no sign-in ever waits for another one.
    """
    if not await queries.lock(tx):
        return 0
    last = await queries.head(tx)
    rows = await queries.unchained(tx, most=CHAINED_AT_ONCE)
    if not rows:
        return 0
    links = []
    for row in rows:
        last = rules.follow(last, row.document)
        links.append(last)
    await queries.chain(tx, [row.id for row in rows], links)
    # The log of the process is kept elsewhere: what it says of the head, nobody can change here.
    log.info("audit_chained", position=last.position, head=last.hash.hex())
    return len(rows)


async def entries(
    tx: Transaction,
    page: PageRequest,
    *,
    subject: UUID | None = None,
    actor: UUID | None = None,
    hidden: Collection[Act] = (),
) -> Page[Entry]:
    """What was done to ``subject`` or by ``actor``, or all, but for ``hidden`` acts, newest first: what Postgres still
    holds."""
    rows = await queries.entries(tx, page, subject_id=subject, actor_id=actor, hidden=hidden)
    return cut([Entry(*row) for row in rows], page.limit, lambda entry: entry.id)
