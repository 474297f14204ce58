"""Days are cut ahead, also after a worker was away for weeks, or had a wrong clock."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.archive.test_partitions import BOUNDS, run
from tests.archive.town import settle
from tests.conftest import World
from venmo_api.archive import partitions, service
from venmo_api.archive.rules import PartitionTooLarge


async def test_who_was_away_until_a_day_was_too_large_still_archives_the_rest_and_can_cut_it(fresh: World) -> None:
    town = await settle(fresh, trades=3)
    [row] = await run(fresh, "SELECT pg_get_functiondef('archive_cut'::regproc) AS source")
    small = "CASE WHEN of_group = 'ledger' THEN 8000 ELSE 134217728 END"
    await run(fresh, row["source"].replace("134217728", small))
    with pytest.raises(PartitionTooLarge, match="ledger"):
        await partitions.cut_ahead(fresh.app)
    assert len(await run(fresh, BOUNDS, "ledger")) == 1
    assert len(await run(fresh, BOUNDS, "risk")) == partitions.DAYS_AHEAD + 1
    with pytest.raises(PartitionTooLarge, match="archive cut ledger"):
        await service.archive(fresh.app, before=fresh.clock.now())
    assert (await town.hot())[2] == 0
    assert await partitions.cut(fresh.app, "ledger", fresh.clock.now(), however_large=True)
    await town.trade(1)
    moved = await service.archive(fresh.app, before=(await partitions_of(fresh))[0])
    assert (moved.transactions, (await town.hot())[0]) == (town.money_moves - 1, 1)
    await town.verify()


async def partitions_of(world: World) -> list[datetime]:
    """The boundaries of the ledger, the first first."""
    rows = await run(world, "SELECT lower FROM archive_partitions WHERE group_name = 'ledger' "
                            "AND lower > '-infinity' ORDER BY lower")  # fmt: skip
    return [row["lower"] for row in rows]


async def test_a_boundary_far_ahead_keeps_no_day_from_being_cut(fresh: World) -> None:
    fresh.clock.advance(timedelta(days=365))  # a worker whose clock is wrong
    await partitions.cut_ahead(fresh.app)
    fresh.clock.advance(timedelta(days=-365))
    await partitions.cut_ahead(fresh.app)
    now = fresh.clock.now()
    midnight = datetime(now.year, now.month, now.day, tzinfo=UTC)
    days = [midnight + timedelta(days=ahead) for ahead in range(1, partitions.DAYS_AHEAD + 1)]
    assert (await partitions_of(fresh))[: partitions.DAYS_AHEAD] == days
    assert await partitions.cut_ahead(fresh.app) == 0
