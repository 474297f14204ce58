"""What a relay delivers it holds by a lease: while it lives nobody else has it, when it dies somebody soon has."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from tests.conftest import World
from tests.outbox.test_relay import Died, Recorder, emit, queue
from venmo_api.core.events import Event, ProfileChanged
from venmo_api.outbox import queries
from venmo_api.outbox.relay import Relay

LEASE = timedelta(seconds=0.6)
Make = Callable[..., Relay]


def make(world: World, handler: Any, kind: type[Relay] = Relay, **patience: timedelta) -> Relay:
    patience = {"lease": LEASE} | patience
    return kind(world.app.database, world.app.clock, {ProfileChanged: (handler,)}, **patience)


async def _begun(recorder: Recorder) -> None:
    async with asyncio.timeout(5):
        while not recorder.batches:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def takes_thrice_its_lease(world: World, kind: type[Relay]) -> bool:
    """Whether an event that is handled for three leases is handled once, though another relay looks all the time."""
    await emit(world, uuid4())
    done = asyncio.Event()

    async def wait(events: Sequence[Event]) -> None:
        await done.wait()

    slow, other = Recorder(wait), Recorder()
    delivering = asyncio.create_task(make(world, slow, kind).deliver())
    await _begun(slow)
    until = asyncio.get_running_loop().time() + 3 * LEASE.total_seconds()
    while asyncio.get_running_loop().time() < until:
        await make(world, other).drain()
        await asyncio.sleep(0.02)
    done.set()
    assert await delivering == 1
    assert await queue(world) == []
    return other.batches == []


async def outlives_its_relay(world: World, kind: type[Relay]) -> bool:
    """Whether an event whose relay dies while it is handled is delivered by another one, as soon as the lease is over
    and not before."""
    person = uuid4()
    await emit(world, person)

    async def die(events: Sequence[Event]) -> None:
        raise Died

    with suppress(Died):
        await make(world, Recorder(die), kind).deliver()
    other = Recorder()
    assert await make(world, other).drain() == 0
    await asyncio.sleep(1.2 * LEASE.total_seconds())
    await make(world, other).drain()
    return other.seen == [person]


class NeverExtends(Relay):
    async def _extend(self, rows: Sequence[Any]) -> None:
        """Planted."""


class ForgetsBefore(Relay):
    async def _hand_over(self, rows: Sequence[Any]) -> None:
        await self._database.transact(queries.delivered, rows)  # planted
        await super()._hand_over(rows)


CHECKS: dict[str, Callable[[World, type[Relay]], Awaitable[bool]]] = {
    "takes thrice its lease": takes_thrice_its_lease,
    "outlives its relay": outlives_its_relay,
}


@pytest.mark.parametrize("check", CHECKS)
async def test_an_event_is_had_by_one_relay_at_a_time_and_by_one_in_the_end(fresh: World, check: str) -> None:
    assert await CHECKS[check](fresh, Relay)


@pytest.mark.parametrize(
    ("check", "planted"), [("takes thrice its lease", NeverExtends), ("outlives its relay", ForgetsBefore)]
)
async def test_a_relay_that_does_not_extend_or_that_deletes_first_is_found_out(
    fresh: World, check: str, planted: type[Relay]
) -> None:
    assert not await CHECKS[check](fresh, planted)


async def test_a_relay_that_lost_its_lease_changes_nothing_of_what_another_holds(fresh: World) -> None:
    """As one that was stopped by its machine and goes on later: its verdict is not asked for any more."""
    await emit(fresh, uuid4())
    gates = [asyncio.Event(), asyncio.Event()]

    async def fail_late(events: Sequence[Event]) -> None:
        if len(first.batches) == 1:
            await gates[0].wait()
        raise ValueError

    async def take_long(events: Sequence[Event]) -> None:
        await gates[1].wait()

    first, second = Recorder(fail_late), Recorder(take_long)
    late = asyncio.create_task(make(fresh, first, NeverExtends).deliver())
    await _begun(first)
    await asyncio.sleep(1.2 * LEASE.total_seconds())
    holding = asyncio.create_task(make(fresh, second).deliver())
    await _begun(second)
    gates[0].set()
    await late
    (held,) = await queue(fresh)
    assert (held.attempts, held.last_error) == (0, None)
    assert held.lease_id is not None
    gates[1].set()
    await holding
    assert await queue(fresh) == []


async def test_a_subscriber_that_hangs_is_given_up_and_its_neighbours_get_through(fresh: World) -> None:
    hung, innocent = uuid4(), uuid4()
    await emit(fresh, hung, innocent)

    async def hang(events: Sequence[Event]) -> None:
        if any(event.subject_id == hung for event in events):
            await asyncio.Event().wait()

    recorder = Recorder(hang)
    async with asyncio.timeout(10):
        await make(fresh, recorder, handling_most=timedelta(seconds=0.2)).deliver()
    assert [innocent] in recorder.batches
    (left,) = await queue(fresh)
    assert (left.subject_id, left.attempts, left.last_error, left.lease_id) == (hung, 1, "TimeoutError", None)


async def test_business_time_that_is_driven_ahead_ends_no_lease(fresh: World) -> None:
    await emit(fresh, uuid4())
    gate = asyncio.Event()

    async def wait(events: Sequence[Event]) -> None:
        await gate.wait()

    slow, other = Recorder(wait), Recorder()
    delivering = asyncio.create_task(make(fresh, slow).deliver())
    await _begun(slow)
    fresh.clock.advance(timedelta(days=9))
    assert await make(fresh, other).drain() == 0
    gate.set()
    assert await delivering == 1
