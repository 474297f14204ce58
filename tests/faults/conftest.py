"""One durable town for the whole folder; its crowd's accounts grow from test to test."""

import random
from collections.abc import AsyncIterator

import pytest

from tests.faults.crowd import Crowd
from tests.faults.town import Town
from tests.races import storm
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
    made = Crowd(town.url, storm.seeded())
    await made.gather(6, money=500_000)
    yield made
    await made.close()


@pytest.fixture
def dice() -> random.Random:
    return storm.seeded()
