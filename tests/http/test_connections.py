"""Connections of the API itself, over real sockets: what is slow, over-long or no HTTP ends; others do not notice."""

import asyncio
import json
import socket
import struct
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from typing import Any

import pytest
import uvicorn
import uvloop
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tests.conftest import World
from venmo_api.http.connections import (
    ANSWERS_AT_ONCE,
    HEAD_BYTES_MOST,
    HEADERS_MOST,
    TOGETHER_BYTES_MOST,
    Connection,
    Together,
)
from venmo_api.main import create_app
from venmo_api.settings import Settings

HEAD = b"GET /livez HTTP/1.1\r\nHost: x\r\n"


class Hasty(Connection):
    arrive_seconds = 0.4
    look_seconds = 0.1
    connections_most = 20


@asynccontextmanager
async def served(app: Any, protocol: type[asyncio.Protocol]) -> AsyncIterator[int]:
    config = uvicorn.Config(
        app, http=protocol, port=0, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=10
    )
    server = uvicorn.Server(config)
    server.capture_signals = nullcontext  # type: ignore[method-assign]
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event to wait for
        await asyncio.sleep(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await serving


@pytest.fixture
async def port(world: World, settings: Settings) -> AsyncIterator[int]:
    async with served(create_app(settings, world.app), Connection) as found:
        yield found


@pytest.fixture
async def hasty(world: World, settings: Settings) -> AsyncIterator[int]:
    async with served(create_app(settings, world.app), Hasty) as found:
        yield found


async def ask(port: int, sent: bytes) -> bytes:
    """Everything that comes back until the other side closes, or nothing comes for a while."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    answer = b""
    try:
        async with asyncio.timeout(3):
            while more := await reader.read(65_536):
                answer += more
    except (TimeoutError, ConnectionResetError):
        pass
    writer.close()
    return answer


def problem(answer: bytes) -> dict[str, Any]:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head, answer
    assert b"x-content-type-options: nosniff" in head
    document: dict[str, Any] = json.loads(body)
    assert f"x-request-id: {document['request_id']}".encode() in head
    assert head.startswith(f"HTTP/1.1 {document['status']} ".encode())
    return document


async def test_a_plain_request_is_answered_and_the_connection_kept(port: int) -> None:
    answer = await ask(port, HEAD + b"\r\n" + HEAD + b"Connection: close\r\n\r\n")
    assert answer.count(b"HTTP/1.1 200 OK") == 2


@pytest.mark.parametrize(
    "sent", [b"", b"GET /livez HT", HEAD, HEAD + b"X-Slow: " + b"a" * 100, b"POST /v1/auth/token "]
)
async def test_a_head_that_does_not_come_is_not_waited_for(hasty: int, sent: bytes) -> None:
    began = time.monotonic()
    assert problem(await ask(hasty, sent))["code"] == "request_too_slow"
    assert time.monotonic() - began < 2


async def test_a_head_that_drips_in_is_not_waited_for(hasty: int) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", hasty)
    began = time.monotonic()
    with pytest.raises(ConnectionError):  # noqa: PT012 - the write that fails is one of them
        for _ in range(100):
            writer.write(b"\r\n")
            await writer.drain()
            await asyncio.sleep(0.05)
    assert time.monotonic() - began < 2


async def test_a_body_that_does_not_come_is_not_waited_for(hasty: int) -> None:
    start = b"POST /v1/auth/token HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{"
    began = time.monotonic()
    assert await ask(hasty, start) == b""
    assert time.monotonic() - began < 2


async def test_who_waits_between_requests_is_not_slow(hasty: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", hasty)
    for _ in range(2):
        writer.write(HEAD + b"\r\n")
        assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 200")
        await reader.readuntil(b'{"status":"ok"}')
        await asyncio.sleep(0.8)
    writer.close()


async def test_one_connection_too_many_is_turned_away_and_the_others_stay(hasty: int) -> None:
    async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", hasty)

    some = [await connect() for _ in range(Hasty.connections_most)]
    await asyncio.sleep(0.1)
    assert await ask(hasty, HEAD + b"Connection: close\r\n\r\n") == b""
    for reader, writer in some:
        writer.write(HEAD + b"Connection: close\r\n\r\n")
        assert (await reader.read()).startswith(b"HTTP/1.1 200")
        writer.close()
    await asyncio.sleep(0.1)
    assert (await ask(hasty, HEAD + b"Connection: close\r\n\r\n")).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "head",
    [
        HEAD + b"X-Long: " + b"a" * HEAD_BYTES_MOST + b"\r\n\r\n",
        HEAD + b"X-Endless: " + b"a" * 10 * HEAD_BYTES_MOST,
        b"GET /" + b"a" * HEAD_BYTES_MOST + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        HEAD + b"".join(b"X-%d: 1\r\n" % number for number in range(HEADERS_MOST)) + b"\r\n",
    ],
    ids=["long header", "endless header", "long path", "many headers"],
)
async def test_a_head_has_bounds(port: int, head: bytes) -> None:
    assert problem(await ask(port, head))["code"] == "headers_too_large"


@pytest.mark.parametrize("path", [b"/v1/../livez", b"/v1/./me", b"//livez", b"/%2e%2e/livez", b"/" + b"a" * 20_000])
async def test_paths_are_taken_as_they_are_sent(port: int, path: bytes) -> None:
    answer = await ask(port, b"GET " + path + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert problem(answer)["code"] == "not_found"


POST = b"POST /v1/auth/token HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
HIDDEN = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize(
    "sent",
    [
        POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + HIDDEN,
        POST + b"Content-Length: 2\r\nContent-Length: 40\r\n\r\n{}" + HIDDEN,
        POST + b"Content-Length: +2\r\n\r\n{}" + HIDDEN,
        POST + b"Content-Length: 2, 2\r\n\r\n{}" + HIDDEN,
        POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + HIDDEN,
        b"GET /livez HTTP/1.1\r\nHost: x\r\nX-Folded: a\r\n b\r\n\r\n",
        b"GET /livez HTTP/1.1\nHost: x\n\n",
        b"GET /livez HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\n\r\n",
        b"GET /livez HTTP/9.9\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 64,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
async def test_what_two_servers_could_read_differently_is_refused(port: int, sent: bytes) -> None:
    answer = await ask(port, sent)
    assert b" 200 OK" not in answer, answer
    assert answer.count(b"HTTP/1.1 ") == 1
    assert problem(answer)["status"] == 400


@pytest.mark.parametrize("start", [b"chunked\r\n\r\nzz\r\n", b"xchunked\r\n\r\n0\r\n\r\n", b"chunked\r\n\r\n2\r\n{}x"])
async def test_what_follows_a_body_that_cannot_be_read_is_not_read_either(port: int, start: bytes) -> None:
    assert await ask(port, POST + b"Transfer-Encoding: " + start + HIDDEN) == b""


async def test_a_body_over_64_kib_ends_the_connection(port: int) -> None:
    size = 64 * 1024 + 1
    declared = POST + b"Content-Length: %d\r\n\r\n" % (10 * size)
    chunked = POST + b"Transfer-Encoding: chunked\r\n\r\n" + b"%x\r\n" % size + b" " * size + b"\r\n0\r\n\r\n"
    for sent in (declared, chunked):
        answer = await ask(port, sent + HIDDEN)
        assert problem(answer)["code"] == "body_too_large"
        assert b"\r\nconnection: close\r\n" in answer


async def test_a_body_longer_than_it_says_is_not_read_as_one(port: int) -> None:
    answer = await ask(port, POST + b"Content-Length: 2\r\n\r\n{}" + b" " * 5 + b"{}{}")
    assert answer.count(b"HTTP/1.1 ") <= 1
    assert b" 200 OK" not in answer


async def test_a_body_nobody_asked_for_does_not_keep_the_connection(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(HEAD + b"Content-Length: 1000000\r\n\r\n")
    await reader.readuntil(b'{"status":"ok"}')
    with pytest.raises(ConnectionError):  # noqa: PT012 - the write that fails is one of them
        for _ in range(100):
            writer.write(b" " * 1000)
            await writer.drain()
            await asyncio.sleep(0.01)
    writer.close()


async def test_without_these_bounds_a_slow_head_would_stay(world: World, settings: Settings) -> None:
    async with served(create_app(settings, world.app), HttpToolsProtocol) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(HEAD)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 2)
        writer.close()


class Wire:
    """A transport that remembers what it was given to send."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        assert not self.closed
        self.sent.append(data)

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True


async def test_a_reader_who_goes_while_answers_are_sent_harms_no_other() -> None:
    """On the loop that the service runs on, whose transports refuse what is written after they are gone."""
    assert await asyncio.to_thread(uvloop.run, _answers_beside_one_who_goes()) == (2, 0)


async def _answers_beside_one_who_goes() -> tuple[int, int]:
    """How many of two pipelined requests are answered that arrive just when seven others are answered, one of which has
    gone; and how many answers the server still holds when all is quiet."""
    waiting: dict[str, asyncio.Event] = {}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] != "/now":
            await waiting.setdefault(scope["path"], asyncio.Event()).wait()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})

    config = uvicorn.Config(app, port=0, http=Connection, lifespan="off", log_config=None, access_log=False)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server._serve())
    while not server.started:  # noqa: ASYNC110 - it tells nobody
        await asyncio.sleep(0.01)
    address = server.servers[0].sockets[0].getsockname()

    def ask(*paths: str) -> socket.socket:
        asking = socket.create_connection(address)
        asking.setblocking(False)
        asking.sendall(b"".join(b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n" % path.encode() for path in paths))
        return asking

    goes, innocent = ask("/goes"), ask()
    others = [ask(f"/{number}") for number in range(ANSWERS_AT_ONCE - 2)]
    while len(waiting) < ANSWERS_AT_ONCE - 1:  # noqa: ASYNC110 - as above
        await asyncio.sleep(0.01)
    goes.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset
    goes.close()
    for each in waiting.values():
        each.set()
    innocent.sendall(2 * b"GET /now HTTP/1.1\r\nHost: x\r\n\r\n")
    await asyncio.sleep(0.3)
    answered = innocent.recv(4096).count(b"200 OK")
    for each in (innocent, *others):
        each.close()
    held = len(vars(server.server_state)["complete"])
    server.should_exit = True
    await serving
    return answered, held


async def test_what_is_written_in_one_turn_is_sent_at_once() -> None:
    wire = Wire()
    together = Together(wire, asyncio.get_running_loop())  # type: ignore[arg-type]
    together.write(b"head ")
    together.write(b"body")
    assert wire.sent == []
    await asyncio.sleep(0)
    assert wire.sent == [b"head body"]
    together.write(b" and more")
    await asyncio.sleep(0)
    assert wire.sent == [b"head body", b" and more"]


async def test_what_waits_goes_before_the_end_and_is_bounded() -> None:
    wire = Wire()
    together = Together(wire, asyncio.get_running_loop())  # type: ignore[arg-type]
    together.write(b"x" * TOGETHER_BYTES_MOST)
    together.write(b"y")
    assert [len(sent) for sent in wire.sent] == [TOGETHER_BYTES_MOST + 1]
    together.write(b"last")
    together.close()
    assert (wire.sent[-1], wire.closed) == (b"last", True)
    await asyncio.sleep(0)
