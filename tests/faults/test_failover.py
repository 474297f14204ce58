"""The writer dies and its standby takes over behind the same endpoint: the service goes on without a restart."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.conftest import new_key
from tests.faults.crowd import Crowd, Payment, broken_promises, sound
from tests.faults.standby import Endpoint, Standby
from tests.faults.town import Town, until
from tests.races import storm
from venmo_api.local.stack import Stack

pytestmark = pytest.mark.xdist_group("faults")
CLIENTS = 24
NOTICED_SECONDS = 1
"""Until a cluster notices that its writer is gone."""
GIVE_UP_SECONDS = 60


class Cluster(Town):
    """A town whose database has a standby and an endpoint."""

    def __init__(self, folder: Path, stack: Stack, endpoint: Endpoint) -> None:
        super().__init__(folder, stack)
        self.endpoint = endpoint
        self.writer = super().database_url
        self.standby = Standby(folder, self.writer)
        here = f":{stack.endpoints.database_url.rpartition(':')[2]}"
        self._environment["VENMO_DATABASE_URL"] = stack.endpoints.database_url.replace(
            here, f":{endpoint.port}/{here.partition('/')[2]}"
        )

    @property
    def database_url(self) -> str:
        return self.writer

    async def fail_over(self) -> None:
        await self.kill_postgres()
        await asyncio.sleep(NOTICED_SECONDS)
        await self.standby.promote()
        self.writer = self.standby.url
        self.endpoint.lead_to(self.writer)

    def stop(self) -> None:
        self.standby.stop()
        super().stop()


@asynccontextmanager
async def cluster(folder: Path, *, synchronous: bool) -> AsyncIterator[tuple[Cluster, Crowd]]:
    stack = Stack(folder, throwaway=True, durable=True)
    await asyncio.to_thread(stack.start)
    async with Endpoint(stack.endpoints.database_url) as endpoint:
        town = Cluster(folder, stack, endpoint)
        try:
            await asyncio.to_thread(town.prepare)
            await town.standby.join(synchronous=synchronous)
            town.start("api")
            town.start("worker")
            await town.ready()
            crowd = Crowd(town.url, storm.seeded())
            await crowd.gather(6, money=100_000)
            yield town, crowd
            await crowd.close()
        finally:
            await asyncio.to_thread(town.stop)


async def test_a_synchronous_standby_takes_over_and_nothing_is_lost(tmp_path: Path, dice: random.Random) -> None:
    async with cluster(tmp_path, synchronous=True) as (town, crowd):

        async def harm() -> None:
            await crowd.acknowledged(dice.randint(50, 300), seconds=GIVE_UP_SECONDS)
            await town.fail_over()
            await crowd.acknowledged(100, seconds=GIVE_UP_SECONDS)

        await crowd.rage(CLIENTS, harm=harm)
        assert sum(crowd.retried.values()) > 0, "it was not felt"
        assert await sound(town, crowd, gap=15) == []
        await until(lambda: town.ask("SELECT count(*) = 0 FROM outbox_queue"), seconds=GIVE_UP_SECONDS)
        assert await asyncio.to_thread(town.verify) == ""


async def test_a_standby_that_nobody_waits_for_loses_payments_and_that_is_found(tmp_path: Path) -> None:
    async with cluster(tmp_path, synchronous=False) as (town, crowd):
        kept, lost = Payment("kept", 1), Payment("lost", 1)
        for payment in (kept, lost):
            if payment is lost:
                await town.standby.cut_off()
            answer = await crowd.pay(0, 1, payment, new_key())
            payment.answers.append((answer.status_code, answer.content))
        await town.fail_over()
        assert await broken_promises(town.database_url, [kept, lost]) == ["lost: acknowledged and lost"]
