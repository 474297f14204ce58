"""One durable town for the whole folder; its crowd's accounts grow from test to test."""

import random
from collections.abc import AsyncIterator

import pytest

from tests.faults.town import Crowd, Town
from venmo_api.local.stack import Stack


@pytest.fixture(scope="package")
async def town(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    folder = tmp_path_factory.mktemp("town")
    stack = Stack(folder, throwaway=True, durable=True)
    stack.start()
    made = Town(folder, stack)
    try:
        made.prepare()
        made.start("api")
        made.start("worker")
        await made.ready()
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="package")
async def crowd(town: Town) -> AsyncIterator[Crowd]:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    made = Crowd(town.url, random.Random(seed))
    await made.gather(6, money=100_000)
    yield made
    await made.close()
