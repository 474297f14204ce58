"""A lane: what arrives while one batch is under way goes together in the next. A lone call never waits."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")

HELD_BACK_SECONDS = 0.01
"""The longest that an answer waits for the batch after it."""


class LaneFull(Exception):
    """As many wait as may wait."""


class Lane(Generic[Item, Outcome]):
    """Runs items through ``work``, at most ``most`` at a time, one batch after another, in order of arrival.

    ``work`` answers each item with its outcome or with the exception it fails with. What ``work`` itself raises, all of
    the batch fails with, and all who wait behind it: they need the same thing, and would only wait for it in turn.

    When others wait, the answers of a batch are held back, for HELD_BACK_SECONDS at most, until the work of the next
    calls ``answer``: what the callers then do with them is done while that batch waits, and does not slow its start.
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
        self._answers: list[tuple[asyncio.Future[Outcome], Outcome | BaseException]] = []
        self._at_last: asyncio.TimerHandle | None = None

    async def __call__(self, item: Item) -> Outcome:
        """The item's outcome. Raises LaneFull, and what the item or its batch failed with."""
        if len(self._waiting) >= self._waiting_most:
            raise LaneFull
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        return await future

    def answer(self) -> None:
        """Hand out the answers of the batch before; for ``work`` to call when all it does from now on is wait."""
        if self._at_last is not None:
            self._at_last.cancel()
        answers, self._answers = self._answers, []
        for future, outcome in answers:
            if future.done():  # its caller has gone
                continue
            if isinstance(outcome, BaseException):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)

    async def _run(self) -> None:
        try:
            size = 0
            while self._waiting:
                # Half of all there are: while these wait for the database, the others' requests are read and written.
                size = min(self._most, (size + len(self._waiting) + 1) // 2)
                batch, self._waiting = self._waiting[:size], self._waiting[size:]
                await self._settle(batch)
                self._at_last = asyncio.get_running_loop().call_later(HELD_BACK_SECONDS, self.answer)
        finally:
            self.answer()
            self._running = None

    async def _settle(self, batch: list[tuple[Item, asyncio.Future[Outcome]]]) -> None:
        outcomes: Sequence[Outcome | BaseException]
        try:
            outcomes = await self._work([item for item, _ in batch])
        except Exception as error:
            batch, self._waiting = batch + self._waiting, []
            outcomes = [error] * len(batch)
        self.answer()
        self._answers = [(future, outcome) for (_, future), outcome in zip(batch, outcomes, strict=True)]
