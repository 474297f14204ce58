"""An archiver that dies at any step: before it, after it, or inside the transaction. The next run completes it.

`make faults` plays the long form: every step in turn, and hundreds at random while people pay.
"""

import asyncio
import dataclasses
import os
import random
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any, Literal

import pytest

from tests.archive.town import Town, settle
from tests.conftest import World, database_url
from tests.races import storm
from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.postgres import Transaction
from venmo_api.archive import proof, rules, service
from venmo_api.audit import jobs as audit

When = Literal["after", "within"]
"""After a step of any kind (which is before the next), or within a transaction, before it commits."""
LONG = os.environ.get("VENMO_FAULTS") == "long"
STRIDE = 1 if LONG else 9
CRASHES = 250 if LONG else 12
KILLS = 20 if LONG else 1


class Crash(BaseException):
    """The process is gone."""


class Fuse:
    """Crashes at the n-th call to anything outside that can crash in this way."""

    def __init__(self, at: int, when: When) -> None:
        self.left = at
        self.when = when

    def burns(self, when: When) -> bool:
        self.left -= when == self.when
        return self.left == 0 and when == self.when

    async def then(self, call: Callable[[], Awaitable[Any]]) -> Any:
        if not self.burns("after"):
            return await call()
        with suppress(Exception):
            await call()
        raise Crash


class FragileObjects:
    def __init__(self, real: Any, fuse: Fuse) -> None:
        self._real, self._fuse = real, fuse

    def __getattr__(self, name: str) -> Any:
        async def call(*args: Any, **kwargs: Any) -> Any:
            return await self._fuse.then(lambda: getattr(self._real, name)(*args, **kwargs))

        return call


class FragileDatabase:
    def __init__(self, real: Any, fuse: Fuse) -> None:
        self._real, self._fuse = real, fuse

    def alone(self, key: int) -> AbstractAsyncContextManager[bool]:
        """Free as soon as the process is gone."""
        found: AbstractAsyncContextManager[bool] = self._real.alone(key)
        return found

    async def transact(self, work: Any, *args: Any, **kwargs: Any) -> Any:
        async def then_die(tx: Transaction) -> None:
            await work(tx, *args, **kwargs)
            raise Crash

        if self._fuse.burns("within"):
            await self._real.transact(then_die)
        return await self._fuse.then(lambda: self._real.transact(work, *args, **kwargs))

    async def read(self, work: Any, *args: Any, **kwargs: Any) -> Any:
        return await self._fuse.then(lambda: self._real.read(work, *args, **kwargs))


def fragile(app: Adapters, at: int, when: When) -> Adapters:
    fuse = Fuse(at, when)
    objects: Any = FragileObjects(app.objects, fuse)
    database: Any = FragileDatabase(app.database, fuse)
    return dataclasses.replace(app, objects=objects, database=database)


async def crashes(town: Town, at: int, when: When) -> bool:
    """Whether a run has so many steps."""
    app = town.world.app
    try:
        await service.archive(fragile(app, at, when), before=app.clock.now())
    except Crash:
        return True
    return False


async def nothing_lost_or_doubled(town: Town) -> None:
    """What the manifests list is what happened, once; and the proof says so."""
    app = town.world.app
    await town.world.drain()
    await audit.chain(app)
    await service.archive(app, before=app.clock.now())
    assert await town.hot() == (0, 0, 0)
    manifests = [rules.parse(await app.objects.get(key)) for key in await app.objects.keys("manifest/")]
    assert sum(manifest.transactions for manifest in manifests) == town.money_moves
    assert sum(manifest.entries for manifest in manifests) == town.money_moves * 2
    assert (await town.verify()).notes == ()


@pytest.mark.parametrize("when", ["after", "within"])
async def test_a_crash_at_any_step_loses_and_doubles_nothing(fresh: World, when: When) -> None:
    town = await settle(fresh, trades=3)
    step = 1
    while await _survived_twice(town, step, when):
        step += STRIDE if when == "after" else 1 + STRIDE // 3
    assert step > (40 if when == "after" else 8), "a run has more steps than that"
    await nothing_lost_or_doubled(town)


async def _survived_twice(town: Town, step: int, when: When) -> bool:
    """Trade, crash at this step, crash there again in the run that cleans up, then let a run end."""
    await town.trade(1)
    crashed = await crashes(town, step, when)
    await crashes(town, step, when)
    await service.archive(town.world.app, before=town.world.clock.now())
    return crashed


async def test_crashes_at_random_while_people_pay_lose_and_double_nothing(fresh: World) -> None:
    town, dice = await settle(fresh, trades=3), storm.seeded()
    over = asyncio.Event()

    async def pay() -> None:
        while not over.is_set():
            await town.trade(len(town.people))  # in a circle, so that nobody runs out of money

    paying = asyncio.create_task(pay())
    crashed = 0
    while crashed < CRASHES:
        crashed += await crashes(town, dice.randint(1, 50), dice.choice(["after", "after", "within"]))
    over.set()
    await paying
    print(f"{crashed} crashes, {town.money_moves} payments meanwhile")
    await nothing_lost_or_doubled(town)


async def test_an_archiver_killed_at_any_moment_loses_and_doubles_nothing(fresh: World) -> None:
    town, dice = await settle(fresh, trades=3), storm.seeded()
    for _ in range(KILLS):
        await town.trade(5)
        await _killed(fresh, dice)
    await nothing_lost_or_doubled(town)


async def _killed(world: World, dice: random.Random) -> None:
    """Kill the command of an operator soon after its first word."""
    here = {
        "VENMO_DATABASE_URL": database_url(str(world.app.database.engine.url.database)),
        "VENMO_S3_BUCKET": world.app.objects.bucket,
    }
    command = (sys.executable, "-m", "venmo_api", "archive", "--before", "now")
    child = await asyncio.create_subprocess_exec(
        *command, env=os.environ | here, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    assert child.stdout is not None
    assert b"manifest" in await child.stdout.readline()
    await asyncio.sleep(dice.uniform(0, 0.1))
    with suppress(ProcessLookupError):
        child.send_signal(signal.SIGKILL)
    await child.communicate()


async def test_a_run_cut_off_after_its_manifest_is_noted_and_then_finished(fresh: World) -> None:
    town = await settle(fresh)
    hot = await town.hot()
    step = 1
    while not await fresh.app.objects.keys("manifest/"):
        assert await crashes(town, step, "after")
        step += 1
    assert await town.hot() == hot
    proven = await town.verify()
    assert "unfinished archive run: manifest/00000001.json" in proof.report(proven)
    told: list[str] = []
    moved = await service.archive(fresh.app, before=fresh.clock.now(), progress=told.append)
    assert (moved.transactions, moved.entries, moved.events) == hot
    assert told[0].startswith("finished manifest 1")
    assert (await town.verify()).notes == ()
