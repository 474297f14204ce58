"""S3 through boto3: blocking calls in threads under an own limiter, clients made once."""

import io
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import anyio
import anyio.to_thread
import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    FlexibleChecksumError,
    IncompleteReadError,
    ResponseStreamingError,
)

from venmo_api.core.errors import Unavailable

T = TypeVar("T")


class ObjectExists(Exception):
    """A conditional put found the key taken: someone else wrote it first."""


class ObjectMissing(Exception):
    """No object under that key."""


class ObjectDamaged(Exception):
    """S3 has the object and cannot hand out all of it, again and again."""


class ObjectCold(Exception):
    """The object lies in a storage class that hands it out only some time after it was asked for."""


class NotConfigured(Exception):
    """The bucket was never set to anything there."""


class Refused(Unavailable):
    """S3 was there and said no."""


class NotSupported(Refused):
    """The S3 server has no such thing."""

    code = "not_supported"
    title = "The S3 server has no such thing"


SETTINGS = {
    "versioning": (
        "get_bucket_versioning",
        "Status",
        "put_bucket_versioning",
        "VersioningConfiguration",
    ),
    "object_lock": (
        "get_object_lock_configuration",
        "ObjectLockConfiguration",
        "put_object_lock_configuration",
        "ObjectLockConfiguration",
    ),
    "encryption": (
        "get_bucket_encryption",
        "ServerSideEncryptionConfiguration",
        "put_bucket_encryption",
        "ServerSideEncryptionConfiguration",
    ),
    "lifecycle": (
        "get_bucket_lifecycle_configuration",
        "Rules",
        "put_bucket_lifecycle_configuration",
        "LifecycleConfiguration",
    ),
    "policy": ("get_bucket_policy", "Policy", "put_bucket_policy", "Policy"),
    "public_access": (
        "get_public_access_block",
        "PublicAccessBlockConfiguration",
        "put_public_access_block",
        "PublicAccessBlockConfiguration",
    ),
}
"""Of a bucket, by name: how each is read, where the answer has it, how it is written, and as what."""
_NOT_CONFIGURED = {
    "ObjectLockConfigurationNotFoundError",
    "ServerSideEncryptionConfigurationNotFoundError",
    "NoSuchLifecycleConfiguration",
    "NoSuchBucketPolicy",
    "NoSuchPublicAccessBlockConfiguration",
}
_DELETED_AT_ONCE = 1000


class ObjectComing(Exception):
    """It was asked for already."""


class Shelved(StrEnum):
    """An object can be read; was asked for and can be read later; has to be asked for."""

    READABLE = "readable"
    COMING = "coming"
    COLD = "cold"


_COLD_CLASSES = {"GLACIER", "DEEP_ARCHIVE"}
_BROKEN_READS = (FlexibleChecksumError, IncompleteReadError, ResponseStreamingError)
_PART_BYTES = 1 << 20
_READ_TRIES = 2
"""A connection that broke once may have been the network's fault; one that breaks again is the object's."""


