"""History: where an account stood at any moment; its entries; and what the archive has taken away."""

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import World, sign_up
from tests.ledger import audit
from venmo_api.core import ids
from venmo_api.ledger import history
from venmo_api.ledger.book import TICK
from venmo_api.ledger.history import AtHand, Stretch, TooManyEntries

BEGAN = datetime(2026, 3, 1, 12, tzinfo=UTC)
BUFFERS_MOST = 100
"""A short walk down an index of a partition; a scan would read thousands of pages."""


class Archived(Exception):
    """Postgres cannot tell."""


@dataclass
class Past:
    """Accounts with a past written by hand, and the means to read it."""

    world: World
    connection: Any

    async def account(self, entries: Sequence[tuple[datetime, int]]) -> UUID:
        account_id, balances = uuid4(), list(accumulate(amount for _, amount in entries))
        ids_ = [uuid4() for _ in entries]
        last = (balances[-1], len(entries), entries[-1][0]) if entries else (0, 0, None)
        await self.connection.execute("SET session_replication_role = replica")
        await self.connection.execute(
            "INSERT INTO ledger_accounts (id, kind, balance, version, moved_at, created_at) "
            "VALUES ($1, 'wallet', $2, $3, $4, $5)",
            account_id, *last, BEGAN,
        )  # fmt: skip
        await self.connection.executemany(
            "INSERT INTO ledger_transactions VALUES ($1, 'transfer', $2)",
            [(id_, at) for id_, (at, _) in zip(ids_, entries, strict=True)],
        )
        await self.connection.executemany(
            "INSERT INTO ledger_entries (account_id, version, transaction_id, amount, balance_after, at) "
            "VALUES ($1, $2, $3, $4, $5, $6)",
            [
                (account_id, version, id_, amount, balance, at)
                for version, (id_, (at, amount), balance) in enumerate(
                    zip(ids_, entries, balances, strict=True), start=1
                )
            ],
        )
        return account_id

    async def archive(self, account_id: UUID, *, through: int) -> None:
        await self.connection.execute(
            "UPDATE archive_horizons SET moved_through = (SELECT max(at) FROM ledger_entries "
            "WHERE account_id = $1 AND version <= $2) WHERE group_name = 'ledger'",
            account_id,
            through,
        )
        await self.connection.execute(
            "DELETE FROM ledger_entries WHERE account_id = $1 AND version <= $2", account_id, through
        )

    async def balance_at(self, account_id: UUID, at: datetime) -> int:
        return (await self.entries(account_id, at + TICK, at + TICK)).closing

    async def entries(self, account_id: UUID, start: datetime, end: datetime, *, most: int = 1000) -> Stretch:
        found = (await self.known(account_id, start, end, most=most)).stretch
        if found is None:
            raise Archived
        return found

    async def known(self, account_id: UUID, start: datetime, end: datetime, *, most: int = 1000) -> AtHand:
        return await self.world.app.database.read(history.at_hand, account_id, start=start, end=end, most=most)


@pytest.fixture
async def past(world: World) -> AsyncIterator[Past]:
    connection = await audit.connect(world)
    yield Past(world, connection)
    await connection.execute("UPDATE archive_horizons SET moved_through = NULL")
    await connection.close()


def hours(*moved: tuple[float, int]) -> list[tuple[datetime, int]]:
    return [(BEGAN + timedelta(hours=hour), amount) for hour, amount in moved]


def at(hour: float) -> datetime:
    return BEGAN + timedelta(hours=hour)


async def test_the_balance_at_a_moment_has_all_that_happened_by_then_in_it(past: Past) -> None:
    account = await past.account(hours((1, 500), (2, -100), (2, -50), (5, 25)))
    found = [await past.balance_at(account, at(hour)) for hour in (0, 0.99, 1, 1.5, 2, 4.99, 5, 1000)]
    assert found == [0, 0, 500, 500, 350, 350, 375, 375]
    assert await past.balance_at(account, at(2) - TICK) == 500


async def test_nobody_ever_had_anything(past: Past) -> None:
    assert await past.balance_at(uuid4(), BEGAN) == 0
    assert await past.entries(await past.account([]), at(0), at(9)) == Stretch(0, (), 0)


async def test_a_period_has_its_first_moment_in_it_and_not_its_last(past: Past) -> None:
    account = await past.account(hours((1, 500), (2, -100), (3, 25)))
    stretch = await past.entries(account, at(1), at(3))
    assert (stretch.opening, stretch.closing) == (0, 400)
    assert [(each.version, each.amount, each.balance_after, each.at) for each in stretch.entries] == [
        (1, 500, 500, at(1)),
        (2, -100, 400, at(2)),
    ]
    assert {each.kind for each in stretch.entries} == {"transfer"}


