"""Pushes to phones: by SNS, or into the sandbox's inbox."""

import json
from collections import OrderedDict
from contextlib import suppress
from functools import partial
from typing import Any, Literal, Protocol
from uuid import UUID

import anyio
import anyio.to_thread
import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from venmo_api.adapters.messages import INSERT
from venmo_api.adapters.postgres import Database, Transaction
from venmo_api.core.clock import Clock, NewId
from venmo_api.core.errors import Unavailable

Platform = Literal["apns", "fcm"]
AT_ONCE = 32
ENDPOINTS_MOST = 100_000
GONE = {"EndpointDisabled", "EndpointDisabledException", "NotFound", "NotFoundException"}
MALFORMED = {"InvalidParameter", "InvalidParameterException"}


class TokenGone(Exception):
    """The app was removed, or the token never was one: forget it."""


class Push(Protocol):
    @property
    def platforms(self) -> frozenset[Platform]:
        """Where pushes can go at all."""
        ...

    async def send(self, user_id: UUID, platform: Platform, token: str, text: str, *, key: str) -> None:
        """Hand a push over for delivery; of several with one ``key`` a phone shows the last.

        Raises TokenGone and Unavailable, which name neither the token nor the text.
        """
        ...


class NoPush:
    """Where no platform was set up: nothing goes out, and nobody's token is taken."""

    platforms: frozenset[Platform] = frozenset()

    async def send(self, user_id: UUID, platform: Platform, token: str, text: str, *, key: str) -> None:
        raise TokenGone


class SandboxPush:
    """The local twin: what was sent stands in the sandbox's inbox, to ``platform:token``. A token that begins with
    ``gone-`` is of an app that was removed."""

    platforms: frozenset[Platform] = frozenset({"apns", "fcm"})

    def __init__(self, database: Database, clock: Clock, new_id: NewId) -> None:
        self._database = database
        self._clock = clock
        self._new_id = new_id

    async def send(self, user_id: UUID, platform: Platform, token: str, text: str, *, key: str) -> None:
        if token.startswith("gone-"):
            raise TokenGone
        message = {"id": self._new_id(), "user_id": user_id, "channel": "push", "text": text}
        message |= {"address": f"{platform}:{token}"[:254], "sent_at": self._clock.now()}
        await self._database.transact(_insert, message)


class AwsPush:
    """Mobile push of SNS. ``applications``: the ARN of the platform application of each platform that is set up."""

    def __init__(self, *, region: str, applications: dict[Platform, str]) -> None:
        config = Config(
            connect_timeout=2,
            read_timeout=3,
            retries={"mode": "standard", "max_attempts": 2},
            max_pool_connections=AT_ONCE,
        )
        self._sns: Any = boto3.client("sns", region_name=region, config=config)
        self._applications = applications
        self._endpoints: OrderedDict[str, str] = OrderedDict()
        self._limiter = anyio.CapacityLimiter(AT_ONCE)

    @property
    def platforms(self) -> frozenset[Platform]:
        return frozenset(self._applications)

    async def send(self, user_id: UUID, platform: Platform, token: str, text: str, *, key: str) -> None:
        if platform not in self._applications:
            raise TokenGone
        call = partial(self._publish, platform, token, text, key)
        await anyio.to_thread.run_sync(call, limiter=self._limiter)

    def _publish(self, platform: Platform, token: str, text: str, key: str) -> None:
        try:
            endpoint = self._endpoint(platform, token)
            self._sns.publish(
                TargetArn=endpoint,
                MessageStructure="json",
                Message=_payload(text, key),
                MessageAttributes={"AWS.SNS.MOBILE.APNS.COLLAPSE_ID": {"DataType": "String", "StringValue": key}},
            )
        except ClientError as error:
            # Not chained: what AWS says of a refused token holds the token.
            if error.response["Error"]["Code"] in GONE:
                self._forget(token)
                raise TokenGone from None
            raise _away(error) from None
        except BotoCoreError as error:
            raise _away(error) from None

    def _endpoint(self, platform: Platform, token: str) -> str:
        """Where SNS sends what is for this token: asked for again, the same."""
        endpoint = self._endpoints.get(token)
        if endpoint is None:
            try:
                made = self._sns.create_platform_endpoint(
                    PlatformApplicationArn=self._applications[platform], Token=token
                )
            except ClientError as error:
                if error.response["Error"]["Code"] in MALFORMED:
                    raise TokenGone from None
                raise
            endpoint = self._endpoints[token] = str(made["EndpointArn"])
            if len(self._endpoints) > ENDPOINTS_MOST:
                self._endpoints.popitem(last=False)
        return endpoint

    def _forget(self, token: str) -> None:
        """So that SNS begins anew should the same token come back."""
        if endpoint := self._endpoints.pop(token, None):
            with suppress(BotoCoreError, ClientError):
                self._sns.delete_endpoint(EndpointArn=endpoint)


def _payload(text: str, key: str) -> str:
    """The key once more for Android, where a tag replaces what is shown under it."""
    apple = json.dumps({"aps": {"alert": text, "sound": "default"}, "id": key})
    android = {"priority": "high", "notification": {"tag": key}}
    google = {"message": {"notification": {"body": text}, "data": {"id": key}, "android": android}}
    return json.dumps(
        {"default": text, "APNS": apple, "APNS_SANDBOX": apple, "GCM": json.dumps({"fcmV1Message": google})}
    )


def _away(error: Exception) -> Unavailable:
    return Unavailable(f"The push could not be sent ({type(error).__name__}).")


async def _insert(tx: Transaction, message: dict[str, object]) -> None:
    await tx.execute(INSERT, message)
