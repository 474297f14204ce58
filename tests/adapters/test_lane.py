"""Batches of a lane: how large, in which order, and when their answers go out."""

import asyncio
from collections.abc import Sequence

from venmo_api.adapters import lane
from venmo_api.adapters.lane import Lane


class Work:
    """Batches that end when the test says so; ``says``: whether they tell that they only wait."""

    def __init__(self, *, says: bool = True, most: int = 128) -> None:
        self.batches: list[list[int]] = []
        self.says = says
        self._end = asyncio.Semaphore(0)
        self.lane: Lane[int, int] = Lane(self._run, most=most, waiting_most=1000)

    async def _run(self, items: Sequence[int]) -> Sequence[int]:
        self.batches.append(list(items))
        if self.says:
            self.lane.answer()
        await self._end.acquire()
        return [item * 10 for item in items]

    def call(self, *items: int) -> list[asyncio.Task[int]]:
        return [asyncio.create_task(self.lane(item)) for item in items]

    async def end(self) -> None:
        self._end.release()
        await asyncio.sleep(0.001)


async def test_a_lone_call_goes_at_once_and_is_answered_at_once() -> None:
    work = Work(says=False)
    [one] = work.call(1)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert work.batches == [[1]]
    await work.end()
    assert one.done()
    assert one.result() == 10


async def test_a_batch_is_half_of_those_there_are_so_that_the_others_overlap_it() -> None:
    work = Work()
    calls = work.call(1)
    await asyncio.sleep(0.001)
    calls += work.call(*range(2, 9))
    for _ in range(6):
        await work.end()
    assert work.batches == [[1], [2, 3, 4, 5], [6, 7, 8]]
    assert await asyncio.gather(*calls) == [item * 10 for item in range(1, 9)]


async def test_a_batch_is_never_larger_than_it_may_be() -> None:
    work = Work(most=3)
    calls = work.call(*range(20))
    for _ in range(12):
        await work.end()
    assert await asyncio.gather(*calls) == [item * 10 for item in range(20)]
    assert max(map(len, work.batches)) == 3


async def test_answers_wait_until_the_next_batch_only_waits() -> None:
    work = Work()
    [first] = work.call(1)
    await asyncio.sleep(0.001)
    [second] = work.call(2)
    await asyncio.sleep(0)
    work.says = False
    await work.end()
    assert work.batches == [[1], [2]]
    assert not first.done(), "the second batch has not said that it only waits"
    work.lane.answer()
    await asyncio.sleep(0)
    assert first.result() == 10
    await work.end()
    assert second.result() == 20


async def test_no_answer_waits_for_a_batch_that_takes_long_to_start() -> None:
    work = Work(says=False)
    [first] = work.call(1)
    await asyncio.sleep(0.001)
    work.call(2)
    await asyncio.sleep(0)
    await work.end()
    assert not first.done()
    await asyncio.sleep(2 * lane.HELD_BACK_SECONDS)
    assert first.result() == 10
    await work.end()