class Objects:
    """One bucket. Every method raises Unavailable when S3 cannot be reached."""

    def __init__(self, *, bucket: str, endpoint_url: str | None, region: str, ca_file: Path | None = None) -> None:
        self.bucket = bucket
        self._client: Any = boto3.client(
            "s3",
            endpoint_url=endpoint_url,
            region_name=region,
            verify=ca_file and str(ca_file),
            config=Config(
                signature_version="s3v4",
                s3={"addressing_style": "path"},
                connect_timeout=2,
                read_timeout=20,
                retries={"mode": "adaptive", "max_attempts": 3},
                # The archive's own SHA-256 covers every byte, and tells which object differs.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )
        self._limiter = anyio.CapacityLimiter(8)

    async def ensure_bucket(self) -> None:
        """Create the bucket when it is not there, and (every time) refuse public access to it."""
        try:
            await self._call(self._client.head_bucket, Bucket=self.bucket)
        except ObjectMissing:
            await self._call(self._client.create_bucket, Bucket=self.bucket)
        await self._call(
            self._client.put_public_access_block,
            Bucket=self.bucket,
            PublicAccessBlockConfiguration={
                "BlockPublicAcls": True,
                "IgnorePublicAcls": True,
                "BlockPublicPolicy": True,
                "RestrictPublicBuckets": True,
            },
        )

    async def ensure_reachable(self) -> None:
        """Raises Unavailable or ObjectMissing when the bucket cannot be used."""
        await self._call(self._client.head_bucket, Bucket=self.bucket)

    async def put_new(self, key: str, body: bytes, *, content_type: str, keep_until: datetime | None = None) -> None:
        """Write an object that must not exist yet. Until ``keep_until`` nobody can change or remove it, where the
        bucket has Object Lock. Raises ObjectExists."""
        locked: dict[str, Any] = {}
        if keep_until is not None and await self.configuration("object_lock") is not None:
            locked = {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": keep_until}
            locked["ChecksumAlgorithm"] = "SHA256"  # S3 wants one with every lock
        await self._call(
            self._client.put_object,
            Bucket=self.bucket,
            Key=key,
            Body=body,
            ContentType=content_type,
            IfNoneMatch="*",
            **locked,
        )

    async def delete(self, keys: Sequence[str]) -> None:
        """Remove objects; one that is not there is no failure."""
        for start in range(0, len(keys), _DELETED_AT_ONCE):
            named = [{"Key": key} for key in keys[start : start + _DELETED_AT_ONCE]]
            answer = await self._call(
                self._client.delete_objects, Bucket=self.bucket, Delete={"Objects": named, "Quiet": True}
            )
            if refused := answer.get("Errors"):
                raise Unavailable(f"S3 refused to remove {len(refused):,} objects ({refused[0].get('Code')}).")

    async def get(self, key: str) -> bytes:
        """The whole object. Raises ObjectMissing, ObjectDamaged."""

        def fetch() -> bytes:
            body: bytes = self._client.get_object(Bucket=self.bucket, Key=key)["Body"].read()
            return body

        for _ in range(_READ_TRIES):
            with suppress(*_BROKEN_READS):
                return await self._call(fetch)
        raise ObjectDamaged(key)

    async def download(self, key: str, path: Path) -> None:
        """The whole object into a file, a part at a time. Raises ObjectMissing, ObjectDamaged."""

        def fetch() -> None:
            body = self._client.get_object(Bucket=self.bucket, Key=key)["Body"]
            with path.open("wb") as file:
                for part in body.iter_chunks(_PART_BYTES):
                    file.write(part)

        for _ in range(_READ_TRIES):
            with suppress(*_BROKEN_READS):
                return await self._call(fetch)
        raise ObjectDamaged(key)

    async def read_parts(self, key: str, size: int, work: Callable[[BinaryIO], T]) -> T:
        """What ``work`` makes, in a thread, of an object of ``size`` bytes, of which only what it reads is fetched.

        Who stops waiting is let go at once. Raises ObjectMissing, ObjectDamaged, ObjectCold.
        """
        return await self._call(
            lambda: work(io.BufferedReader(_Parts(self._client, self.bucket, key, size))), let_go=True
        )

    async def shelved(self, key: str) -> Shelved:
        """How an object can be had, by its storage class. Raises ObjectMissing."""
        head = await self._call(self._client.head_object, Bucket=self.bucket, Key=key)
        restored = head.get("Restore", "")
        if head.get("StorageClass") not in _COLD_CLASSES or 'ongoing-request="false"' in restored:
            return Shelved.READABLE
        return Shelved.COMING if restored else Shelved.COLD

    async def restore(self, key: str, *, days: int) -> None:
        """Ask for an object of a cold storage class: some hours later it can be read for so many days. Asked twice is
        asked once."""
        how = {"Days": days, "GlacierJobParameters": {"Tier": "Bulk"}}
        with suppress(ObjectComing):
            await self._call(self._client.restore_object, Bucket=self.bucket, Key=key, RestoreRequest=how)

    async def keys(self, prefix: str) -> list[str]:
        """Every key below ``prefix``, in order."""
        return sorted(await self.written(prefix))

    async def written(self, prefix: str) -> dict[str, datetime]:
        """When each object below ``prefix`` was written, by key."""

        def walk() -> dict[str, datetime]:
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
            return {item["Key"]: item["LastModified"] for page in pages for item in page.get("Contents", [])}

        return await self._call(walk)

    async def configuration(self, name: str) -> Any:
        """What the bucket is set to; None: nothing. Raises NotSupported."""
        read, answer, _, _ = SETTINGS[name]
        try:
            found = await self._call(getattr(self._client, read), Bucket=self.bucket)
        except NotConfigured:
            return None
        return found.get(answer)

    async def configure(self, name: str, value: Any) -> None:
        """Set the bucket. Raises NotSupported."""
        _, _, write, argument = SETTINGS[name]
        await self._call(getattr(self._client, write), Bucket=self.bucket, **{argument: value})

    async def _call(self, method: Callable[..., T], *, let_go: bool = False, **arguments: Any) -> T:
        try:
            return await anyio.to_thread.run_sync(
                partial(method, **arguments), limiter=self._limiter, abandon_on_cancel=let_go
            )
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            if code in {"404", "NoSuchKey", "NoSuchBucket", "NotFound"}:
                raise ObjectMissing(str(arguments.get("Key", self.bucket))) from error
            if code in _NOT_CONFIGURED:
                raise NotConfigured(code) from error
            if code in {"NotImplemented", "MethodNotAllowed", "501", "405"}:
                raise NotSupported(f"The S3 server does not know how to do this ({code}).") from error
            if code in {"412", "PreconditionFailed", "ConditionalRequestConflict"}:
                raise ObjectExists(str(arguments.get("Key"))) from error
            if code == "RestoreAlreadyInProgress":
                raise ObjectComing from error
            if code == "InvalidObjectState":
                raise ObjectCold(str(arguments.get("Key", ""))) from error
            raise Refused(f"The archive refused a request ({code}).") from error
        except _BROKEN_READS:
            raise  # the connection was there: ``get`` says what it means
        except BotoCoreError as error:
            raise Unavailable(f"The archive cannot be reached ({type(error).__name__}).") from error


class _Parts(io.RawIOBase):
    """An object as a file: each read is a request for these bytes."""

    def __init__(self, client: Any, bucket: str, key: str, size: int) -> None:
        self._client, self._bucket, self._key, self._size, self._at = client, bucket, key, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        last = min(self._at + len(buffer), self._size) - 1
        if last < self._at:
            return 0
        answer = self._client.get_object(Bucket=self._bucket, Key=self._key, Range=f"bytes={self._at}-{last}")
        body: bytes = answer["Body"].read()
        buffer[: len(body)] = body
        self._at += len(body)
        return len(body)
