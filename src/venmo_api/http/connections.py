"""What one connection may take of this process: time to send a request, bytes of its head, and a place among others.

Uvicorn's own protocol waits for a slow request without end. What only the proxy in front gives: caps per address, an
end to slow TLS handshakes, and what is refused before it costs this process anything.
"""

import os
import socket
import time
from asyncio import AbstractEventLoop, Event, TimerHandle, Transport
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

from venmo_api.http.middleware import HEADERS
from venmo_api.http.problems import MEDIA_TYPE, document

ARRIVE_SECONDS = 20.0
"""For a request, head and body, since the connection was made or its first byte came."""
LOOK_SECONDS = 2.0
TAKE_SECONDS = 20.0
"""For what was sent to be taken: who reads nothing for so long, or is no more, is gone. Linux sees to it."""
_TAKE_OPTION = getattr(socket, "TCP_USER_TIMEOUT", None)
_STOPS = "server_stops"
HEAD_BYTES_MOST = 32 * 1024
HEADERS_MOST = 100
CONNECTIONS_MOST = 2048
"""Of one process; whoever comes next is turned away until somebody has left."""

TOGETHER_BYTES_MOST = 64 * 1024
ANSWERS_AT_ONCE = 8
"""So many that are complete are sent without waiting for the end of the turn: their readers go on while this process is
at the next ones. Sent one by one, each would wake its reader, which costs more than it gains."""

Refusal = tuple[int, str, str, str]
NO_HTTP: Refusal = (400, "bad_request", "The request cannot be read", "What was sent is not HTTP/1.1.")
TOO_SLOW: Refusal = (408, "request_too_slow", "The request took too long", "Send a request within 20 seconds.")
HEAD_TOO_LARGE: Refusal = (
    431,
    "headers_too_large",
    "The headers are too large",
    "Send 100 headers at most, and 32 KiB with the path.",
)


def server_stops(scope: Any) -> Event:
    """Set once the server is to stop: it waits for every answer, so one without end has to come to it."""
    stops: Event = scope.setdefault(_STOPS, Event())
    return stops


class Together:
    """A transport that sends an answer's head and its body, which uvicorn writes one after the other, in one system
    call, in the next turn of the loop at the latest."""

    def __init__(self, transport: Transport, loop: AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._written: list[bytes] = []
        self._size = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        if not self._written:
            self._loop.call_soon(self.send)
        self._written.append(data)
        self._size += len(data)
        if self._size > TOGETHER_BYTES_MOST:  # what is written without a turn between is told to go more slowly
            self.send()

    def close(self) -> None:
        self.send()
        self._transport.close()

    def send(self) -> None:
        written, self._written, self._size = self._written, [], 0
        if written and not self._transport.is_closing():  # uvloop's raises for a reader who is gone
            self._transport.write(b"".join(written))


class Connection(HttpToolsProtocol):
    """Closes what is slow, over-long or one too many; answers what is not HTTP with a problem document."""

    arrive_seconds = ARRIVE_SECONDS
    look_seconds = LOOK_SECONDS
    take_seconds = TAKE_SECONDS
    connections_most = CONNECTIONS_MOST

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._refusal = NO_HTTP
        self._watch: TimerHandle | None = None
        self._since: float | None = time.monotonic()
        self._in_head = False
        self._head_bytes = 0

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.transport = Together(transport, self.loop)  # type: ignore[assignment]
        if len(self.connections) > self.connections_most:
            transport.abort()
        else:
            self._watch = self.loop.call_later(self.look_seconds, self._look)
            if _TAKE_OPTION is not None:
                sock = transport.get_extra_info("socket")
                sock.setsockopt(socket.IPPROTO_TCP, _TAKE_OPTION, int(self.take_seconds * 1000))

    def shutdown(self) -> None:
        super().shutdown()
        if self.cycle is not None:
            server_stops(self.cycle.scope).set()

    def on_response_complete(self) -> None:
        complete = _complete(self.server_state)
        if not complete:
            self.loop.call_soon(complete.clear)
        complete.append(self.transport)  # type: ignore[arg-type]
        if len(complete) >= ANSWERS_AT_ONCE:
            ready = complete[:]
            complete.clear()
            for transport in ready:
                transport.send()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._watch is not None:
            self._watch.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES_MOST:
                self._refuse(HEAD_TOO_LARGE)
                return
        super().data_received(data)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._since = self._since or time.monotonic()
        self._in_head, self._head_bytes = True, 0

    def on_headers_complete(self) -> None:
        self._in_head = False
        size = len(self.url) + sum([len(name) + len(value) for name, value in self.headers])
        if size > HEAD_BYTES_MOST or len(self.headers) > HEADERS_MOST:
            self._refusal = HEAD_TOO_LARGE
            raise ValueError(self._refusal)  # the parser stops, and asks for a 400
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if self.cycle.response_complete:
            self.transport.close()  # answered without it: what is still to come of it is not waited for
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._since = None
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        self._refuse(self._refusal)

    def _look(self) -> None:
        if self._since is not None and time.monotonic() - self._since > self.arrive_seconds:
            self._refuse(TOO_SLOW)
        else:
            self._watch = self.loop.call_later(self.look_seconds, self._look)

    def _refuse(self, refusal: Refusal) -> None:
        # While an answer is on its way, this one would be taken for it.
        if self.cycle is None or self.cycle.response_complete:
            self.transport.write(_answer(refusal))
        self.transport.close()


def _complete(state: ServerState) -> list[Together]:
    """Where the answers of a server went that were completed in this turn of its loop."""
    found: list[Together] = vars(state).setdefault("complete", [])
    return found


def _answer(refusal: Refusal) -> bytes:
    status, code, title, detail = refusal
    request_id = os.urandom(12).hex()
    body = document(status=status, code=code, title=title, detail=detail, request_id=request_id)
    headers = [
        *HEADERS,
        (b"content-type", MEDIA_TYPE.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"x-request-id", request_id.encode()),
        (b"connection", b"close"),
    ]
    return STATUS_LINE[status] + b"".join(b"%b: %b\r\n" % header for header in headers) + b"\r\n" + body
