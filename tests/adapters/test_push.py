"""Pushes by AWS: what is asked of SNS (moto's, over the real client), and which refusals mean that a phone is gone."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError
from botocore.stub import Stubber
from moto import mock_aws

from venmo_api.adapters.push import AwsPush, NoPush, TokenGone
from venmo_api.core.errors import Unavailable

REGION, TOKEN, TEXT, KEY = "eu-central-1", "a1b2c3d4e5f60718", "You have been paid.", "ntf_1"


@pytest.fixture
def sns(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with mock_aws():
        yield boto3.client("sns", region_name=REGION)


def application(sns: Any, platform: str) -> str:
    made = sns.create_platform_application(Name=platform, Platform=platform, Attributes={"PlatformCredential": "x"})
    return str(made["PlatformApplicationArn"])


@pytest.fixture
def push(sns: Any) -> AwsPush:
    return AwsPush(region=REGION, applications={"apns": application(sns, "APNS"), "fcm": application(sns, "GCM")})


def endpoints(sns: Any, push: AwsPush) -> list[dict[str, Any]]:
    return [
        endpoint
        for arn in push._applications.values()
        for endpoint in sns.list_endpoints_by_platform_application(PlatformApplicationArn=arn)["Endpoints"]
    ]


async def test_a_token_has_one_endpoint_however_often_it_is_sent_to(sns: Any, push: AwsPush) -> None:
    for _ in range(3):
        await push.send(uuid4(), "apns", TOKEN, TEXT, key=KEY)
    again = AwsPush(region=REGION, applications=push._applications)
    await again.send(uuid4(), "apns", TOKEN, TEXT, key=KEY)
    [endpoint] = endpoints(sns, push)
    assert endpoint["Attributes"]["Token"] == TOKEN


async def test_an_endpoint_that_was_disabled_is_forgotten_there_and_here(sns: Any, push: AwsPush) -> None:
    await push.send(uuid4(), "fcm", TOKEN, TEXT, key=KEY)
    [endpoint] = endpoints(sns, push)
    sns.set_endpoint_attributes(EndpointArn=endpoint["EndpointArn"], Attributes={"Enabled": "false"})
    with pytest.raises(TokenGone):
        await push.send(uuid4(), "fcm", TOKEN, TEXT, key=KEY)
    assert endpoints(sns, push) == []
    await push.send(uuid4(), "fcm", TOKEN, TEXT, key=KEY)  # the app was installed again
    assert len(endpoints(sns, push)) == 1


async def test_what_is_sent_replaces_itself_on_every_platform(push: AwsPush) -> None:
    endpoint = "arn:aws:sns:eu-central-1:123456789012:endpoint/APNS/x/1"
    push._endpoints[TOKEN] = endpoint
    seen: list[dict[str, Any]] = []
    push._sns.meta.events.register("provide-client-params.sns.Publish", lambda params, **_: seen.append(params))
    with Stubber(push._sns) as stub:
        stub.add_response("publish", {"MessageId": "1"})
        await push.send(uuid4(), "apns", TOKEN, TEXT, key=KEY)
    [asked] = seen
    assert asked["TargetArn"] == endpoint
    assert asked["MessageAttributes"]["AWS.SNS.MOBILE.APNS.COLLAPSE_ID"]["StringValue"] == KEY
    payload = json.loads(asked["Message"])
    assert json.loads(payload["APNS"])["aps"]["alert"] == TEXT
    message = json.loads(payload["GCM"])["fcmV1Message"]["message"]
    assert message["notification"] == {"body": TEXT}
    assert message["android"]["notification"]["tag"] == KEY
    assert payload["default"] == TEXT


@pytest.mark.parametrize("code", ["Throttled", "InternalError", "AuthorizationError", "PlatformApplicationDisabled"])
async def test_a_refusal_is_unavailable_and_names_nobody(push: AwsPush, code: str) -> None:
    push._endpoints[TOKEN] = "arn:aws:sns:eu-central-1:123456789012:endpoint/APNS/x/1"
    with Stubber(push._sns) as stub:
        stub.add_client_error("publish", code, f"cannot send to {TOKEN}")
        with pytest.raises(Unavailable) as caught:
            await push.send(uuid4(), "apns", TOKEN, TEXT, key=KEY)
    assert not [secret for secret in (TOKEN, TEXT) if secret in repr(caught.value) + caught.value.detail]
    assert caught.value.__cause__ is None


async def test_a_token_that_is_none_is_gone(push: AwsPush) -> None:
    with Stubber(push._sns) as stub:
        stub.add_client_error("create_platform_endpoint", "InvalidParameter", f"Invalid token {TOKEN}")
        with pytest.raises(TokenGone):
            await push.send(uuid4(), "apns", TOKEN, TEXT, key=KEY)


async def test_a_service_that_cannot_be_reached_is_unavailable(push: AwsPush, monkeypatch: pytest.MonkeyPatch) -> None:
    def create_platform_endpoint(**asked: Any) -> None:
        raise EndpointConnectionError(endpoint_url="https://sns")

    away = type("Away", (), {"create_platform_endpoint": staticmethod(create_platform_endpoint)})
    monkeypatch.setattr(push, "_sns", away)
    with pytest.raises(Unavailable):
        await push.send(uuid4(), "apns", TOKEN, TEXT, key=KEY)


async def test_platforms_are_those_that_were_set_up(sns: Any) -> None:
    push = AwsPush(region=REGION, applications={"fcm": application(sns, "GCM")})
    assert push.platforms == {"fcm"}
    assert NoPush().platforms == frozenset()
    for one in (push, NoPush()):
        with pytest.raises(TokenGone):
            await one.send(uuid4(), "apns", TOKEN, TEXT, key=KEY)


def test_calls_are_bounded_in_time(push: AwsPush) -> None:
    config = push._sns.meta.config
    assert (config.connect_timeout, config.read_timeout) == (2, 3)
    assert config.retries["total_max_attempts"] <= 3
