"""Time is driven here, and money that moved ahead of it stays ahead: each test has a world of its own."""

import pytest

from tests.conftest import World
from tests.feed.oracle import settings_of
from venmo_api.settings import Settings


@pytest.fixture
async def world(fresh: World) -> World:
    return fresh


@pytest.fixture
def settings(fresh: World, worker_number: int) -> Settings:
    made: Settings = settings_of(fresh, redis_number=worker_number * 2 + 1)
    return made
