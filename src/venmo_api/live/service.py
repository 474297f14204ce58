"""Tell a stream what happens: what it watches is read when something woke it, and what its client lacks is written."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

import orjson

from venmo_api.adapters.bundle import Adapters
from venmo_api.core.errors import Unavailable
from venmo_api.core.paging import PageRequest
from venmo_api.feed import service as feed
from venmo_api.feed.rules import Scope
from venmo_api.live import rules
from venmo_api.live.hub import Hub
from venmo_api.live.rules import TOLD, WATCHED, Item, Known, Newest, Part, Place
from venmo_api.live.stream import Stream
from venmo_api.notifications import service as notifications
from venmo_api.notifications.schemas import item_document

Write = Callable[[bytes], Awaitable[None]]
HEARTBEAT = b": still here\n\n"
AGAIN_MS, SPREAD_MS = 1000, 2000
_NEWEST = PageRequest(limit=WATCHED)


async def tell(app: Adapters, hub: Hub, stream: Stream, write: Write) -> None:
    """Write events until the stream ends. Nothing is kept for a client that reads slowly: what it has not been told is
    read once it has taken what came before."""
    loop = asyncio.get_running_loop()
    beat, owed, opened = loop.time() + hub.pace.heartbeat, set(Part), False
    while stream.goodbye is None:
        for part in sorted(owed):
            if (told := await _news(app, hub, stream, part)) is not None:
                owed.discard(part)
                await write(told)
        if not opened and len(stream.known) == len(Part):
            opened = True
            await write(rules.block(id=rules.event_id(stream.place), retry_ms=_again_ms(stream)))
        if loop.time() >= beat:
            beat = loop.time() + hub.pace.heartbeat
            owed.add(Part.INBOX)
            await write(HEARTBEAT)
        await asyncio.sleep(hub.pace.gather)
        woken = await stream.woken(min(hub.patience, max(0.0, beat - loop.time())))
        owed |= woken or ({Part.FEED} if hub.hears else set(Part))
    data = orjson.dumps({"reason": stream.goodbye, "detail": TOLD[stream.goodbye]})
    await write(rules.block(name="goodbye", data=data, retry_ms=_again_ms(stream)))


async def _news(app: Adapters, hub: Hub, stream: Stream, part: Part) -> bytes | None:
    """What to write about a part; None when it cannot be read now."""
    async with hub.reading:
        try:
            newest = await READ[part](app, stream)
        except Unavailable:
            return None
    await stream.check()  # who was signed out meanwhile is told no more
    return b"" if stream.goodbye else _told(stream, part, newest)


def _told(stream: Stream, part: Part, newest: Newest) -> bytes:
    before, stream.known[part] = stream.known.get(part), rules.known(newest)
    if before is None:
        return b""
    found = rules.news(before, newest)
    event = partial(rules.block, id=rules.event_id(stream.place))
    if found.missed:
        return event(name="reset", data=orjson.dumps({"of": part}))
    return b"".join(
        [
            *(
                rules.block(
                    name=part,
                    id=rules.event_id(_midway(stream, part, newest, before=before, untold=found.fresh[number:])),
                    data=item.document,
                )
                for number, item in enumerate(found.fresh, start=1)
            ),
            *(event(name=f"{part}_changed", data=item.document) for item in found.changed),
            *(event(name=f"{part}_removed", data=orjson.dumps({"id": item.id})) for item in found.removed),
        ]
    )


def _midway(stream: Stream, part: Part, newest: Newest, *, before: Known, untold: Sequence[Item]) -> Place:
    """Where the stream is when its client has all but ``untold``: it may break off anywhere."""
    known = {**stream.known, part: rules.all_but(newest, untold, before=before)}
    return Place(stream.id, known)


async def _feed(app: Adapters, stream: Stream) -> Newest:
    found = await feed.read(app, stream.viewer, Scope.FRIENDS, _NEWEST)
    return _newest(orjson.loads(b"[%b]" % found.stories), more=found.next_cursor is not None)


async def _inbox(app: Adapters, stream: Stream) -> Newest:
    found = (await app.database.read(notifications.inbox, stream.viewer, _NEWEST, unread=False)).page
    return _newest([item_document(app.keys, item) for item in found.rows], more=found.next_cursor is not None)


READ = {Part.FEED: _feed, Part.INBOX: _inbox}


def _newest(documents: Sequence[dict[str, Any]], *, more: bool) -> Newest:
    return Newest([Item(document["id"], orjson.dumps(document)) for document in documents], more)


def _again_ms(stream: Stream) -> int:
    """When to come back: not all at once."""
    return AGAIN_MS + stream.id.int % SPREAD_MS
