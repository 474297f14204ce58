"""An S3 server of its own, whose disk rots where a test wants it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from venmo_api.adapters.s3 import Objects
from venmo_api.local import ports
from venmo_api.local.processes import Process
from venmo_api.local.s3 import S3

Harm = Callable[[str], AbstractContextManager[None]]
"""To the object of a key."""


@dataclass
class Disk:
    """Each harm lasts for a ``with``."""

    objects: Objects
    folder: Path

    @property
    def harms(self) -> tuple[Harm, ...]:
        return self.flipped, self.cut_short, self.emptied, self.deleted

    @contextmanager
    def flipped(self, key: str) -> Iterator[None]:
        """One bit of the byte in the middle."""
        file, body = self._file(key)
        middle = len(body) // 2
        file.write_bytes(body[:middle] + bytes([body[middle] ^ 1]) + body[middle + 1 :])
        yield
        file.write_bytes(body)

    @contextmanager
    def cut_short(self, key: str) -> Iterator[None]:
        file, body = self._file(key)
        file.write_bytes(body[:-3])
        yield
        file.write_bytes(body)

    @contextmanager
    def emptied(self, key: str) -> Iterator[None]:
        file, body = self._file(key)
        file.write_bytes(b"")
        yield
        file.write_bytes(body)

    @contextmanager
    def deleted(self, key: str) -> Iterator[None]:
        file, body = self._file(key)
        file.unlink()
        yield
        file.write_bytes(body)

    def _file(self, key: str) -> tuple[Path, bytes]:
        (file,) = (self.folder / "s3").glob(f"*/{self.objects.bucket}/{key}")
        return file, file.read_bytes()


@asynccontextmanager
async def disk(folder: Path, *, bucket: str) -> AsyncIterator[Disk]:
    for name in ("logs", "run"):
        (folder / name).mkdir()
    server, port = S3(folder), ports.free_port(avoid=set())
    server.prepare()
    process = Process(server.program(port))
    try:
        async with asyncio.timeout(60):
            while not await asyncio.to_thread(server.ready, port, process.pid):
                assert process.exit_code is None, process.output()
                await asyncio.sleep(0.05)
        objects = Objects(bucket=bucket, endpoint_url=f"http://127.0.0.1:{port}", region="us-east-1")
        await objects.ensure_bucket()
        yield Disk(objects, folder)
    finally:
        process.stop()
