"""GET /v1/events: server-sent events."""

import asyncio
from collections.abc import Coroutine
from functools import partial
from typing import Annotated, Any

from fastapi import Request, Response
from starlette.types import Receive, Scope, Send

from venmo_api.adapters.bundle import Adapters
from venmo_api.auth.actor import SignedIn, signed_in
from venmo_api.http import routes
from venmo_api.http.connections import server_stops
from venmo_api.http.dependencies import App
from venmo_api.http.middleware import answered
from venmo_api.http.parameters import query
from venmo_api.live import service
from venmo_api.live.hub import Hub
from venmo_api.live.rules import LAST_EVENT_CHARS_MOST, LOST, Goodbye, Place, place_of
from venmo_api.live.schemas import ANSWERS, MEDIA_TYPE, EventsQuery
from venmo_api.live.stream import Stream, stop

router = routes.router("/v1", tag="live")
FAREWELL_SECONDS = 2.0
HEADERS = {
    "Content-Type": MEDIA_TYPE,
    "Cache-Control": "no-store, no-transform",
    "X-Accel-Buffering": "no",  # a proxy would wait for its buffer to be full
}


class Events(Response):
    """An answer without end. Its refusals are raised before it starts, and so are answered as any other."""

    def __init__(self, app: Adapters, hub: Hub, stream: Stream) -> None:
        super().__init__(headers=HEADERS)
        del self.headers["content-length"]
        self._app = app
        self._hub = hub
        self._stream = stream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._hub.seat(self._stream):
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            answered(scope)
            write = partial(_write, send)
            told = service.tell(self._app, self._hub, self._stream, write)
            await _until_first(told, _gone(receive), self._stopped(scope))
        await _write(send, b"", more=False)

    async def _stopped(self, scope: Scope) -> None:
        await server_stops(scope).wait()
        self._stream.end(Goodbye.RESTART)
        await asyncio.sleep(FAREWELL_SECONDS)


@router.get("/events", operation_id="openEvents", status_code=200, responses=ANSWERS, response_class=Events)
async def events(
    app: App, actor: SignedIn, request: Request, asked: Annotated[EventsQuery, query(EventsQuery)]
) -> Response:
    """What happens to your inbox and to your friends feed, as it happens.

    | event | data |
    |---|---|
    | `notification` | an item of your inbox, as `GET /v1/inbox` tells it |
    | `story` | a story of your friends feed, as `GET /v1/feed` tells it; its place is where the feed has it |
    | `notification_changed`, `story_changed` | the same, as it is now: read, liked, renamed |
    | `notification_removed`, `story_removed` | `id` of what you may see no more, or what is no more |
    | `reset` | `of`: read this list (`notification`: the inbox, `story`: the feed) again; too much came to be told |
    | `goodbye` | the stream ends; `reason` is `signed_out`, `replaced` or `restart`. Wait for `retry` and go on |

    First comes an `id` without an event: read your pages then, and nothing that comes later is missed. Break off
    anywhere, send the last `id` as `Last-Event-ID` to any server, and you get what came meanwhile, or `reset`. What
    you have may come twice: tell it by the `id` in its data. What changed or was removed while you were away is not
    told. Every 15 seconds of silence a comment is sent. The stream ends when your access token runs out.
    """
    last = request.headers.get("last-event-id") or asked.last_event_id
    place = place_of(last[:LAST_EVENT_CHARS_MOST]) if last else None
    stream = Stream(app.new_id(), actor.user_id, prove=partial(signed_in, request))
    if last:
        stream.go_on(place or Place(stream.id, LOST))
    return Events(app, request.app.state.hub, stream)


async def _until_first(*work: Coroutine[Any, Any, None]) -> None:
    """Returns, or raises what it raises, once one of these has ended; the others are ended then."""
    tasks = [asyncio.create_task(one) for one in work]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await stop(tasks)
    for task in done:
        task.result()


async def _gone(receive: Receive) -> None:
    """Returns once the client has left."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _write(send: Send, chunk: bytes, *, more: bool = True) -> None:
    if chunk or not more:
        await send({"type": "http.response.body", "body": chunk, "more_body": more})
