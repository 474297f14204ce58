"""Mail and text messages to people: by AWS, or into the sandbox's inbox."""

from functools import partial
from typing import Any, Literal, Protocol
from uuid import UUID

import anyio
import anyio.to_thread
import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from sqlalchemy import text as sql

from venmo_api.adapters.postgres import Database, Transaction
from venmo_api.core.clock import Clock, NewId
from venmo_api.core.errors import Unavailable

Channel = Literal["email", "phone"]
SUBJECT = "A message about your account"
INSERT = sql("""
    INSERT INTO sandbox_messages (id, user_id, channel, address, text, sent_at)
    VALUES (:id, :user_id, :channel, :address, :text, :sent_at)
""")


class Messenger(Protocol):
    async def send(self, user_id: UUID, channel: Channel, address: str, text: str) -> None:
        """Hand a text over for delivery. Raises Unavailable, and names neither the address nor the text in it."""
        ...

    def takes_word(self, address: str) -> bool:
        """Whether this address or number counts as proved because its owner said so, without a code."""
        ...


class SandboxMessenger:
    """The local twin: what was sent stands in a table, for ``GET /v1/sandbox/inbox``.

    With ``takes_word`` newcomers need no code, except for addresses at ``unproved.example`` and numbers that begin with
    ``+1999``: with those the way of the code can be rehearsed.
    """

    def __init__(self, database: Database, clock: Clock, new_id: NewId, *, takes_word: bool) -> None:
        self._database = database
        self._clock = clock
        self._new_id = new_id
        self._takes_word = takes_word

    def takes_word(self, address: str) -> bool:
        return self._takes_word and not (address.endswith("@unproved.example") or address.startswith("+1999"))

    async def send(self, user_id: UUID, channel: Channel, address: str, text: str) -> None:
        message = {"id": self._new_id(), "user_id": user_id, "channel": channel, "address": address, "text": text}
        await self._database.transact(_insert, message | {"sent_at": self._clock.now()})


class AwsMessenger:
    """Mail by SES, text messages by SNS. ``mail_from`` is an address SES may send from."""

    def __init__(self, *, region: str, mail_from: str) -> None:
        config = Config(connect_timeout=2, read_timeout=3, retries={"mode": "standard", "max_attempts": 2})
        self._mail: Any = boto3.client("sesv2", region_name=region, config=config)
        self._phone: Any = boto3.client("sns", region_name=region, config=config)
        self._mail_from = mail_from
        self._limiter = anyio.CapacityLimiter(8)

    def takes_word(self, address: str) -> bool:
        return False

    async def send(self, user_id: UUID, channel: Channel, address: str, text: str) -> None:
        call = self._as_mail(address, text) if channel == "email" else self._as_text_message(address, text)
        try:
            await anyio.to_thread.run_sync(call, limiter=self._limiter)
        except (BotoCoreError, ClientError) as error:
            # Not chained: what AWS says of a refused address holds the address.
            raise Unavailable(f"The message could not be sent ({type(error).__name__}).") from None

    def _as_mail(self, address: str, text: str) -> partial[Any]:
        return partial(
            self._mail.send_email,
            FromEmailAddress=self._mail_from,
            Destination={"ToAddresses": [address]},
            Content={"Simple": {"Subject": {"Data": SUBJECT}, "Body": {"Text": {"Data": text}}}},
        )

    def _as_text_message(self, number: str, text: str) -> partial[Any]:
        kind = {"DataType": "String", "StringValue": "Transactional"}
        return partial(
            self._phone.publish,
            PhoneNumber=number,
            Message=text,
            MessageAttributes={"AWS.SNS.SMS.SMSType": kind},
        )


async def _insert(tx: Transaction, message: dict[str, object]) -> None:
    await tx.execute(INSERT, message)