async def test_more_than_fits_is_refused_before_it_is_read(past: Past) -> None:
    account = await past.account(hours(*((hour, 1) for hour in range(10))))
    assert len((await past.entries(account, at(0), at(10), most=10)).entries) == 10
    with pytest.raises(TooManyEntries) as refused:
        await past.entries(account, at(0), at(10), most=9)
    assert "This period has 10 movements" in refused.value.detail


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    gaps=st.lists(st.integers(0, 3), max_size=12),
    asked=st.lists(st.integers(-1, 40), min_size=2, max_size=6),
    archived=st.integers(0, 6),
)
async def test_a_walk_finds_what_reading_everything_would(
    past: Past, gaps: list[int], asked: list[int], archived: int
) -> None:
    entries = hours(*((hour, 100 + hour) for hour in accumulate(gaps)))
    account = await past.account(entries)
    # The archive takes whole days: all entries of one moment, or none.
    archived = next((n for n in range(archived, len(entries)) if n == 0 or entries[n][0] > entries[n - 1][0]), 0)
    await past.archive(account, through=archived)
    known_from = entries[archived - 1][0] if archived else at(-2)
    for hour in asked:
        moment = at(hour)
        if moment < known_from:
            with pytest.raises(Archived):
                await past.balance_at(account, moment)
            known = await past.known(account, moment, moment)
            stood = [amount for when, amount in entries if when <= known_from]
            assert (known.joint.version, known.joint.balance, known.moved_through) == (archived, sum(stood), known_from)
        else:
            assert await past.balance_at(account, moment) == sum(amount for when, amount in entries if when <= moment)
    start, end = at(min(asked)), at(max(asked))
    if start > known_from:
        stretch = await past.entries(account, start, end)
        assert [each.amount for each in stretch.entries] == [amount for when, amount in entries if start <= when < end]
        assert stretch.opening + sum(each.amount for each in stretch.entries) == stretch.closing


async def test_an_account_all_of_whose_history_is_archived_still_knows_its_last_balance(past: Past) -> None:
    account = await past.account(hours((1, 500), (2, -100)))
    await past.archive(account, through=2)
    assert await past.balance_at(account, at(2)) == 400
    assert await past.entries(account, at(3), at(9)) == Stretch(400, (), 400)
    with pytest.raises(Archived):
        await past.balance_at(account, at(1.9))


async def test_an_archive_that_is_half_done_makes_no_wrong_history(past: Past) -> None:
    account = await past.account(hours((1, 500), (2, -100), (3, 25), (4, 5)))
    await past.connection.execute("DELETE FROM ledger_entries WHERE account_id = $1 AND version = 2", account)
    with pytest.raises(Archived):
        await past.entries(account, at(0), at(9))
    assert await past.balance_at(account, at(3)) == 425


async def test_a_hundred_thousand_entries_are_not_scanned(fresh: World) -> None:
    past, account = Past(fresh, await audit.connect(fresh)), uuid4()
    await past.connection.execute(
        f"""SET session_replication_role = replica;
        INSERT INTO ledger_accounts (id, kind, balance, version, moved_at, created_at)
        VALUES ('{account}', 'wallet', 100000, 100000, '{at(100_000)}', '{BEGAN}');
        WITH made AS (SELECT n, gen_random_uuid() AS id FROM generate_series(1, 100000) n),
        posted AS (INSERT INTO ledger_transactions SELECT id, 'transfer', '{BEGAN}'::timestamptz + n * interval '1 hour'
                   FROM made)
        INSERT INTO ledger_entries (account_id, version, transaction_id, amount, balance_after, at)
        SELECT '{account}', n, id, 1, n, '{BEGAN}'::timestamptz + n * interval '1 hour' FROM made;
        ANALYZE ledger_entries, ledger_transactions"""
    )
    for hour in (0, 1, 31_415, 99_999, 100_000, 200_000):
        assert await past.balance_at(account, at(hour)) == min(hour, 100_000)
        statement = str(history.STOOD).replace(":account_id", f"'{account}'").replace(":moment", f"'{at(hour)}'")
        explained = await past.connection.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}")
        plan = json.loads(explained)[0]["Plan"]
        assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] < BUFFERS_MOST
    await past.connection.close()


async def test_what_people_did_is_their_history(world: World) -> None:
    alice, bob = await sign_up(world.client), await sign_up(world.client)
    await alice.top_up(1000)
    between = world.clock.now()
    await alice.pay(bob, 300)
    account = ids.decode(ids.USER, alice.id)
    assert account
    now = world.clock.now()
    known = await world.app.database.read(history.at_hand, account, start=between, end=now, most=10)
    assert known.stretch
    assert (known.stretch.opening, known.stretch.closing) == (1000, 700)
    assert [(each.kind, each.amount) for each in known.stretch.entries] == [("transfer", -300)]
