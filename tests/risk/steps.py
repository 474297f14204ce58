"""What tests of risk do and look at, beside what a client can."""

import dataclasses
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from tests.conftest import GENEROUS, Person, World, world_over
from tests.transfers.commands import user_id
from tests.transfers.steps import run
from venmo_api.adapters.postgres import Transaction
from venmo_api.core.policy import Policy
from venmo_api.core.scoring import Scorer
from venmo_api.risk import lists
from venmo_api.risk.lists import Entry, List, ListReason, Snooze
from venmo_api.settings import Settings

WARY = Policy(
    velocity_hour_count=1,
    velocity_hour_sum=100_00,
    new_account_received=100_00,
    mule_payers=3,
    mule_received=100_00,
    degraded_most=10_00,
)
"""Rules that a few payments trip."""


@dataclasses.dataclass
class Constant:
    """A model that gives everything the same score; None: it fails."""

    value: float | None
    sha256: str | None = "c" * 64

    def score(self, rows: Sequence[Sequence[int]]) -> list[float]:
        if self.value is None:
            raise ArithmeticError("no score")
        return [self.value for _ in rows]


@asynccontextmanager
async def wary(settings: Settings, *, scorer: Scorer | None = None, policy: Policy = WARY) -> AsyncIterator[World]:
    figures = dataclasses.replace(GENEROUS, risk=policy)
    more = {"scorer": scorer} if scorer else {}
    async with world_over(settings.model_copy(update={"figures": figures}), **more) as world:
        yield world


async def decisions(world: World, person: Person) -> list[Any]:
    """What was decided of what this person sent, in order."""
    return await run(world, "SELECT * FROM risk_decisions WHERE sender_id = $1 ORDER BY decided_at", user_id(person))


async def block(
    world: World, person: Person | None = None, *, contact: str | None = None, name: List = List.BLOCK
) -> None:
    index = world.app.keys.index("email", contact) if contact else None
    listed = user_id(person) if person else None
    now, new_id = world.clock.now(), world.app.new_id()
    entry = Entry(new_id, name, listed, index, ListReason.FRAUD, new_id, now)
    await world.app.database.transact(lists.add, entry)


async def snooze(world: World, person: Person, rule: str, *, until: Any) -> None:
    async def write(tx: Transaction) -> None:
        await lists.snooze(tx, Snooze(user_id(person), rule, until, user_id(person), world.clock.now()))

    await world.app.database.transact(write)
