"""S3: an object is written once, a missing one is told, an unreachable server is unavailable."""

import asyncio
from pathlib import Path
from uuid import uuid4

import pytest

from tests.archive.disk import disk
from tests.conftest import World
from venmo_api.adapters.s3 import ObjectDamaged, ObjectExists, ObjectMissing, Objects
from venmo_api.core.errors import Unavailable


def key() -> str:
    return f"adapters/{uuid4()}"


async def test_an_object_is_written_once_and_read_as_written(world: World) -> None:
    objects, name = world.app.objects, key()
    await objects.put_new(name, b"\x00first\xff", content_type="application/octet-stream")
    with pytest.raises(ObjectExists):
        await objects.put_new(name, b"second", content_type="text/plain")
    assert await objects.get(name) == b"\x00first\xff"


async def test_of_parallel_writers_of_one_key_one_succeeds(world: World) -> None:
    objects, name = world.app.objects, key()
    writers = (objects.put_new(name, str(number).encode(), content_type="text/plain") for number in range(8))
    outcomes = await asyncio.gather(*writers, return_exceptions=True)
    winners = [number for number, outcome in enumerate(outcomes) if outcome is None]
    assert len(winners) == 1
    assert all(outcome is None or isinstance(outcome, ObjectExists) for outcome in outcomes)
    assert await objects.get(name) == str(winners[0]).encode()


async def test_what_is_missing_is_told(world: World) -> None:
    with pytest.raises(ObjectMissing):
        await world.app.objects.get(key())
    elsewhere = Objects(bucket=f"no-{uuid4()}", endpoint_url=None, region="us-east-1")
    elsewhere._client = world.app.objects._client
    for asked in (elsewhere.ensure_reachable(), elsewhere.get("x")):
        with pytest.raises(ObjectMissing):
            await asked


async def test_keys_are_listed_in_order_below_a_prefix(world: World) -> None:
    prefix = key()
    for name in ("b", "a/2", "a/1"):
        await world.app.objects.put_new(f"{prefix}/{name}", b"", content_type="text/plain")
    assert await world.app.objects.keys(prefix + "/") == [f"{prefix}/a/1", f"{prefix}/a/2", f"{prefix}/b"]
    assert await world.app.objects.keys(prefix + "/a") == [f"{prefix}/a/1", f"{prefix}/a/2"]
    assert await world.app.objects.keys(key()) == []


async def test_a_bucket_is_made_once_and_never_public(world: World) -> None:
    await world.app.objects.ensure_bucket()
    await world.app.objects.ensure_bucket()
    await world.app.objects.ensure_reachable()
    client = world.app.objects._client
    told = client.get_public_access_block(Bucket=world.app.objects.bucket)["PublicAccessBlockConfiguration"]
    assert set(told.values()) == {True}
    assert len(told) == 4


async def test_what_rots_on_the_disk_of_the_server_is_told(tmp_path: Path) -> None:
    async with disk(tmp_path, bucket="rotting") as rotting:
        body = b"0123456789"
        await rotting.objects.put_new("a/b", body, content_type="text/plain")
        with rotting.flipped("a/b"):
            changed = await rotting.objects.get("a/b")  # for the reader's own hash to find
            assert (len(changed), changed == body) == (10, False)
        for harm in (rotting.cut_short, rotting.emptied, rotting.deleted):
            with harm("a/b"), pytest.raises(ObjectDamaged, match="a/b"):
                await rotting.objects.get("a/b")
        assert await rotting.objects.get("a/b") == body
    with pytest.raises(Unavailable):
        await rotting.objects.get("a/b")


async def test_a_server_that_cannot_be_reached_is_unavailable() -> None:
    objects = Objects(bucket="x", endpoint_url="http://127.0.0.1:1", region="us-east-1")
    asked = (
        objects.get("x"),
        objects.put_new("x", b"", content_type="text/plain"),
        objects.keys(""),
        objects.ensure_bucket(),
        objects.ensure_reachable(),
    )
    async with asyncio.timeout(30):
        outcomes = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [Unavailable] * 5
