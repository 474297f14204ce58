"""What a key service promises: the same of AWS (moto's, over the real client) and of the file on a laptop."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from venmo_api.adapters.kms import AwsKms, DataKey, FileKms, Kms, KmsAway, KmsRefused, make_master_key

CONTEXT = {"service": "venmo-api", "purpose": "wrapping", "number": "1"}


@pytest.fixture(params=["aws", "file"])
def kms(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kms]:
    if request.param == "file":
        make_master_key(tmp_path / "master.key")
        yield FileKms(tmp_path / "master.key")
        return
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with mock_aws():
        key = boto3.client("kms", region_name="us-east-1").create_key()["KeyMetadata"]["KeyId"]
        yield AwsKms(key, region="us-east-1")


async def test_a_data_key_comes_back_in_its_context(kms: Kms) -> None:
    made = await kms.new_data_key(CONTEXT)
    assert len(made.secret) == 32
    assert made.secret not in made.wrapped
    assert await kms.unwrap(made.wrapped, CONTEXT) == made.secret


async def test_no_two_keys_are_the_same(kms: Kms) -> None:
    made = [await kms.new_data_key(CONTEXT) for _ in range(20)]
    assert len({one.secret for one in made}) == len({one.wrapped for one in made}) == 20


async def test_another_context_is_refused(kms: Kms) -> None:
    made = await kms.new_data_key(CONTEXT)
    for other in (CONTEXT | {"number": "2"}, {"service": "venmo-api"}, {}):
        with pytest.raises(KmsRefused):
            await kms.unwrap(made.wrapped, other)


async def test_what_was_changed_is_refused(kms: Kms) -> None:
    made = await kms.new_data_key(CONTEXT)
    with pytest.raises(KmsRefused):
        await kms.unwrap(made.wrapped[:-1] + bytes([made.wrapped[-1] ^ 1]), CONTEXT)


def test_a_key_is_not_shown_by_accident() -> None:
    secret = os.urandom(32)
    assert repr(secret) not in repr(DataKey(secret, b""))


async def test_a_service_that_does_not_answer_is_away_and_names_no_more_than_why() -> None:
    nobody = AwsKms("alias/x", region="us-east-1", endpoint_url="http://127.0.0.1:9")
    with pytest.raises(KmsAway, match=r"EndpointConnectionError|NoCredentials"):
        await nobody.new_data_key(CONTEXT)


def test_the_master_key_is_its_owners_only_and_made_once(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    make_master_key(path)
    first = path.read_bytes()
    make_master_key(path)
    assert path.read_bytes() == first
    assert len(first) == 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_master_key_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    make_master_key(path)
    path.chmod(0o640)
    with pytest.raises(ValueError, match="chmod 600"):
        FileKms(path)
    short = tmp_path / "short.key"
    short.write_bytes(b"short")
    short.chmod(0o600)
    with pytest.raises(ValueError, match="32 bytes"):
        FileKms(short)
