"""Remember answers in the money transaction, and find them again.

The caller locks the payer's ledger account before asking ``known``. That lock is the mutex of all the payer's keys:
two requests under one key can never both find it new. The primary key is the second check.
"""

from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

import orjson

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.keys import Sealer
from venmo_api.adapters.postgres import Transaction
from venmo_api.core.errors import AppError
from venmo_api.crypto import service as crypto
from venmo_api.idempotency import queries
from venmo_api.idempotency.rules import SEALED, Claim, Known, Reply, is_key, judge

PLACE = ("idempotency_keys", "body")


async def known(tx: Transaction, claims: Sequence[Claim]) -> dict[tuple[UUID, str, str], Known]:
    """What earlier requests left under these keys, by scope; new keys are absent."""
    return {
        (user_id, route, key): Known(fingerprint, None if status is None else Reply(status, body))
        for user_id, route, key, fingerprint, status, body in await queries.seen(tx, claims)
    }


async def replayed(tx: Transaction, claim: Claim) -> Reply | None:
    """What was answered under this key before; None: the key is new. The account of its owner is open.

    Raises IdempotencyKeyReused, OperationInFlight.
    """
    bound = judge(claim, (await known(tx, [claim])).get(claim.scope))
    if isinstance(bound, AppError):
        raise bound
    return bound


@dataclass(frozen=True, slots=True)
class Operation:
    """What a request left under its key. No reply: it is in flight."""

    route: str
    reply: Reply | None


async def operation(tx: Transaction, app: Adapters, user_id: UUID, key: str) -> Operation | None:
    """The newest operation of a user under a key, or None. Not to be asked of a replica, which may not know yet."""
    row = await queries.by_key(tx, user_id, key) if is_key(key) else None
    if row is None or row.status is None:
        return row and Operation(row.route, None)
    return Operation(row.route, await opened(tx, app, (user_id, row.route, key), Reply(row.status, row.body)))


async def remember(tx: Transaction, claims: Sequence[Claim], replies: Sequence[Reply | None]) -> None:
    """Keep each claim with its reply; None marks an operation that has begun and not ended."""
    if claims:
        await queries.insert(tx, claims, replies)


async def sealed(tx: Transaction, app: Adapters, replies: Sequence[tuple[Claim, Reply]]) -> list[Reply]:
    """The replies as they are kept: an address in one is sealed under the key of who asked. Raises KeyAway."""
    sealers = await crypto.held(tx, app, [claim.user_id for claim, reply in replies if reply.address is not None])
    return [
        reply if reply.address is None else _sealed(sealers[claim.user_id], claim, reply) for claim, reply in replies
    ]


async def opened(tx: Transaction, app: Adapters, scope: tuple[UUID, str, str], reply: Reply) -> Reply:
    """A reply as it was sent, byte for byte. Raises KeyAway."""
    if not reply.is_sealed:
        return reply
    user_id, route, key = scope
    sealer = (await crypto.of(tx, app, [user_id]))[user_id]
    before, _, rest = reply.body.partition(SEALED)
    token, _, after = rest.partition(b'"')
    address = sealer.unseal(*PLACE, f"{route} {key}", b64decode(token))
    return replace(reply, body=before + b'"value":' + orjson.dumps(address) + after)


def _sealed(sealer: Sealer, claim: Claim, reply: Reply) -> Reply:
    token = b64encode(sealer.seal(*PLACE, f"{claim.route} {claim.key}", reply.address or ""))
    shown = b'"value":' + orjson.dumps(reply.address)
    return replace(reply, body=reply.body.replace(shown, SEALED + token + b'"', 1), address=None)


async def complete(tx: Transaction, claim: Claim, reply: Reply) -> None:
    """Give an operation in flight its reply. The first completion stays."""
    await queries.complete(tx, claim, reply)
