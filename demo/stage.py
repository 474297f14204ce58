"""One stage after the other: the same work for many things, so many at once, with a bar that shows the rate."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeElapsedColumn
from rich.text import Text

T = TypeVar("T")


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:,.0f}/s" if speed else "", style="cyan")


class Stages:
    def __init__(self, console: Console, *, at_once: int) -> None:
        self.console = console
        self._at_once = at_once

    async def each(self, label: str, things: Sequence[T], work: Callable[[T], Awaitable[object]]) -> float:
        """Do ``work`` for each thing, ``at_once`` at a time in order; seconds it took. The first error ends it."""
        began = time.perf_counter()
        with self._bar(label, len(things)) as tick:
            queue = iter(things)
            workers = [asyncio.create_task(_work(queue, work, tick)) for _ in range(self._at_once)]
            try:
                await asyncio.gather(*workers)
            finally:
                for worker in workers:
                    worker.cancel()
                await asyncio.gather(*workers, return_exceptions=True)
        return time.perf_counter() - began

    @contextmanager
    def _bar(self, label: str, total: int) -> Iterator[Callable[[], None]]:
        columns = (TextColumn("{task.description:<24}"), BarColumn(36), MofNCompleteColumn(), _Rate())
        with Progress(*columns, TimeElapsedColumn(), console=self.console) as progress:
            task = progress.add_task(label, total=total)
            yield lambda: progress.advance(task)


async def _work(queue: Iterable[T], work: Callable[[T], Awaitable[object]], tick: Callable[[], None]) -> None:
    for thing in queue:
        await work(thing)
        tick()
