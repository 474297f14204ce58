"""One open stream: what its client has, what wakes it, and why it ends."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from uuid import UUID

from venmo_api.core.errors import AppError
from venmo_api.live.rules import Goodbye, Known, Part, Place

_AGAIN_SECONDS = 0.1


async def stop(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Cancel these until they are done: a client of Redis that closes its connection meanwhile swallows the first."""
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=_AGAIN_SECONDS)


class Stream:
    """Of one person. ``prove`` raises AppError once they are signed in no more."""

    def __init__(self, id: UUID, viewer: UUID, *, prove: Callable[[], Awaitable[object]]) -> None:
        self.id = id
        self.viewer = viewer
        self.before: UUID | None = None
        self.channels: dict[bytes, Part] = {}
        self._prove = prove
        self.known: dict[Part, Known] = {}
        self.goodbye: Goodbye | None = None
        self._parts: set[Part] = set()
        self._woken = asyncio.Event()

    def go_on(self, place: Place) -> None:
        """Take the place of a stream before this one; its client has what that one told."""
        self.before = place.stream_id
        self.known = dict(place.known)

    @property
    def place(self) -> Place:
        return Place(self.id, self.known)

    def wake(self, *parts: Part) -> None:
        """Something may have happened there. Who is woken many times before they look looks once."""
        self._parts.update(parts)
        self._woken.set()

    def end(self, why: Goodbye) -> None:
        """The first reason counts."""
        self.goodbye = self.goodbye or why
        self._woken.set()

    async def check(self) -> None:
        """End for who is signed in no more."""
        try:
            await self._prove()
        except AppError:
            self.end(Goodbye.SIGNED_OUT)

    async def woken(self, seconds: float) -> set[Part]:
        """Where to look: what it was woken for, or nothing once so long has passed or it is to end."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):  # Python 3.11's wait_for may swallow that it is cancelled
                await self._woken.wait()
        self._woken.clear()
        parts, self._parts = self._parts, set()
        return parts
