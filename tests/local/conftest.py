"""Stacks on throwaway folders, and the clients that look inside them."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import boto3
import pytest
import redis
from botocore.config import Config

from venmo_api.local.stack import Endpoints, Stack

MakeStack = Callable[[Path], Stack]


@pytest.fixture
def make_stack() -> Iterator[MakeStack]:
    """Stacks that are stopped when the test ends, however it ends."""
    made: list[Stack] = []

    def make(folder: Path) -> Stack:
        made.append(Stack(folder, throwaway=True))
        return made[-1]

    yield make
    for stack in made:
        stack.stop()


class Contents:
    """One row and one object, which must survive, and one key, which must not outlive its server."""

    kept = ("row", b"object")

    async def write(self, at: Endpoints) -> None:
        connection = await self.database(at)
        await connection.execute("create table kept (word text); insert into kept values ('row')")
        await connection.close()
        with redis.Redis.from_url(at.redis_url) as client:
            client.set("kept", "key")
        s3 = self.objects(at)
        s3.create_bucket(Bucket="kept")
        s3.put_object(Bucket="kept", Key="an/object", Body=b"object")

    async def read(self, at: Endpoints) -> tuple[str, bytes]:
        connection = await self.database(at)
        row = await connection.fetchval("select word from kept")
        await connection.close()
        return row, self.objects(at).get_object(Bucket="kept", Key="an/object")["Body"].read()

    def key(self, at: Endpoints) -> bytes | None:
        with redis.Redis.from_url(at.redis_url) as client:
            found: bytes | None = client.get("kept")
            return found

    async def database(self, at: Endpoints) -> Any:
        return await asyncpg.connect(at.database_url.replace("+asyncpg", ""), timeout=5)

    def objects(self, at: Endpoints) -> Any:
        return boto3.client(
            "s3",
            endpoint_url=at.s3_endpoint_url,
            region_name="us-east-1",
            aws_access_key_id="local",
            aws_secret_access_key="local",
            config=Config(s3={"addressing_style": "path"}),
        )


@pytest.fixture
def contents() -> Contents:
    return Contents()
