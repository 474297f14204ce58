"""Where the outermost keys are: AWS KMS, which never shows its own, or a file on a laptop. One contract for both."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import anyio
import anyio.to_thread
import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from venmo_api.core.errors import AppError, Kind, Unavailable

NONCE_BYTES = 12
REFUSALS = {"InvalidCiphertextException", "IncorrectKeyException"}


class KmsAway(Unavailable):
    """The key service does not answer, or does not let us in."""

    def __init__(self, why: str) -> None:
        super().__init__(f"The key service cannot be reached right now ({why}).")


class KmsRefused(AppError):
    """Not something this key wrapped, or not in this context. Waiting mends nothing."""

    kind = Kind.UNAVAILABLE
    code = "master_key_wrong"
    title = "Not the master key of this data"

    def __init__(self, why: str) -> None:
        super().__init__(
            f"The keys in the database were wrapped by another master key than this one ({why}). Set "
            "VENMO_MASTER_KEY_FILE or VENMO_KMS_KEY_ID to the master key this database was begun with."
        )


@dataclass(frozen=True, slots=True)
class DataKey:
    """256 bits, and the form of them that may be stored."""

    secret: bytes = field(repr=False)
    wrapped: bytes


class Kms(Protocol):
    async def new_data_key(self, context: Mapping[str, str]) -> DataKey:
        """A fresh key, to be unwrapped in the same context only. Raises KmsAway."""
        ...

    async def unwrap(self, wrapped: bytes, context: Mapping[str, str]) -> bytes:
        """Raises KmsRefused for what was not wrapped so, and KmsAway."""
        ...


class AwsKms:
    """``key_id``: an id, alias or ARN. What older keys of the same id wrapped is unwrapped too: KMS rotates within."""

    def __init__(self, key_id: str, *, region: str, endpoint_url: str | None = None) -> None:
        config = Config(connect_timeout=2, read_timeout=3, retries={"mode": "standard", "max_attempts": 2})
        self._client: Any = boto3.client("kms", region_name=region, endpoint_url=endpoint_url, config=config)
        self._key_id = key_id
        self._limiter = anyio.CapacityLimiter(4)

    async def new_data_key(self, context: Mapping[str, str]) -> DataKey:
        call = partial(
            self._client.generate_data_key, KeyId=self._key_id, KeySpec="AES_256", EncryptionContext=dict(context)
        )
        made = await self._asked(call)
        return DataKey(made["Plaintext"], made["CiphertextBlob"])

    async def unwrap(self, wrapped: bytes, context: Mapping[str, str]) -> bytes:
        call = partial(
            self._client.decrypt, KeyId=self._key_id, CiphertextBlob=wrapped, EncryptionContext=dict(context)
        )
        secret: bytes = (await self._asked(call))["Plaintext"]
        return secret

    async def _asked(self, call: "partial[dict[str, Any]]") -> dict[str, Any]:
        try:
            return await anyio.to_thread.run_sync(call, limiter=self._limiter)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in REFUSALS:
                raise KmsRefused(code) from None
            raise KmsAway(code) from None
        except BotoCoreError as error:
            raise KmsAway(type(error).__name__) from None


class FileKms:
    """The local twin: the master key is 256 bits in a file that only its owner may read."""

    def __init__(self, path: Path) -> None:
        """Raises ValueError for a file that others may read, or that holds no key."""
        if path.stat().st_mode & 0o077:
            raise ValueError(f"others may read the master key; run: chmod 600 {path}")
        secret = path.read_bytes()
        if len(secret) != 32:
            raise ValueError(f"{path} does not hold a master key of 32 bytes")
        self._master = AESGCM(secret)

    async def new_data_key(self, context: Mapping[str, str]) -> DataKey:
        secret, nonce = os.urandom(32), os.urandom(NONCE_BYTES)
        return DataKey(secret, nonce + self._master.encrypt(nonce, secret, _bound(context)))

    async def unwrap(self, wrapped: bytes, context: Mapping[str, str]) -> bytes:
        try:
            return self._master.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], _bound(context))
        except (InvalidTag, ValueError):
            raise KmsRefused("not wrapped by this key in this context") from None


def make_master_key(path: Path) -> None:
    """A master key in ``path``, readable by its owner only, unless there is one."""
    try:
        with open(path, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(os.urandom(32))
    except FileExistsError:
        pass


def _bound(context: Mapping[str, str]) -> bytes:
    return b"".join(
        len(part).to_bytes(4, "big") + part
        for name, value in sorted(context.items())
        for part in (name.encode(), value.encode())
    )
