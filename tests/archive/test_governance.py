"""The bucket is set to keep what it must, on two S3 servers; what is not so is found; what a server cannot is told."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from tests.archive.town import settle
from tests.conftest import World
from venmo_api.adapters.s3 import NotSupported, Objects, Refused
from venmo_api.archive import governance, rules, service
from venmo_api.archive.governance import BucketWeak, Wanted, Watch

NOW = datetime(2026, 11, 20, tzinfo=UTC)
ROLE = "arn:aws:iam::123456789012:role/archivist"
SETTINGS = ("versioning", "object_lock", "encryption", "public_access", "lifecycle", "policy")


def wanted(objects: Objects, *, tls: bool = False, archivist: str | None = None, days: int = 180) -> Wanted:
    return Wanted(bucket=objects.bucket, cold_after_days=days, archivist=archivist, tls=tls)


@pytest.fixture(params=["ministack", "moto"])
async def bucket(request: pytest.FixtureRequest, world: World) -> Any:
    name = f"governed-{uuid4().hex}"
    if request.param == "moto":
        with mock_aws():
            objects = Objects(bucket=name, endpoint_url=None, region="us-east-1")
            await objects.ensure_bucket()
            yield objects
        return
    objects = Objects(bucket=name, endpoint_url=world.app.objects._client.meta.endpoint_url, region="us-east-1")
    await objects.ensure_bucket()
    yield objects


def wrong(found: list[governance.Finding]) -> set[str]:
    return {one.name for one in found if one.wrong and not one.missing}


async def test_a_new_bucket_is_set_and_then_found_as_it_must_be(bucket: Objects) -> None:
    assert {"versioning", "object_lock", "lifecycle"} <= wrong(await governance.check(bucket, wanted(bucket)))
    assert wrong(await governance.apply(bucket, wanted(bucket))) == set()
    assert wrong(await governance.apply(bucket, wanted(bucket))) == set()
    told = {one.name for one in await governance.check(bucket, wanted(bucket)) if one.missing}
    assert told == {"TLS only", "deleting"}
    rules = await bucket.configuration("lifecycle")
    assert {rule["Transitions"][0]["StorageClass"] for rule in rules if "Transitions" in rule} == {"GLACIER"}


async def test_a_setting_that_changed_is_found_and_set_again(bucket: Objects) -> None:
    await governance.apply(bucket, wanted(bucket))
    assert wrong(await governance.check(bucket, wanted(bucket, days=365))) == {"lifecycle"}
    bucket._client.put_bucket_versioning(Bucket=bucket.bucket, VersioningConfiguration={"Status": "Suspended"})
    bucket._client.delete_bucket_lifecycle(Bucket=bucket.bucket)
    bucket._client.delete_public_access_block(Bucket=bucket.bucket)
    assert wrong(await governance.check(bucket, wanted(bucket))) == {"versioning", "lifecycle", "public_access"}
    assert wrong(await governance.apply(bucket, wanted(bucket))) == set()


async def test_rules_and_statements_of_others_stay(bucket: Objects) -> None:
    theirs = {"ID": "theirs", "Status": "Enabled", "Filter": {"Prefix": "x/"}, "Expiration": {"Days": 3}}
    await bucket.configure("lifecycle", {"Rules": [theirs]})
    allow = {
        "Sid": "Theirs",
        "Effect": "Allow",
        "Principal": {"AWS": ROLE},
        "Action": "s3:*",
        "Resource": [f"arn:aws:s3:::{bucket.bucket}", f"arn:aws:s3:::{bucket.bucket}/*"],
    }
    await bucket.configure("policy", json.dumps({"Version": "2012-10-17", "Statement": [allow]}))
    found = await bucket.configuration("policy")
    merged = governance._with_others(
        "policy", governance.settings(wanted(bucket, tls=True, archivist=ROLE))["policy"], found
    )
    assert [each["Sid"] for each in merged["Statement"]] == ["Theirs", "venmo-tls-only", "venmo-archivist-deletes"]
    assert wrong(await governance.apply(bucket, wanted(bucket))) == set()
    assert "theirs" in {rule["ID"] for rule in await bucket.configuration("lifecycle")}


async def test_the_policy_denies_what_comes_without_tls_and_who_else_deletes(bucket: Objects) -> None:
    strict = wanted(bucket, tls=True, archivist=ROLE)
    assert wrong(await governance.check(bucket, strict)) >= {"policy"}
    await governance.apply(bucket, strict)  # moto then denies all there is
    stored = json.loads(bucket._client.get_bucket_policy(Bucket=bucket.bucket)["Policy"])
    assert {each["Sid"]: each["Condition"] for each in stored["Statement"]} == {
        "venmo-tls-only": {"Bool": {"aws:SecureTransport": "false"}},
        "venmo-archivist-deletes": {"ArnNotEquals": {"aws:PrincipalArn": ROLE}},
    }
    assert governance.is_met("policy", governance.settings(strict)["policy"], json.dumps(stored))
    stored["Statement"].pop()
    assert not governance.is_met("policy", governance.settings(strict)["policy"], json.dumps(stored))


async def test_what_is_kept_cannot_be_removed(bucket: Objects) -> None:
    until = datetime.now(UTC) + timedelta(days=30)
    await governance.apply(bucket, wanted(bucket))
    await bucket.put_new("manifest/1", b"kept", content_type="text/plain", keep_until=until)
    (version,) = bucket._client.list_object_versions(Bucket=bucket.bucket, Prefix="manifest/1")["Versions"]
    with pytest.raises(ClientError, match="AccessDenied"):
        bucket._client.delete_object(Bucket=bucket.bucket, Key="manifest/1", VersionId=version["VersionId"])
    await bucket.put_new("ledger/1", b"not kept", content_type="text/plain")
    await bucket.delete(["ledger/1", "ledger/2"])
    assert await bucket.keys("") == ["manifest/1"]


async def test_manifests_are_locked_for_as_long_as_history_is_kept(fresh: World) -> None:
    objects = fresh.app.objects
    await governance.apply(objects, wanted(objects))
    await settle(fresh)
    assert (await service.archive(fresh.app, before=fresh.clock.now())).manifests
    until = {
        key: objects._client.get_object_retention(Bucket=objects.bucket, Key=key)["Retention"]["RetainUntilDate"]
        for key in await objects.keys("manifest/")
    }
    assert until
    assert min(until.values()) >= fresh.wall_clock.now() + rules.KEPT - timedelta(minutes=10)


async def test_where_nothing_is_locked_what_is_to_be_kept_is_written_all_the_same(bucket: Objects) -> None:
    until = datetime.now(UTC) + timedelta(days=30)
    await bucket.put_new("manifest/1", b"kept", content_type="text/plain", keep_until=until)
    assert await bucket.get("manifest/1") == b"kept"


async def test_a_setting_that_is_refused_is_found_wrong_and_the_others_are_set(
    bucket: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure = bucket.configure

    async def unless_lock(name: str, value: Any) -> None:
        if name == "object_lock":
            raise Refused("The archive refused a request (AccessDenied).")
        await configure(name, value)

    monkeypatch.setattr(bucket, "configure", unless_lock)
    assert wrong(await governance.apply(bucket, wanted(bucket))) == {"object_lock"}


class Unable:
    """A server that knows nothing but objects."""

    bucket = "b"

    async def configuration(self, name: str) -> Any:
        raise NotSupported("no")

    async def configure(self, name: str, value: Any) -> None:
        raise NotSupported("no")


async def test_what_a_server_cannot_do_is_told() -> None:
    unable: Any = Unable()
    found = await governance.apply(unable, wanted(unable, tls=True, archivist=ROLE))
    assert {one.name: one.missing for one in found} == dict.fromkeys(SETTINGS, True)
    await Watch(unable, wanted(unable)).require(now=NOW)


async def test_a_watch_looks_again_after_a_while(bucket: Objects) -> None:
    watch = Watch(bucket, wanted(bucket))
    with pytest.raises(BucketWeak, match="versioning is not set"):
        await watch.require(now=NOW)
    await governance.apply(bucket, wanted(bucket))
    with pytest.raises(BucketWeak):
        await watch.require(now=NOW + timedelta(minutes=9))
    await watch.require(now=NOW + timedelta(minutes=10))
