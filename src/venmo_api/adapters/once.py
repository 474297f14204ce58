"""Once: work that many want at the same moment is done by one of them, for all."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, TypeVar

T = TypeVar("T")


class Once:
    """The work under way in this process, by what it is for."""

    def __init__(self) -> None:
        self._under_way: dict[Hashable, asyncio.Task[Any]] = {}

    async def __call__(self, key: Hashable, work: Callable[[], Awaitable[T]]) -> T:
        """The outcome of ``work``, or of the same for this key that began before and is not done. Who gives up waiting
        ends it for nobody."""
        task: asyncio.Task[T] | None = self._under_way.get(key)
        if task is None:
            task = self._under_way[key] = asyncio.create_task(_run(work))
            task.add_done_callback(lambda done: self._done(key, done))
        return await asyncio.shield(task)

    def _done(self, key: Hashable, task: asyncio.Task[Any]) -> None:
        del self._under_way[key]
        if not task.cancelled():
            task.exception()  # looked at, in case that nobody waits any more


async def _run(work: Callable[[], Awaitable[T]]) -> T:
    return await work()
