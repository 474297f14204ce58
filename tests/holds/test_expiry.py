"""What is not captured in time comes back: judged by the moment of a step, released by a job."""

import asyncio
import dataclasses
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from tests.conftest import Person, World
from tests.holds.steps import authorise, capture, held, uuid_of, void
from tests.ledger import audit
from tests.races import storm
from tests.transfers.commands import user_id
from tests.transfers.steps import run, wallet
from venmo_api import worker
from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.postgres import Transaction
from venmo_api.holds import jobs, queries, schemas, service
from venmo_api.holds.rules import Capture, Status
from venmo_api.idempotency.rules import Claim
from venmo_api.ledger.rules import HoldEnded


@dataclasses.dataclass
class Stopped:
    """A clock that stands still."""

    at: datetime

    def now(self) -> datetime:
        return self.at


async def _overdue(world: World, amount: int = 1000, **more: Any) -> tuple[Person, Person, str]:
    found = await held(world, amount, expires_in_seconds=60, **more)
    world.clock.advance(timedelta(seconds=61))
    return found


async def test_what_was_not_captured_in_time_comes_back(fresh: World) -> None:
    alice, bob, hold = await held(fresh, 1000, expires_in_seconds=60)
    await capture(bob, hold, 300)
    fresh.clock.advance(timedelta(seconds=58))
    assert await jobs.expire_holds(fresh.app) == 0
    fresh.clock.advance(timedelta(seconds=3))
    assert await jobs.expire_holds(fresh.app) == 1
    assert await jobs.expire_holds(fresh.app) == 0
    document = (await alice.get(f"/holds/{hold}")).json()
    assert (document["status"], document["captured"], document["left"]) == ("expired", 300, 0)
    assert document["ended_at"] == document["expires_at"]
    assert (await wallet(alice), await wallet(bob)) == ((700, 0, 0), (300, 0, 0))
    ended = await run(fresh, "SELECT payload FROM events WHERE topic = 'HoldEnded'")
    assert len(ended) == 1
    assert await audit.findings(fresh) == []


async def test_after_the_end_nothing_is_captured_or_given_back_though_no_job_has_run(world: World) -> None:
    alice, bob, hold = await _overdue(world)
    for answer in (await capture(bob, hold), await void(bob, hold)):
        assert (answer.status_code, answer.json()["code"]) == (409, "hold_ended")
        assert answer.json()["hold_status"] == "expired"
    seen = (await bob.get(f"/holds/{hold}")).json()
    assert (seen["status"], seen["ended_at"]) == ("expired", seen["expires_at"])
    assert await wallet(alice) == (0, 1000, 0)
    await jobs.expire_holds(world.app)
    assert (await bob.get(f"/holds/{hold}")).json() == seen
    assert await wallet(alice) == (1000, 0, 0)
    assert (await capture(bob, hold)).json()["code"] == "hold_ended"


async def test_the_moment_of_expiry_is_past_it_and_the_one_before_is_not(fresh: World) -> None:
    _, bob, hold = await held(fresh)
    [row] = await run(fresh, "SELECT expires_at FROM holds")
    for before, status in ((0, Status.EXPIRED), (1, Status.HELD)):
        clock = Stopped(row["expires_at"] - timedelta(microseconds=before))
        app = dataclasses.replace(fresh.app, clock=clock)
        found = await fresh.app.database.read(service.get, app, user_id(bob), uuid_of(hold))
        assert found.status is status
        capture_it = Capture(
            Claim(user_id(bob), "capture", "key-at-the-end", (b"",), clock.now()),
            uuid_of(hold),
            app.new_id(),
            amount=None,
            final=False,
            note=None,
            request_id="r",
        )
        capturing = partial(service.capture, command=capture_it, app=app, render=schemas.captured)
        if before:
            assert (await fresh.app.database.transact(capturing)).status == 201
        else:
            with pytest.raises(HoldEnded):
                await fresh.app.database.transact(capturing)


async def test_a_capture_whose_answer_was_lost_is_answered_after_expiry_too(world: World) -> None:
    _, bob, hold = await held(world, 1000, expires_in_seconds=60)
    first = await capture(bob, hold, 400, key="the-lost-answer")
    world.clock.advance(timedelta(seconds=61))
    assert (await capture(bob, hold, 400, key="the-lost-answer")).content == first.content
    await jobs.expire_holds(world.app)
    assert (await capture(bob, hold, 400, key="the-lost-answer")).content == first.content


async def test_one_that_cannot_be_released_holds_up_no_other(fresh: World, monkeypatch: pytest.MonkeyPatch) -> None:
    alice, bob, bad = await _overdue(fresh, 10, money=30)
    await authorise(alice, bob, 20, expires_in_seconds=60)
    fresh.clock.advance(timedelta(seconds=61))
    real = service.expire

    async def fails(tx: Transaction, app: Adapters, hold_id: UUID) -> bool:
        if hold_id == uuid_of(bad):
            raise RuntimeError
        return await real(tx, app, hold_id)

    with monkeypatch.context() as planted:
        planted.setattr(jobs, "RELEASED_AT_ONCE", 1)
        planted.setattr(service, "expire", fails)
        assert await jobs.expire_holds(fresh.app) == 1
    assert await wallet(alice) == (20, 10, 0)
    assert await jobs.expire_holds(fresh.app) == 1
    assert await wallet(alice) == (30, 0, 0)


async def test_one_that_somebody_is_at_is_left_for_the_next_run(fresh: World) -> None:
    alice, _, hold = await _overdue(fresh)

    async def at_it(tx: Transaction) -> int:
        await tx.execute(queries.text("SELECT FROM holds WHERE id = :id FOR UPDATE"), {"id": uuid_of(hold)})
        return await jobs.expire_holds(fresh.app)

    assert await fresh.app.database.transact(at_it) == 0
    assert await jobs.expire_holds(fresh.app) == 1
    assert await wallet(alice) == (1000, 0, 0)


async def test_more_than_a_batch_is_released_in_one_run(fresh: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "RELEASED_AT_ONCE", 3)
    alice, bob = await fresh.person("alice", money=70), await fresh.person("bob")
    for _ in range(7):
        await authorise(alice, bob, 10, expires_in_seconds=60)
    fresh.clock.advance(timedelta(seconds=61))
    assert await jobs.expire_holds(fresh.app) == 7
    assert await wallet(alice) == (70, 0, 0)


async def test_the_worker_s_schedule_releases(fresh: World) -> None:
    alice, _, _ = await _overdue(fresh)
    job = worker.SCHEDULE["expire_holds"]
    assert (job.every, await job.run(fresh.app, None)) == (timedelta(minutes=1), 1)  # type: ignore[arg-type]
    assert await wallet(alice) == (1000, 0, 0)


async def test_jobs_of_two_workers_release_each_once(fresh: World) -> None:
    alice, bob = await fresh.person("alice", money=200), await fresh.person("bob")
    for _ in range(20):
        await authorise(alice, bob, 10, expires_in_seconds=60)
    async with storm.second_app(fresh) as other:
        for world in (fresh, other):
            world.clock.advance(timedelta(seconds=61))
        done = await asyncio.gather(*(jobs.expire_holds(world.app) for world in (fresh, other, fresh)))
    assert sum(done) + await jobs.expire_holds(fresh.app) == 20
    assert await wallet(alice) == (200, 0, 0)
    ended = await run(fresh, "SELECT count(*) AS times FROM events WHERE topic = 'HoldEnded'")
    assert ended[0]["times"] == 20
    assert await audit.findings(fresh) == []
