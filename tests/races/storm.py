"""Many clients at once over one or two apps on the same database, and what they must agree on afterwards."""

import asyncio
import dataclasses
import os
import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import httpx2

from tests.conftest import Person, World, new_key, settings_for, world_over
from tests.ledger import audit


@dataclasses.dataclass(frozen=True)
class Payment:
    """What somebody means to pay once, however often it is sent. The note tells it from all others."""

    payer: int
    payee: int
    amount: int
    key: str
    times: int = 1

    @property
    def note(self) -> str:
        return "payment " + self.key


@dataclasses.dataclass
class Result:
    payment: Payment
    answers: list[httpx2.Response]

    @property
    def statuses(self) -> set[int]:
        return {answer.status_code for answer in self.answers}


@asynccontextmanager
async def second_app(world: World) -> AsyncIterator[World]:
    """Another process' worth of app over the world's database: its own pool, its own group."""
    settings = settings_for(str(world.app.database.engine.url.database), redis_number=0, bucket="unused")
    async with world_over(settings, redis=world.app.redis) as other:
        yield other


def at(world: World, person: Person) -> Person:
    """The same person, as a client of another app."""
    return dataclasses.replace(person, client=world.client)


def payments(
    dice: random.Random, *, people: int, count: int, amount_most: int = 300, tripled: float = 0
) -> list[Payment]:
    chosen = []
    for _ in range(count):
        payer, payee = dice.sample(range(people), 2)
        times = 3 if dice.random() < tripled else 1
        chosen.append(Payment(payer, payee, dice.randint(1, amount_most), new_key(), times))
    return chosen


async def rage(
    worlds: Sequence[World], people: Sequence[Person], wanted: Sequence[Payment], *, clients: int = 64
) -> list[Result]:
    """Send every payment as often as it says, ``clients`` payments at a time, in turn through each app."""
    waiting = iter(enumerate(wanted))
    results: list[Result] = []

    async def client() -> None:
        for number, payment in waiting:
            sends = [
                at(worlds[(number + turn) % len(worlds)], people[payment.payer]).pay(
                    people[payment.payee], payment.amount, note=payment.note, key=payment.key
                )
                for turn in range(payment.times)
            ]
            results.append(Result(payment, list(await asyncio.gather(*sends))))

    await asyncio.gather(*(client() for _ in range(clients)))
    return results


async def disagreements(world: World, results: Sequence[Result]) -> list[str]:
    """Where answers, postings and balances do not fit together; empty when all is well."""
    found = await audit.findings(world)
    rows = await posted(world)
    for result in results:
        note = result.payment.note
        bodies = {answer.content for answer in result.answers}
        if not result.statuses <= {201, 402}:
            found.append(f"{note}: answered {sorted(result.statuses)}")
        if len(bodies) != 1:
            found.append(f"{note}: {len(bodies)} distinct bodies")
        if rows[note] != int(201 in result.statuses):
            found.append(f"{note}: posted {rows[note]} times, answered {sorted(result.statuses)}")
    wanted = {result.payment.note for result in results}
    found += [f"{note}: posted and never asked for" for note in rows if note not in wanted]
    return found


async def posted(world: World) -> Counter[str]:
    """How many transfers carry each note."""
    connection = await audit.connect(world)
    try:
        rows = await connection.fetch("SELECT note, count(*) AS times FROM transfers GROUP BY note")
    finally:
        await connection.close()
    return Counter({row["note"]: row["times"] for row in rows})


async def total(people: Sequence[Person]) -> int:
    return sum([await person.balance() for person in people])


async def deadlocks(*worlds: World) -> int:
    """How many there were in the worlds' database. A session may keep its counts to itself until it ends, so all of
    them are ended."""
    for world in worlds:
        await world.app.database.engine.dispose()
    connection = await audit.connect(worlds[0])
    try:
        others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        for _ in range(200):
            if not await connection.fetchval(others):
                break
            await asyncio.sleep(0.05)
        counted = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        return int(await connection.fetchval(counted))
    finally:
        await connection.close()


def seeded() -> random.Random:
    """Dice whose seed is printed, so that a failure can be thrown again: SEED in the environment gives it."""
    seed = int(os.environ.get("SEED") or random.SystemRandom().randrange(2**32))
    print(f"seed {seed}")
    return random.Random(seed)
