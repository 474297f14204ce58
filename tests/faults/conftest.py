"""One durable town for the whole folder; its crowd's accounts grow from test to test."""

import random
from collections.abc import AsyncIterator

import pytest

from tests.faults.crowd import Crowd
from tests.faults.town import Town, inhabited
from tests.races import storm


@pytest.fixture(scope="package")
async def town(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    async with inhabited(tmp_path_factory.mktemp("town")) as made:
        yield made


@pytest.fixture(scope="package")
async def crowd(town: Town) -> AsyncIterator[Crowd]:
    made = Crowd(town.url, storm.seeded())
    await made.gather(6, money=500_000)
    yield made
    await made.close()


@pytest.fixture
def dice() -> random.Random:
    return storm.seeded()
