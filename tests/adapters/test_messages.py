"""Messages by AWS: what is asked of SES and SNS, and what is told of their refusals."""

from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import EndpointConnectionError
from botocore.stub import Stubber

from venmo_api.adapters.messages import SUBJECT, AwsMessenger
from venmo_api.core.errors import Unavailable

ADDRESS, NUMBER, TEXT = "alice@example.com", "+14155550123", "123456 is your code"


@pytest.fixture
def messenger() -> AwsMessenger:
    return AwsMessenger(region="eu-central-1", mail_from="hello@pay.example")


async def test_mail_goes_by_ses(messenger: AwsMessenger) -> None:
    asked = {
        "FromEmailAddress": "hello@pay.example",
        "Destination": {"ToAddresses": [ADDRESS]},
        "Content": {"Simple": {"Subject": {"Data": SUBJECT}, "Body": {"Text": {"Data": TEXT}}}},
    }
    with Stubber(messenger._mail) as stub:
        stub.add_response("send_email", {"MessageId": "1"}, asked)
        await messenger.send(uuid4(), "email", ADDRESS, TEXT)
        stub.assert_no_pending_responses()


async def test_text_messages_go_by_sns_before_advertisements(messenger: AwsMessenger) -> None:
    asked = {
        "PhoneNumber": NUMBER,
        "Message": TEXT,
        "MessageAttributes": {"AWS.SNS.SMS.SMSType": {"DataType": "String", "StringValue": "Transactional"}},
    }
    with Stubber(messenger._phone) as stub:
        stub.add_response("publish", {"MessageId": "1"}, asked)
        await messenger.send(uuid4(), "phone", NUMBER, TEXT)
        stub.assert_no_pending_responses()


@pytest.mark.parametrize("code", ["MessageRejected", "TooManyRequestsException", "InternalFailure"])
async def test_a_refusal_is_unavailable_and_names_nobody(messenger: AwsMessenger, code: str) -> None:
    with Stubber(messenger._mail) as stub:
        stub.add_client_error("send_email", code, f"address is not verified: {ADDRESS}")
        with pytest.raises(Unavailable) as caught:
            await messenger.send(uuid4(), "email", ADDRESS, TEXT)
    assert not [secret for secret in (ADDRESS, TEXT) if secret in repr(caught.value) + caught.value.detail]
    assert caught.value.__cause__ is None


async def test_a_service_that_cannot_be_reached_is_unavailable(
    messenger: AwsMessenger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def publish(**asked: Any) -> None:
        raise EndpointConnectionError(endpoint_url="https://sns")

    monkeypatch.setattr(messenger, "_phone", type("Away", (), {"publish": staticmethod(publish)}))
    with pytest.raises(Unavailable):
        await messenger.send(uuid4(), "phone", NUMBER, TEXT)


def test_calls_are_bounded_in_time(messenger: AwsMessenger) -> None:
    for client in (messenger._mail, messenger._phone):
        config = client.meta.config
        assert (config.connect_timeout, config.read_timeout) == (2, 3)
        assert config.retries["total_max_attempts"] <= 3
        assert client.meta.region_name == "eu-central-1"
