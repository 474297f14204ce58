"""Keys in the database: remembered with their transaction, once, and long enough."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy.exc import IntegrityError

from tests.conftest import World
from venmo_api.adapters.postgres import Transaction
from venmo_api.idempotency import jobs
from venmo_api.idempotency import service as idempotency
from venmo_api.idempotency.rules import Claim, Known, Reply

AT = datetime(2026, 11, 20, tzinfo=UTC)


def _claim(*, user: UUID | None = None, route: str = "pay", key: str = "some-key", at: datetime = AT) -> Claim:
    return Claim(user or uuid4(), route, key, (b"asked",), at)


async def _remember(world: World, claims: Sequence[Claim], replies: Sequence[Reply | None]) -> None:
    await world.app.database.transact(idempotency.remember, claims, replies)


async def _known(world: World, *claims: Claim) -> dict[tuple[UUID, str, str], Known]:
    return await world.app.database.read(idempotency.known, claims)


async def test_what_is_remembered_is_known_by_its_scope_alone(world: World) -> None:
    claim = _claim()
    body = bytes(range(256))
    await _remember(world, [claim], [Reply(201, body)])
    assert await _known(world, claim) == {claim.scope: Known(b"asked", Reply(201, body))}
    others = [_claim(), _claim(user=claim.user_id, route="top-up"), _claim(user=claim.user_id, key="some-Key")]
    assert await _known(world, *others) == {}


async def test_many_keys_are_remembered_and_asked_for_at_once_each_with_its_own_answer(world: World) -> None:
    claims = [_claim() for _ in range(5)]
    replies = [Reply(201, b"a"), Reply(402, b"b"), None, Reply(201, b""), None]
    await _remember(world, claims, replies)
    known = await _known(world, *claims, _claim())
    assert {scope: entry.reply for scope, entry in known.items()} == {
        claim.scope: reply for claim, reply in zip(claims, replies, strict=True)
    }


async def test_remembering_nothing_is_nothing(world: World) -> None:
    await _remember(world, [], [])


async def test_what_was_rolled_back_is_not_remembered(world: World) -> None:
    claim = _claim()

    async def work(tx: Transaction) -> None:
        await idempotency.remember(tx, [claim], [Reply(201, b"x")])
        raise LookupError

    with pytest.raises(LookupError):
        await world.app.database.transact(work)
    assert await _known(world, claim) == {}


async def test_a_key_cannot_be_remembered_twice(world: World) -> None:
    claim = _claim()
    await _remember(world, [claim], [Reply(201, b"first")])
    with pytest.raises(IntegrityError):
        await _remember(world, [claim], [Reply(201, b"second")])
    assert (await _known(world, claim))[claim.scope].reply == Reply(201, b"first")


async def test_an_operation_in_flight_gets_its_first_completion_and_keeps_it(world: World) -> None:
    claim = _claim()
    await _remember(world, [claim], [None])
    assert (await _known(world, claim))[claim.scope] == Known(b"asked", None)
    for body in (b"first", b"second"):
        await world.app.database.transact(idempotency.complete, claim, Reply(201, body))
    assert (await _known(world, claim))[claim.scope].reply == Reply(201, b"first")


async def test_answers_are_kept_at_least_24_hours_and_operations_in_flight_until_they_end(world: World) -> None:
    now = world.app.clock.now()
    fresh, old = _claim(at=now - timedelta(hours=24)), _claim(at=now - timedelta(days=400))
    in_flight = _claim(at=now - timedelta(days=400))
    await _remember(world, [fresh, old, in_flight], [Reply(201, b"x"), Reply(201, b"x"), None])
    assert await jobs.forget_old(world.app) >= 1
    assert set(await _known(world, fresh, old, in_flight)) == {fresh.scope, in_flight.scope}
