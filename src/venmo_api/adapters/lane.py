"""A lane: what arrives while one batch is under way goes together in the next. A lone call never waits."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


class LaneFull(Exception):
    """As many wait as may wait."""


class Lane(Generic[Item, Outcome]):
    """Runs items through ``work``, at most ``most`` at a time, one batch after another, in order of arrival.

    ``work`` answers each item with its outcome or with the exception it fails with. What ``work`` itself raises, all of
    the batch fails with, and all who wait behind it: they need the same thing, and would only wait for it in turn.
    """

    def __init__(
        self,
        work: Callable[[Sequence[Item]], Awaitable[Sequence[Outcome | BaseException]]],
        *,
        most: int,
        waiting_most: int,
    ) -> None:
        self._work = work
        self._most = most
        self._waiting_most = waiting_most
        self._waiting: list[tuple[Item, asyncio.Future[Outcome]]] = []
        self._running: asyncio.Task[None] | None = None

    async def __call__(self, item: Item) -> Outcome:
        """The item's outcome. Raises LaneFull, and what the item or its batch failed with."""
        if len(self._waiting) >= self._waiting_most:
            raise LaneFull
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        return await future

    async def _run(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
                await self._settle(batch)
        finally:
            self._running = None

    async def _settle(self, batch: list[tuple[Item, asyncio.Future[Outcome]]]) -> None:
        outcomes: Sequence[Outcome | BaseException]
        try:
            outcomes = await self._work([item for item, _ in batch])
        except Exception as error:
            batch, self._waiting = batch + self._waiting, []
            outcomes = [error] * len(batch)
        for (_, future), outcome in zip(batch, outcomes, strict=True):
            if future.done():  # its caller has gone
                continue
            if isinstance(outcome, BaseException):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)
