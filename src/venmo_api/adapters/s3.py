"""S3 through boto3: blocking calls in threads under an own limiter, clients made once."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

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


_BROKEN_READS = (FlexibleChecksumError, IncompleteReadError, ResponseStreamingError)
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

    async def put_new(self, key: str, body: bytes, *, content_type: str) -> None:
        """Write an object that must not exist yet. Raises ObjectExists."""
        await self._call(
            self._client.put_object,
            Bucket=self.bucket,
            Key=key,
            Body=body,
            ContentType=content_type,
            IfNoneMatch="*",
        )

    async def get(self, key: str) -> bytes:
        """The whole object. Raises ObjectMissing, ObjectDamaged."""

        def fetch() -> bytes:
            body: bytes = self._client.get_object(Bucket=self.bucket, Key=key)["Body"].read()
            return body

        for _ in range(_READ_TRIES):
            with suppress(*_BROKEN_READS):
                return await self._call(fetch)
        raise ObjectDamaged(key)

    async def keys(self, prefix: str) -> list[str]:
        """Every key below ``prefix``, in order."""

        def walk() -> list[str]:
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
            return sorted(item["Key"] for page in pages for item in page.get("Contents", []))

        return await self._call(walk)

    async def _call(self, method: Callable[..., T], **arguments: Any) -> T:
        try:
            return await anyio.to_thread.run_sync(partial(method, **arguments), limiter=self._limiter)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            if code in {"404", "NoSuchKey", "NoSuchBucket", "NotFound"}:
                raise ObjectMissing(str(arguments.get("Key", self.bucket))) from error
            if code in {"412", "PreconditionFailed", "ConditionalRequestConflict"}:
                raise ObjectExists(str(arguments.get("Key"))) from error
            raise Unavailable(f"The archive refused a request ({code}).") from error
        except _BROKEN_READS:
            raise  # the connection was there: ``get`` says what it means
        except BotoCoreError as error:
            raise Unavailable(f"The archive cannot be reached ({type(error).__name__}).") from error
