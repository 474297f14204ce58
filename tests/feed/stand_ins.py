"""Servers that misbehave on purpose."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


@asynccontextmanager
async def silent_server(*, says: bytes = b"", hangs_up: bool = False) -> AsyncIterator[int]:
    """A TCP server that accepts and never answers, or has one answer to everything; its port."""
    accepted: list[asyncio.StreamWriter] = []

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.append(writer)
        while asked := await reader.read(65536):
            commands = sum(line.startswith(b"*") for line in asked.split(b"\r\n"))
            writer.write(says * max(1, commands))
            if hangs_up:
                writer.close()
                return

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in accepted:
            writer.close()
        await server.wait_closed()
