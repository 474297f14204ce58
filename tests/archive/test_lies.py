"""An S3 that lies or fails: nothing leaves Postgres that S3 did not hand out again as it was."""

import dataclasses
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.archive.disk import disk
from tests.archive.test_crashes import nothing_lost_or_doubled
from tests.archive.town import Town, settle
from tests.conftest import World
from venmo_api.adapters.s3 import ObjectDamaged, ObjectExists, ObjectMissing
from venmo_api.archive import queries, rules, service
from venmo_api.archive.rules import ArchiveMismatch
from venmo_api.core.errors import Unavailable

Lie = Callable[[Any, str, bytes], Awaitable[None]]


class Lying:
    """``read`` and ``write`` take the place of the real calls for the keys of one folder, so many ``times``."""

    def __init__(self, real: Any, folder: str, *, read: Any = None, write: Any = None, times: int = 10**6) -> None:
        self._real, self._folder, self._read, self._write, self._times = real, folder, read, write, times

    def _lies(self, key: str) -> bool:
        self._times -= key.startswith(self._folder)
        return key.startswith(self._folder) and self._times >= 0

    async def get(self, key: str) -> bytes:
        body: bytes = await (self._read(self._real, key) if self._read and self._lies(key) else self._real.get(key))
        return body

    async def put_new(self, key: str, body: bytes, **more: Any) -> None:
        if self._write and self._lies(key):
            await self._write(self._real, key, body, more)
        else:
            await self._real.put_new(key, body, **more)


async def vanished(real: Any, key: str) -> bytes:
    raise ObjectMissing(key)


async def damaged(real: Any, key: str) -> bytes:
    raise ObjectDamaged(key)


async def truncated(real: Any, key: str) -> bytes:
    body: bytes = await real.get(key)
    return body[:-7]


async def another(real: Any, key: str) -> bytes:
    body: bytes = await real.get(key)
    return body.replace(b"PAR1", b"PAR2") if b"PAR1" in body else body.replace(b"1", b"2")


async def refusing(real: Any, key: str, *rest: Any) -> Any:
    raise Unavailable("The archive refused a request (500).")


async def taken_and_dropped(real: Any, key: str, body: bytes, more: Any) -> None:
    """Says yes, and keeps nothing."""


async def stored_and_lost(real: Any, key: str, body: bytes, more: Any) -> None:
    """The object is there; the answer never came."""
    await real.put_new(key, body, **more)
    raise Unavailable("The archive cannot be reached (ReadTimeoutError).")


async def stored_twice(real: Any, key: str, body: bytes, more: Any) -> None:
    """The client's own second try found what its first had written."""
    await real.put_new(key, body, **more)
    raise ObjectExists(key)


async def unconditional(real: Any, key: str, body: bytes, more: Any) -> None:
    """Overwrites what is there."""
    real._client.put_object(Bucket=real.bucket, Key=key, Body=body)


LIES = {
    "objects vanish": ("ledger/", {"read": vanished}),
    "objects arrive damaged": ("ledger/", {"read": damaged}),
    "objects arrive truncated": ("ledger/", {"read": truncated}),
    "objects arrive changed": ("events/", {"read": another}),
    "reads are refused": ("ledger/", {"read": refusing}),
    "writes are refused": ("ledger/", {"write": refusing}),
    "writes are dropped": ("ledger/", {"write": taken_and_dropped}),
    "answers to writes are lost": ("ledger/", {"write": stored_and_lost}),
    "the manifest is dropped": ("manifest/", {"write": taken_and_dropped}),
    "the manifest arrives changed": ("manifest/", {"read": another}),
    "the answer to the manifest is lost": ("manifest/", {"write": stored_and_lost, "times": 1}),
    "the manifest is refused": ("manifest/", {"write": refusing}),
}


async def lied_to(town: Town, folder: str, **how: Any) -> None:
    app = town.world.app
    lying: Any = Lying(app.objects, folder, **how)
    await service.archive(dataclasses.replace(app, objects=lying), before=app.clock.now())


async def test_no_lie_of_s3_loses_or_doubles_a_row(fresh: World) -> None:
    town = await settle(fresh, trades=2)
    for lie, (folder, how) in LIES.items():
        await town.trade(1)
        hot = await town.hot()
        with pytest.raises((ArchiveMismatch, Unavailable)):
            await lied_to(town, folder, **how)
        if folder != "events/":
            assert await town.hot() == hot, lie
        await service.archive(fresh.app, before=fresh.clock.now())
    await nothing_lost_or_doubled(town)


async def test_a_write_whose_second_try_finds_the_first_is_a_success(fresh: World) -> None:
    town = await settle(fresh, trades=2)
    await lied_to(town, "", write=stored_twice)
    await nothing_lost_or_doubled(town)


async def test_where_conditions_are_ignored_a_second_archiver_still_moves_nothing_twice(fresh: World) -> None:
    """It overwrites a manifest that Postgres knows already with another: which the proof finds, and nothing is lost."""
    town = await settle(fresh, trades=2)
    await lied_to(town, "", write=unconditional)
    await town.trade(1)
    before = await fresh.app.database.read(queries.last_manifest)
    await lied_to(town, "", write=unconditional)
    after = await fresh.app.database.read(queries.last_manifest)
    assert after.sequence > before.sequence
    await nothing_lost_or_doubled(town)
    stale = rules.parse(await fresh.app.objects.get(rules.manifest_key(before.sequence)))
    with pytest.raises(ArchiveMismatch):
        await service.settle(fresh.app, dataclasses.replace(stale, moved_cents=stale.moved_cents + 1))


async def test_a_disk_that_rots_before_the_manifest_keeps_everything_in_postgres(fresh: World, tmp_path: Any) -> None:
    town = await settle(fresh, trades=2)
    async with disk(tmp_path, bucket="rotting") as rotting:
        hot = await town.hot()

        async def rot(real: Any, key: str, body: bytes, more: Any) -> None:
            await real.put_new(key, body, **more)
            (stored,) = (rotting.folder / "s3").glob(f"*/rotting/{key}")
            stored.write_bytes(body[:-1] + bytes([body[-1] ^ 1]))

        lying: Any = Lying(rotting.objects, "ledger/", write=rot)
        with pytest.raises(ArchiveMismatch):
            await service.archive(dataclasses.replace(fresh.app, objects=lying), before=fresh.clock.now())
        assert await town.hot() == hot
