"""Keyrings of several processes over one database, and a key service that can be away."""

import dataclasses
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from tests.conftest import TestClock, World, database_url, world_over
from venmo_api.adapters.kms import DataKey, FileKms, KmsAway
from venmo_api.crypto.keyring import ANNOUNCED_FOR, Keyring
from venmo_api.privacy import service as privacy
from venmo_api.settings import Settings


class SwitchedKms:
    """The key service of the tests, unless it is ``away``."""

    def __init__(self) -> None:
        self.away = False
        self.asked = 0
        self._kms = FileKms(Path(os.environ["VENMO_MASTER_KEY_FILE"]))

    async def new_data_key(self, context: Mapping[str, str]) -> DataKey:
        self._ask()
        return await self._kms.new_data_key(context)

    async def unwrap(self, wrapped: bytes, context: Mapping[str, str]) -> bytes:
        self._ask()
        return await self._kms.unwrap(wrapped, context)

    def _ask(self) -> None:
        self.asked += 1
        if self.away:
            raise KmsAway("test")


def keyring(world: World, kms: SwitchedKms, clock: TestClock) -> Keyring:
    """As another process over the same database would have it; it knows no key yet."""
    return Keyring(kms, world.app.database, clock)


async def rotate(world: World, clock: TestClock) -> None:
    """New keys of both purposes, which count now."""
    await privacy.rotate(world.app)
    clock.advance(ANNOUNCED_FOR + timedelta(seconds=1))


@dataclasses.dataclass
class Vault:
    """A world whose key service can be away, and whose keys age by hand."""

    world: World
    kms: SwitchedKms
    clock: TestClock


@asynccontextmanager
async def vault_over(fresh: World, settings: Settings, *, away: bool = False) -> AsyncIterator[Vault]:
    """Another process over the database of ``fresh``; it starts while the key service is ``away``."""
    kms, clock = SwitchedKms(), TestClock()
    kms.away = away
    name = str(fresh.app.database.engine.url.database)
    there = settings.model_copy(update={"database_url": database_url(name)})
    async with world_over(there, redis=fresh.app.redis, keys=keyring(fresh, kms, clock)) as world:
        yield Vault(world, kms, clock)
