"""Days in a cold storage class: a statement says so, a restore brings them back for a while, for who asked."""

import os
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from moto import mock_aws

from tests.archive.town import s3_that_is_down
from tests.conftest import Person, World, world_over
from venmo_api.adapters.s3 import Objects, Shelved
from venmo_api.archive import jobs, proof, restores, service
from venmo_api.settings import Settings

BUCKET = "venmo-cold"


class Glacier(Objects):
    """moto's S3, which restores at once; this one when it is told to."""

    thawed = False

    async def shelved(self, key: str) -> Shelved:
        found = await super().shelved(key)
        asked = "Restore" in self._client.head_object(Bucket=self.bucket, Key=key)
        return Shelved.COMING if found is Shelved.READABLE and asked and not self.thawed else found

    def chill(self) -> int:
        """What the lifecycle rule does to data files after some months; how many there are."""
        keys = [each["Key"] for each in self._client.list_objects_v2(Bucket=self.bucket).get("Contents", [])]
        data = [key for key in keys if key.endswith(".parquet")]
        for key in data:
            source = {"Bucket": self.bucket, "Key": key}
            self._client.copy_object(Bucket=self.bucket, Key=key, CopySource=source, StorageClass="GLACIER")
        return len(data)


@pytest.fixture
async def cold(fresh: World, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    """``fresh`` over another S3."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, os.environ.get(name, "test"))
    with mock_aws():
        objects = Glacier(bucket=BUCKET, endpoint_url=None, region="us-east-1")
        await objects.ensure_bucket()
        url = fresh.app.database.engine.url.render_as_string(hide_password=False)
        other = settings.model_copy(update={"database_url": url})
        async with world_over(other, objects=objects, redis=fresh.app.redis) as world:
            yield world


async def chilled(world: World) -> tuple[Person, dict[str, str]]:
    alice, bob = await world.person("alice", money=500), await world.person("bob")
    await alice.pay(bob, 20)
    await world.drain()
    day = str(world.clock.now().date())
    world.clock.advance(timedelta(days=2))
    moved = await service.archive(world.app, before=world.clock.now())
    assert moved.entries == 4
    assert glacier(world).chill() >= 2
    return alice, {"start": day, "end": day}


def glacier(world: World) -> Glacier:
    assert isinstance(world.app.objects, Glacier)
    return world.app.objects


async def test_cold_days_are_restored_and_read_and_go_cold_again(cold: World) -> None:
    alice, days = await chilled(cold)
    refused = await alice.get("/statements", **days)
    assert (refused.status_code, refused.json()["code"]) == (409, "history_archived")
    assert "/v1/statements/restores" in refused.json()["detail"]
    assert (refused.json()["first_day"], refused.json()["last_day"]) == (days["start"], days["start"])
    made = await alice.post("/statements/restores", days)
    assert made.status_code == 202, made.text
    document = made.json()
    assert (document["state"], document["files"], document["waiting"]) == ("restoring", 1, 1)
    assert (document["start"], document["end"], document["ready_at"]) == (days["start"], days["end"], None)
    path = f"/statements/restores/{document['id']}"
    assert (await alice.post("/statements/restores", days)).json() == document
    assert await jobs.advance_restores(cold.app) == 0
    glacier(cold).thawed = True
    assert await jobs.advance_restores(cold.app) == 1
    ready = (await alice.get(path)).json()
    assert (ready["state"], ready["waiting"]) == ("ready", 0)
    assert ready["ready_at"] < ready["expires_at"]
    answer = await alice.get("/statements", **days)
    assert [line["amount"] for line in answer.json()["lines"]] == [500, -20]
    assert await jobs.advance_restores(cold.app) == 0
    cold.wall_clock.advance(timedelta(days=8))
    assert await jobs.advance_restores(cold.app) == 1
    assert await cold.app.database.read(restores.unfinished) == []


async def test_only_who_asked_is_told_of_a_restore(cold: World) -> None:
    alice, days = await chilled(cold)
    made = (await alice.post("/statements/restores", days)).json()
    carol = await cold.person("carol")
    for path in (f"/statements/restores/{made['id']}", "/statements/restores/rst_x"):
        answer = await carol.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "restore_not_found")


async def test_the_proof_names_what_lies_cold_and_holds_once_it_is_restored(cold: World) -> None:
    _, days = await chilled(cold)
    proven = await proof.verify(cold.app)
    assert not proven.passed
    assert "lies in cold storage: `venmo-api archive restore` first" in proof.report(proven)
    first = cold.clock.now().date() - timedelta(days=3)
    asked = await restores.ask(cold.app, asked_by=None, first=first, last=cold.clock.now().date())
    assert asked.state == "restoring"
    assert asked.files >= 2
    glacier(cold).thawed = True
    assert await restores.advance(cold.app) == 1
    assert (await proof.verify(cold.app)).passed
    assert days


async def test_s3_that_is_away_is_asked_later(cold: World) -> None:
    alice, days = await chilled(cold)
    client = glacier(cold)._client
    glacier(cold)._client = s3_that_is_down()
    made = (await alice.post("/statements/restores", days)).json()
    assert made["state"] == "requested"
    glacier(cold)._client = client
    assert await jobs.advance_restores(cold.app) == 1
    assert (await alice.get(f"/statements/restores/{made['id']}")).json()["state"] == "restoring"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"start": "2026-02-30", "end": "2026-03-01"}, "/start"),
        ({"start": "2026-03-02", "end": "2026-03-01"}, "/start"),
        ({"start": "2024-01-01", "end": "2026-03-01"}, "/start"),
        ({"start": "2026-01-01", "end": "2999-01-01"}, "/end"),
        ({"start": "2026-01-01"}, "/end"),
        ({"start": 20260101, "end": "2026-03-01"}, "/start"),
    ],
)
async def test_days_that_cannot_be_are_refused(world: World, body: dict[str, Any], pointer: str) -> None:
    answer = await (await world.person()).post("/statements/restores", body)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)


async def test_somebody_may_have_a_few_restores(world: World) -> None:
    alice = await world.person()
    for day in range(1, 6):
        body = {"start": "2026-01-01", "end": f"2026-01-0{day}"}
        assert (await alice.post("/statements/restores", body)).json()["state"] == "ready"
    answer = await alice.post("/statements/restores", {"start": "2026-02-01", "end": "2026-02-02"})
    assert (answer.status_code, answer.json()["code"]) == (409, "too_many_restores")
