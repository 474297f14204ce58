"""Turns: one after another by key, side by side otherwise, and no more than there are places."""

import asyncio
from collections.abc import Callable

import pytest

from venmo_api.adapters.turns import Turns
from venmo_api.core.errors import Unavailable


async def most_at_once(turns: Turns, key: Callable[[int], str], times: int) -> int:
    inside = most = 0

    async def work(number: int) -> None:
        nonlocal inside, most
        async with turns.turn(key(number)):
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1

    await asyncio.gather(*(work(number) for number in range(times)))
    return most


async def test_one_key_is_alone_and_keys_do_not_wait_for_each_other() -> None:
    turns = Turns()
    assert await most_at_once(turns, lambda _: "alice", 20) == 1
    assert await most_at_once(turns, str, 20) == 20


async def test_who_finds_no_place_is_told_so_at_once_and_places_come_free() -> None:
    turns = Turns(most=2)
    async with turns.turn("alice"), turns.turn("bob"):
        for key in ("alice", "carol"):
            with pytest.raises(Unavailable):
                async with turns.turn(key):
                    raise AssertionError("there was no place")
    async with turns.turn("carol"):
        pass


async def test_a_turn_ends_with_whoever_fails_or_leaves_in_it() -> None:
    turns = Turns(most=2)
    with pytest.raises(ValueError, match="wrong"):
        async with turns.turn("alice"):
            raise ValueError("wrong")
    async with turns.turn("alice"):
        waiting = asyncio.create_task(most_at_once(turns, lambda _: "alice", 1))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    assert await most_at_once(turns, lambda _: "alice", 2) == 1
