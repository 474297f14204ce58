"""A client of server-sent events, as the standard describes one; and the API behind a real socket."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import httpx2

from tests.conftest import Person, World
from tests.http.test_connections import served
from venmo_api.auth.tokens import Verifier
from venmo_api.http.connections import Connection
from venmo_api.live.hub import Hub, Pace
from venmo_api.main import create_app
from venmo_api.settings import Settings

PATIENCE = 40.0
"""To give up after; nothing here is measured."""
HASTY = Pace(heartbeat=0.5, look=0.4, look_alone=0.2, gather=0.02, prove=0.1, stay=0.3, retry=0.1)


@dataclass
class Event:
    name: str = "message"
    data: Any = None
    id: str = ""


@dataclass
class Listener:
    """Hears one stream until it ends."""

    status: int = 0
    document: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    heard: list[Event] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    last_id: str = ""
    retry_ms: int | None = None
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _task: "asyncio.Task[None] | None" = None

    @property
    def ended(self) -> bool:
        return self._task is not None and self._task.done()

    def named(self, name: str) -> list[Any]:
        return [event.data for event in self.heard if event.name == name]

    async def until(self, condition: Callable[[], Any], *, seconds: float = PATIENCE) -> Any:
        async with asyncio.timeout(seconds):
            while not (found := condition()):
                self._news.clear()
                await self._news.wait()
        return found

    async def first(self, name: str, *, seconds: float = PATIENCE) -> Any:
        return (await self.until(lambda: self.named(name), seconds=seconds))[0]

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError, httpx2.TransportError):
                await self._task

    async def _hear(self, lines: AsyncIterator[str]) -> None:
        event = Event()
        with suppress(httpx2.TransportError):
            async for line in lines:
                name, _, value = line.partition(": ")
                if line.startswith(":"):
                    self.comments.append(line)
                elif name == "id":
                    event.id = value
                elif name == "event":
                    event.name = value
                elif name == "data":
                    event.data = json.loads(value)
                elif name == "retry":
                    self.retry_ms = int(value)
                elif not line:
                    self.last_id = event.id or self.last_id
                    if event.data is not None:
                        self.heard.append(event)
                    event = Event()
                self._news.set()


@asynccontextmanager
async def listening(
    url: str, person: Person, *, last_id: str = "", token: str = "", verify: Any = True, **query: str
) -> AsyncIterator[Listener]:
    """A stream of this person; of one that is refused, the answer."""
    made, opened = Listener(), asyncio.Event()
    headers = {"Authorization": f"Bearer {token or person.tokens['access_token']}"}
    if last_id:
        headers["Last-Event-ID"] = last_id

    async def hear() -> None:
        try:
            async with (
                httpx2.AsyncClient(timeout=None, verify=verify) as client,
                client.stream("GET", url + "/v1/events", headers=headers, params=query) as answer,
            ):
                made.status, made.headers = answer.status_code, dict(answer.headers)
                if answer.status_code != 200:
                    made.document = json.loads(await answer.aread())
                opened.set()
                if answer.status_code == 200:
                    await made._hear(answer.aiter_lines())
        finally:
            opened.set()
            made._news.set()

    made._task = asyncio.create_task(hear())
    try:
        async with asyncio.timeout(PATIENCE):
            await opened.wait()
        if made.status == 200:
            await made.until(lambda: made.last_id or made.ended)
        yield made
    finally:
        await made.close()


@dataclass
class Station:
    """The API of a world behind a real socket, with its hub and its verifier."""

    world: World
    url: str
    hub: Hub
    verifier: Verifier


@asynccontextmanager
async def station(
    world: World, settings: Settings, *, protocol: type[Connection] = Connection, **chosen: Any
) -> AsyncIterator[Station]:
    app = create_app(settings, world.app)
    app.state.hub = Hub(world.app, **({"pace": HASTY} | chosen))
    async with served(app, protocol) as port:
        yield Station(world, f"http://127.0.0.1:{port}", app.state.hub, app.state.verifier)
