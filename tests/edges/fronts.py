"""TLS in front of a server that has none: what it gets is passed on, in both directions."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

POSTGRES_ASKS_FOR_TLS = bytes.fromhex("0000000804d2162f")


@asynccontextmanager
async def tls_front(context: ssl.SSLContext, port: int, *, postgres: bool = False) -> AsyncIterator[int]:
    """The port of a front of the server at ``port``. Postgres' clients first ask, in plain, whether they may."""
    crossing: set[asyncio.Task[None]] = set()

    async def cross(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        crossing.add(task)
        with suppress(OSError, ssl.SSLError, asyncio.IncompleteReadError, asyncio.CancelledError):
            if postgres:
                assert await reader.readexactly(8) == POSTGRES_ASKS_FOR_TLS
                writer.write(b"S")
                await writer.start_tls(context)
            inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
            await asyncio.gather(_pump(reader, inner_writer), _pump(inner_reader, writer))
        writer.close()
        crossing.discard(task)

    server = await asyncio.start_server(cross, "127.0.0.1", 0, ssl=None if postgres else context)
    yield server.sockets[0].getsockname()[1]
    server.close()
    for task in crossing:
        task.cancel()
    await asyncio.gather(*crossing, return_exceptions=True)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError, ssl.SSLError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    with suppress(OSError, ssl.SSLError):
        writer.close()
