"""The outbox: what was committed is delivered at least once, by any number of relays, and nothing stands in its way."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from tests.conftest import World
from venmo_api.adapters.postgres import Contended, Transaction
from venmo_api.core.errors import Unavailable
from venmo_api.core.events import Event, FriendshipEnded, ProfileChanged, TransferSettled, UserSignedUp
from venmo_api.outbox import queries, rules, service
from venmo_api.outbox.relay import BATCH_MOST, Relay

SHORT = timedelta(seconds=0.6)


class Died(BaseException):
    """The process ends: nothing catches this."""


class Recorder:
    """A subscriber that writes down what it is given, and fails when told to."""

    def __init__(self, trouble: Callable[[Sequence[Event]], Awaitable[None]] | None = None) -> None:
        self.batches: list[list[UUID]] = []
        self._trouble = trouble

    @property
    def seen(self) -> list[UUID]:
        return [one for batch in self.batches for one in batch]

    async def __call__(self, events: Sequence[Event]) -> None:
        self.batches.append([event.user_id for event in events])  # type: ignore[union-attr]
        if self._trouble:
            await self._trouble(events)


def relay(world: World, *, patience: dict[str, timedelta] | None = None, **handlers: Any) -> Relay:
    kinds = {"changed": ProfileChanged, "signed_up": UserSignedUp, "ended": FriendshipEnded}
    subscriptions = {kinds[name]: (handler,) for name, handler in handlers.items()}
    return Relay(world.app.database, world.app.clock, subscriptions, **patience or {})


async def emit(world: World, *people: UUID, kind: type[Any] = ProfileChanged) -> None:
    events = [kind(person, world.clock.now()) for person in people]
    await world.app.database.transact(service.emit, events, new_id=world.app.new_id)


async def queue(world: World) -> list[Any]:
    async def rows(tx: Transaction) -> list[Any]:
        found = await tx.execute(text("SELECT * FROM outbox_queue ORDER BY position"))
        return list(found.all())

    return await world.app.database.read(rows)


async def _until_drained(events: Relay, count: int) -> None:
    async with asyncio.timeout(10):
        while count > 0:
            count -= await events.drain()
            await asyncio.sleep(0.02)


def failing(error: Exception, *people: UUID) -> Callable[[Sequence[Event]], Awaitable[None]]:
    async def trouble(events: Sequence[Event]) -> None:
        if any(event.user_id in people for event in events):  # type: ignore[union-attr]
            raise error

    return trouble


async def test_an_event_of_a_transaction_that_rolled_back_never_was(fresh: World) -> None:
    person = uuid4()

    async def work(tx: Transaction) -> None:
        await service.emit(tx, [ProfileChanged(person, fresh.clock.now())], new_id=fresh.app.new_id)
        raise KeyError

    with pytest.raises(KeyError):
        await fresh.app.database.transact(work)
    recorder = Recorder()
    assert await relay(fresh, changed=recorder).drain() == 0
    assert recorder.batches == []


async def test_an_event_is_not_delivered_before_its_transaction_commits(fresh: World) -> None:
    person, recorder = uuid4(), Recorder()

    async def work(tx: Transaction) -> None:
        await service.emit(tx, [ProfileChanged(person, fresh.clock.now())], new_id=fresh.app.new_id)
        assert await relay(fresh, changed=recorder).drain() == 0

    await fresh.app.database.transact(work)
    assert await relay(fresh, changed=recorder).drain() == 1
    assert recorder.seen == [person]


async def test_an_event_arrives_as_it_was_emitted(fresh: World) -> None:
    seen: list[Event] = []

    async def keep(events: Sequence[Event]) -> None:
        seen.extend(events)

    sent = TransferSettled(uuid4(), uuid4(), uuid4(), 2**40, "USD", 'é"\\🍕\u2028', "public", fresh.clock.now())
    await fresh.app.database.transact(service.emit, [sent], new_id=fresh.app.new_id)
    await Relay(fresh.app.database, fresh.app.clock, {TransferSettled: (keep,)}).drain()
    assert seen == [sent]


async def test_events_come_in_batches_in_the_order_they_were_queued_to_every_subscriber(fresh: World) -> None:
    people = [uuid4() for _ in range(BATCH_MOST + 3)]
    await emit(fresh, *people)
    first, second = Recorder(), Recorder()
    both = Relay(fresh.app.database, fresh.app.clock, {ProfileChanged: (first, second)})
    assert await both.deliver() == BATCH_MOST
    assert await both.drain() == 3
    assert first.seen == second.seen == people
    assert len(first.batches) == 2
    assert await queue(fresh) == []


async def test_an_event_nobody_wants_is_done_with_and_stays_in_the_log(fresh: World) -> None:
    person = uuid4()
    await emit(fresh, person)
    assert await relay(fresh).drain() == 1
    assert await queue(fresh) == []

    async def logged(tx: Transaction) -> int:
        statement = text("SELECT count(*) FROM events WHERE payload ->> 'user_id' = :id")
        found = await tx.execute(statement, {"id": str(person)})
        return int(found.scalar_one())

    assert await fresh.app.database.read(logged) == 1


async def test_one_that_fails_waits_longer_each_time_and_is_parked_while_its_neighbours_get_through(
    fresh: World,
) -> None:
    bad, good = uuid4(), [uuid4() for _ in range(4)]
    await emit(fresh, *good[:2], bad, *good[2:])
    recorder = Recorder(failing(ValueError("secret detail"), bad))
    events = relay(fresh, changed=recorder)
    await events.deliver()
    assert set(good) <= {batch[0] for batch in recorder.batches if len(batch) == 1}
    waits = []
    for attempt in range(1, rules.ATTEMPTS_MOST):
        (left,) = await queue(fresh)
        assert (left.attempts, left.parked, left.last_error) == (attempt, False, "ValueError")
        waits.append((left.due_at - fresh.clock.now()).total_seconds())
        assert await events.deliver() == 0, "not before it is due"
        fresh.clock.advance(left.due_at - fresh.clock.now() + timedelta(milliseconds=1))
        assert await events.deliver() == 1
    assert all(later > earlier for earlier, later in pairwise(waits) if later < 299)
    assert max(waits) <= 300
    (left,) = await queue(fresh)
    assert (left.attempts, left.parked) == (rules.ATTEMPTS_MOST, True)
    fresh.clock.advance(timedelta(days=7))
    assert await events.drain() == 0


async def test_what_is_parked_is_counted_and_may_be_sent_again(fresh: World) -> None:
    bad = uuid4()
    await emit(fresh, bad)
    events = relay(fresh, changed=Recorder(failing(ValueError(), bad)))
    for _ in range(rules.ATTEMPTS_MOST):
        await events.deliver()
        fresh.clock.advance(timedelta(minutes=10))
    told = await fresh.app.database.read(queries.backlog)
    assert (told.waiting, told.parked) == (0, 1)
    assert await fresh.app.database.transact(queries.unpark, now=fresh.clock.now()) == 1
    recorder = Recorder()
    assert await relay(fresh, changed=recorder).drain() == 1
    assert recorder.seen == [bad]


async def test_what_is_away_postpones_without_blame(fresh: World) -> None:
    person = uuid4()
    await emit(fresh, person)
    events = relay(fresh, changed=Recorder(failing(Unavailable("away"), person)))
    for _ in range(3 * rules.ATTEMPTS_MOST):
        await events.drain()
        fresh.clock.advance(timedelta(minutes=5))
    (left,) = await queue(fresh)
    assert (left.attempts, left.parked) == (0, False)
    recorder = Recorder()
    await relay(fresh, changed=recorder).drain()
    assert recorder.seen == [person]


async def test_what_is_away_is_no_blame_either_beside_an_event_that_cannot_be_delivered(fresh: World) -> None:
    bad, good = uuid4(), uuid4()
    await emit(fresh, bad)
    await emit(fresh, good, kind=UserSignedUp)
    events = relay(
        fresh,
        changed=Recorder(failing(ValueError(), bad)),
        signed_up=Recorder(failing(Unavailable("away"), good)),
    )
    for _ in range(rules.ATTEMPTS_MOST + 2):
        await events.deliver()
        fresh.clock.advance(timedelta(minutes=10))
    left = {row.attempts: row.parked for row in await queue(fresh)}
    assert left == {rules.ATTEMPTS_MOST: True, 0: False}


async def test_an_event_this_version_cannot_read_does_not_stop_the_others(fresh: World) -> None:
    person = uuid4()

    async def newer(tx: Transaction) -> None:
        unreadable = (("SomethingNewer", '{"at": 1}'), ("ProfileChanged", '{"who": "?"}'))
        columns = {
            "ids": [uuid4() for _ in unreadable],
            "topics": [topic for topic, _ in unreadable],
            "payloads": [payload for _, payload in unreadable],
            "moments": [fresh.clock.now() for _ in unreadable],
            "subjects": [person for _ in unreadable],
        }
        await queries.insert(tx, columns)

    await fresh.app.database.transact(newer)
    await emit(fresh, person)
    recorder = Recorder()
    await relay(fresh, changed=recorder).deliver()
    assert recorder.seen == [person]
    assert len(await queue(fresh)) == 2, "kept for a version that can read them"


async def test_two_relays_share_the_queue_without_double_work(fresh: World) -> None:
    people = [uuid4() for _ in range(3 * BATCH_MOST)]
    await emit(fresh, *people)
    gate = asyncio.Event()

    async def wait(events: Sequence[Event]) -> None:
        await gate.wait()

    one, other = Recorder(wait), Recorder()
    first = asyncio.create_task(relay(fresh, changed=one).deliver())
    async with asyncio.timeout(5):
        while not one.batches:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        assert await relay(fresh, changed=other).drain() == 2 * BATCH_MOST
        gate.set()
        assert await first == BATCH_MOST
    assert sorted(one.seen + other.seen) == sorted(people)
    assert await queue(fresh) == []


@pytest.mark.parametrize("death", [asyncio.CancelledError, Died])
async def test_no_event_is_lost_when_a_relay_dies_in_the_middle_of_a_delivery(
    fresh: World, death: type[BaseException]
) -> None:
    people = [uuid4() for _ in range(5)]
    await emit(fresh, *people)

    async def die(events: Sequence[Event]) -> None:
        raise death

    with pytest.raises(death):
        await relay(fresh, patience={"lease": SHORT}, changed=Recorder(die)).deliver()
    recorder = Recorder()
    assert await relay(fresh, changed=recorder).drain() == 0, "nobody else's before the lease is over"
    await _until_drained(relay(fresh, changed=recorder), 5)
    assert recorder.seen == people


async def test_no_transaction_is_open_and_no_row_locked_while_an_event_is_handled(fresh: World) -> None:
    await emit(fresh, uuid4())
    found: list[Any] = []

    async def look(events: Sequence[Event]) -> None:
        async with fresh.app.database.engine.connect() as connection:
            await connection.exec_driver_sql("SET ROLE NONE")
            others = "datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
            open_ones = f"SELECT state FROM pg_stat_activity WHERE {others} AND (xact_start IS NOT NULL)"
            found.extend((await connection.exec_driver_sql(open_ones)).scalars())
            await connection.exec_driver_sql("SELECT 1 FROM outbox_queue FOR UPDATE NOWAIT")

    recorder = Recorder(look)
    assert await relay(fresh, changed=recorder).deliver() == 1
    assert len(recorder.batches) == 1
    assert found == []


async def test_a_relay_whose_sessions_end_in_the_middle_delivers_once(fresh: World) -> None:
    person = uuid4()
    await emit(fresh, person)

    async def cut(events: Sequence[Event]) -> None:
        async with fresh.app.database.engine.connect() as connection:
            await connection.exec_driver_sql("SET ROLE NONE")
            ended = await connection.exec_driver_sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
                " AND pid <> pg_backend_pid()"
            )
            assert ended.scalars().all()
            await connection.invalidate()

    recorder = Recorder(cut)
    for _ in range(3):
        await asyncio.gather(*(fresh.app.database.read(queries.backlog) for _ in range(3)))  # several sessions
    assert await relay(fresh, changed=recorder).drain() == 1
    assert recorder.seen == [person]
    assert await queue(fresh) == []


def test_the_waits_double_from_half_a_second_to_five_minutes() -> None:
    waits = [rules.back_off(attempt).total_seconds() for attempt in range(1, rules.ATTEMPTS_MOST + 1)]
    assert waits[:4] == [0.5, 1, 2, 4]
    assert waits == sorted(waits)
    assert waits[-1] == 300
    assert not rules.is_hopeless(rules.ATTEMPTS_MOST - 1)
    assert rules.is_hopeless(rules.ATTEMPTS_MOST)


async def test_a_statement_that_takes_too_long_is_the_fault_of_its_event_alone(fresh: World) -> None:
    slow, innocent = uuid4(), uuid4()
    await emit(fresh, slow, innocent)
    recorder = Recorder(failing(Contended("too long"), slow))
    for _ in range(rules.ATTEMPTS_MOST):
        await relay(fresh, changed=recorder).deliver()
        fresh.clock.advance(timedelta(minutes=6))
    assert [innocent] in recorder.batches
    (left,) = await queue(fresh)
    assert (left.subject_id, left.parked, left.attempts) == (slow, True, rules.ATTEMPTS_MOST)


async def test_what_somebody_did_is_found_while_it_waits_and_not_after(fresh: World) -> None:
    person, other = uuid4(), uuid4()
    await emit(fresh, person, other)

    async def waiting(tx: Transaction) -> list[Event]:
        return await service.pending(tx, ProfileChanged, subject_id=person, most=10)

    assert [event.subject_id for event in await fresh.app.database.read(waiting)] == [person]
    await relay(fresh, changed=Recorder()).drain()
    assert await fresh.app.database.read(waiting) == []


async def test_what_one_kind_of_event_needs_is_away_and_the_other_kinds_get_through(fresh: World) -> None:
    """Payments wait for Redis; codes that were asked for and money that was claimed do not."""
    waiting, person = uuid4(), uuid4()
    await emit(fresh, waiting)
    await emit(fresh, person, kind=UserSignedUp)
    away, welcome = Recorder(failing(Unavailable("away"), waiting)), Recorder()
    await relay(fresh, changed=away, signed_up=welcome).deliver()
    assert (away.batches, welcome.batches) == ([[waiting]], [[person]])
    (left,) = await queue(fresh)
    assert (left.subject_id, left.attempts, left.lease_id) == (waiting, 0, None)
