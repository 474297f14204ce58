"""An archiver that dies at any step: before it, after it, or inside the transaction. The next run completes it."""

import dataclasses
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Literal

import pytest

from tests.archive.town import Town, settle
from tests.conftest import World
from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.postgres import Transaction
from venmo_api.archive import proof, rules, service

When = Literal["after", "within"]
"""After a step of any kind (which is before the next), or within a transaction, before it commits."""


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

    async def put_new(self, key: str, body: bytes, *, content_type: str) -> None:
        await self._fuse.then(lambda: self._real.put_new(key, body, content_type=content_type))

    async def get(self, key: str) -> bytes:
        body: bytes = await self._fuse.then(lambda: self._real.get(key))
        return body


class FragileDatabase:
    def __init__(self, real: Any, fuse: Fuse) -> None:
        self._real, self._fuse = real, fuse

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


# The lock, the last manifest, the one after it; then twice: three pages, put, get, put, get, settle.
STEPS = {"after": 3 + 2 * 8, "within": 3}


@pytest.mark.parametrize("when", ["after", "within"])
async def test_a_crash_at_any_step_loses_and_doubles_nothing(fresh: World, when: When) -> None:
    town = await settle(fresh, trades=3)
    crashes = 0
    while await _survives(town, at=crashes + 1, when=when):
        crashes += 1
    assert crashes == STEPS[when]
    manifests = [rules.parse(await fresh.app.objects.get(key)) for key in await fresh.app.objects.keys("manifest/")]
    assert sum(manifest.transactions for manifest in manifests) == town.money_moves
    assert sum(manifest.entries for manifest in manifests) == town.money_moves * 2


async def _survives(town: Town, *, at: int, when: When) -> bool:
    """Trade, crash at step ``at``, crash there again in the run that cleans up, then let a run end."""
    app = town.world.app
    await town.trade(2)
    now = town.world.clock.now()
    crashed = False
    for _ in range(2):
        try:
            await service.archive(fragile(app, at, when), before=now)
        except Crash:
            crashed = True
    await town.verify()
    await service.archive(app, before=now)
    proven = await town.verify()
    assert proven.notes == ()
    assert await town.hot() == (0, 0, 0)
    return crashed


async def test_a_run_cut_off_after_its_manifest_is_noted_and_then_finished(fresh: World) -> None:
    town = await settle(fresh)
    hot = await town.hot()
    with pytest.raises(Crash):
        await service.archive(fragile(fresh.app, 8, "after"), before=fresh.clock.now())
    assert await town.hot() == hot
    proven = await town.verify()
    assert "unfinished archive run: manifest/00000001.json" in proof.report(proven)
    told: list[str] = []
    moved = await service.archive(fresh.app, before=fresh.clock.now(), progress=told.append)
    assert (moved.transactions, moved.entries, moved.events) == hot
    assert told[0].startswith("finished manifest 1")
    assert (await town.verify()).notes == ()
