"""A few people who pay each other, on a database of their own, and the means to meddle with what they leave."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg
import boto3
from botocore.config import Config

from tests.conftest import Person, World
from venmo_api.archive import proof
from venmo_api.archive.proof import Proof
from venmo_api.traffic.service import Asked, Recorder

TABLES = ("ledger_transactions", "ledger_entries", "events")

KEPT = (
    *TABLES,
    "ledger_accounts",
    "ledger_holds",
    "transfers",
    "fundings",
    "holds",
    "payment_requests",
    "top_ups",
    "cash_outs",
    "stories",
    "archive_manifests",
)


@dataclass
class Town:
    world: World
    people: list[Person]
    money_moves: int
    size: tuple[int, int, int]

    async def trade(self, times: int, *, deliver: bool = True) -> None:
        for number in range(times):
            payer = self.people[number % len(self.people)]
            answer = await payer.pay(self.people[(number + 1) % len(self.people)], 5 + number)
            assert answer.status_code == 201, answer.text
        self.money_moves += times
        if deliver:
            await self.world.drain()

    async def hot(self) -> tuple[int, int, int]:
        """How many transactions, entries and events Postgres holds."""
        rows = await self.as_superuser(" UNION ALL ".join(f"SELECT count(*) AS n FROM {table}" for table in TABLES))
        found = [int(row["n"]) for row in rows]
        return found[0], found[1], found[2]

    async def verify(self) -> Proof:
        proven = await proof.verify(self.world.app)
        assert proven.passed, proof.report(proven)
        return proven

    async def backdate(self, *, days: int, newer_than_days: int = 36500) -> None:
        """All that Postgres still holds of what happened, as if it had happened ``days`` ago."""
        await self._stamp(f"created_at - interval '{days} days'", f"now() - interval '{newer_than_days} days'")

    async def happened_at(self, moment: datetime) -> None:
        """All that Postgres still holds of what happened, as if it had happened then."""
        await self._stamp(f"timestamptz '{moment.isoformat()}'", "'-infinity'")

    async def _stamp(self, then: str, newer_than: str) -> None:
        entries = f"UPDATE ledger_entries SET at = {then.replace('created_at', 'at')}"
        await self.tamper(f"{entries} WHERE at > {newer_than}")
        for table in ("ledger_transactions", "transfers", "stories", "events"):
            payload = f", payload = jsonb_set(payload, '{{at}}', to_jsonb({then}))" if table == "events" else ""
            which = "" if table == "events" else "id IN (SELECT id FROM ledger_transactions) AND "
            await self.tamper(f"UPDATE {table} SET created_at = {then}{payload} WHERE {which}created_at > {newer_than}")
        await self.tamper(
            "UPDATE ledger_accounts a SET moved_at = t.created_at FROM ledger_entries e "
            "JOIN ledger_transactions t ON t.id = e.transaction_id "
            "WHERE e.account_id = a.id AND e.version = a.version"
        )

    async def tamper(self, statement: str) -> None:
        """Run a statement as nobody should be able to: no trigger and no constraint looks."""
        await self.as_superuser("SET session_replication_role = replica; " + statement)

    async def keep(self) -> None:
        """Remember Postgres as it is, for ``restore``."""
        await self.as_superuser("".join(f"CREATE TABLE kept_{table} AS TABLE {table};" for table in KEPT))

    async def restore(self) -> None:
        await self.tamper("".join(f"DELETE FROM {each}; INSERT INTO {each} TABLE kept_{each};" for each in KEPT))

    async def as_superuser(self, statement: str) -> list[Any]:
        url = self.world.app.database.engine.url.set(drivername="postgresql")
        connection = await asyncpg.connect(url.render_as_string(hide_password=False))
        try:
            if ";" in statement:
                await connection.execute(statement)
                return []
            return list(await connection.fetch(statement))
        finally:
            await connection.close()


async def asked(world: World, times: int) -> list[str]:
    """So many requests are on record; their ids."""
    recorder, ids = Recorder(world.app), [world.app.new_id().hex for _ in range(times)]
    for request_id in ids:
        recorder.note(Asked(world.wall_clock.now(), request_id, "GET", "/livez", 200, 100, None, "127.0.0.1"))
    await recorder.write()
    return ids


async def settle(world: World, *, trades: int = 9) -> Town:
    """Three people with money, one without any, and some payments, all delivered."""
    people = [await world.person(name, money=10_000) for name in ("ann", "ben", "cid")]
    await world.person("dora")
    town = Town(world, people, len(people), (0, 0, 0))
    await town.trade(trades)
    town.size = await town.hot()
    return town


def s3_that_is_down() -> Any:
    """A client nobody answers, and that does not try again."""
    no_more = Config(retries={"max_attempts": 0})
    return boto3.client("s3", endpoint_url="http://127.0.0.1:9", region_name="us-east-1", config=no_more)
