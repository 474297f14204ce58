"""Asking a bank between two transactions.

What the bank is asked for is written down first, under the id that is the bank's reference, and its key is in flight.
The bank is asked outside of any transaction; then its answer is kept. So a crash in between loses nothing: a job asks
again under the same reference, which the bank honours once. What the bank leaves pending is asked for again likewise.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Final, Protocol, TypeVar
from uuid import UUID

import structlog

from venmo_api.adapters.bank import BankAnswer
from venmo_api.adapters.postgres import Transaction
from venmo_api.core.errors import Unavailable
from venmo_api.idempotency import service as idempotency
from venmo_api.idempotency.rules import Claim, Reply

STUCK_AFTER: Final = timedelta(seconds=10)
ASK_AGAIN_AFTER: Final = timedelta(minutes=5)
STUCK_MOST: Final = 100
BANK_SECONDS = 8
log = structlog.get_logger()


class Asked(Protocol):
    @property
    def id(self) -> UUID: ...


T = TypeVar("T", bound=Asked)


async def ask(question: Awaitable[BankAnswer]) -> BankAnswer:
    """Raises Unavailable when the bank does not answer."""
    try:
        async with asyncio.timeout(BANK_SECONDS):
            return await question
    except TimeoutError:
        raise Unavailable("The bank does not answer; this stays pending, and we ask it again.") from None


async def conclude(tx: Transaction, claim: Claim, reply: Reply) -> Reply:
    """Give an operation in flight its reply; what is answered under the key from now on. Whoever came first decides:
    another process, or an earlier answer of the bank."""
    await idempotency.complete(tx, claim, reply)
    known = (await idempotency.known(tx, [claim])).get(claim.scope)
    return known.reply if known and known.reply else reply


async def ask_again(stuck: Sequence[T], carry_out: Callable[[T], Awaitable[BankAnswer]], *, what: str) -> int:
    """Ask for what is still pending; how many have ended. One whose bank does not answer holds up no other."""
    ended = 0
    for one in stuck:
        try:
            ended += await carry_out(one) is not BankAnswer.PENDING
        except Exception:
            log.exception("bank_did_not_answer", what=what, id=str(one.id))
    return ended
