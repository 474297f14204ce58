"""Dry runs: the real work in a transaction that is rolled back, and what it would have changed."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Concatenate, ParamSpec
from uuid import UUID

import orjson

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.postgres import Transaction
from venmo_api.core.errors import AppError
from venmo_api.idempotency.rules import Reply
from venmo_api.ledger import service as ledger
from venmo_api.ledger.service import Balance
from venmo_api.limits import service as limits
from venmo_api.limits.rules import Standing

P = ParamSpec("P")
Work = Callable[Concatenate[Transaction, P], Awaitable[Reply | AppError]]


async def rehearse(app: Adapters, user_id: UUID, work: Work[P], /, *args: P.args, **kwargs: P.kwargs) -> Reply:
    """What ``work`` would answer and change for ``user_id``; nothing is kept, no key is burned.

    Answered 200 with the answer (which tells fees and funding), the balances and the limits before and after. A refusal
    is answered, or raised, as it would be.
    """
    return await app.database.rehearse(_rehearsed, app, user_id, lambda tx: work(tx, *args, **kwargs))


async def _rehearsed(
    tx: Transaction, app: Adapters, user_id: UUID, work: Callable[[Transaction], Awaitable[Reply | AppError]]
) -> Reply:
    balance, standings = await ledger.balance(tx, user_id), await limits.standings(tx, app, user_id)
    reply = await work(tx)
    if isinstance(reply, AppError):
        raise reply
    if reply.status >= 400:
        return reply
    document = {
        "dry_run": True,
        "status": reply.status,
        "answer": orjson.loads(reply.body),
        "balances": {"before": _balances(balance), "after": _balances(await ledger.balance(tx, user_id))},
        "limits": _effect(standings, await limits.standings(tx, app, user_id)),
    }
    return Reply(200, orjson.dumps(document))


def _balances(balance: Balance) -> dict[str, int]:
    return {"available": balance.available, "on_hold": balance.on_hold, "debt": balance.debt}


def _effect(before: Sequence[Standing], after: Sequence[Standing]) -> list[dict[str, Any]]:
    return [
        {"limit": one.flow, "left_before": one.left, "left_after": other.left}
        for one, other in zip(before, after, strict=True)
    ]
