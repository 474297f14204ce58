"""Moving closed periods: everything moves once, nothing is lost, whatever is cut off in between."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from sqlalchemy.exc import DBAPIError

from tests.archive.town import asked, s3_that_is_down, settle
from tests.conftest import World
from venmo_api.archive import catalog, files, jobs, partitions, proof, queries, rules, service
from venmo_api.archive.rules import Archived, ArchiveMismatch
from venmo_api.audit import jobs as audit
from venmo_api.core.errors import Unavailable


async def test_everything_before_a_moment_moves_and_the_proof_holds_before_and_after(fresh: World) -> None:
    town = await settle(fresh)
    before = await town.verify()
    hot = await town.hot()
    moved = await service.archive(fresh.app, before=fresh.clock.now())
    assert (moved.transactions, moved.entries, moved.events) == hot
    assert await town.hot() == (0, 0, 0)
    after = await town.verify()
    assert [check.counted for check in before.checks[2:]] == [check.counted for check in after.checks[2:]]
    assert "PASSED" in proof.report(after)


async def test_payments_go_on_over_archived_history_and_move_with_the_next_run(fresh: World) -> None:
    town = await settle(fresh)
    first = await service.archive(fresh.app, before=fresh.clock.now())
    await town.trade(4)
    await town.verify()
    second = await service.archive(fresh.app, before=fresh.clock.now())
    assert (first.transactions, second.transactions, second.events) == (town.money_moves - 4, 4, 4)
    await town.verify()


async def test_a_second_run_moves_nothing(fresh: World) -> None:
    town = await settle(fresh)
    moment = fresh.clock.now()
    await service.archive(fresh.app, before=moment)
    objects = await fresh.app.objects.keys("")
    again = await service.archive(fresh.app, before=moment)
    assert (again.manifests, again.rows) == (0, {})
    assert await fresh.app.objects.keys("") == objects
    await town.verify()


async def test_each_day_has_its_own_files_and_only_closed_days_move(fresh: World) -> None:
    town = await settle(fresh)
    await town.backdate(days=40)
    await town.trade(3)
    await town.backdate(days=2, newer_than_days=10)
    assert await jobs.archive_closed(fresh.app, after_days=3, risk_after_days=3) == sum(town.size)
    assert await town.hot() == (3, 6, 3)
    assert await jobs.archive_closed(fresh.app, after_days=3, risk_after_days=3) == 0
    assert await jobs.archive_closed(fresh.app, after_days=1, risk_after_days=1) == sum((3, 6, 3))
    days = {key.split("/")[2] for key in await fresh.app.objects.keys("ledger/")}
    today = datetime.now(UTC).date()
    assert days == {f"dt={today - timedelta(days=40)}", f"dt={today - timedelta(days=2)}"}
    await town.verify()


async def test_a_partition_whose_only_rows_were_taken_back_moves_without_a_file(fresh: World) -> None:
    town = await settle(fresh)
    moment = fresh.clock.now()
    await partitions.cut(fresh.app, rules.LEDGER, moment)
    await asyncio.sleep(0.01)
    later = (moment + timedelta(milliseconds=1)).isoformat()
    await town.tamper(f"BEGIN; UPDATE ledger_entries SET at = timestamptz '{later}'; ROLLBACK")
    moved = await service.archive(fresh.app, before=fresh.clock.now())
    assert moved.entries == town.size[1]
    assert not [key for key in await fresh.app.objects.keys("ledger/") if "None" in key]
    await town.verify()


async def test_requests_and_decisions_arrive_each_once(fresh: World) -> None:
    """No proof counts these rows, so what the files hold is held against what Postgres held."""
    town = await settle(fresh)
    requests = await asked(fresh, 50)
    decisions = [row["tx_id"].bytes for row in await town.as_superuser("SELECT tx_id FROM risk_decisions")]
    for clock in (fresh.clock, fresh.wall_clock):
        clock.advance(timedelta(days=1))
    moved = await service.archive(fresh.app, before=fresh.wall_clock.now(), table_bytes=2_000)
    assert (moved.rows["access"], moved.rows["risk"]) == (len(requests), len(decisions))
    held: dict[str, list[Any]] = {"access": [], "risk": []}
    for file in await catalog.standing(fresh.app, await fresh.app.database.read(queries.manifests)):
        column = {"access": "request_id", "risk": "tx_id"}.get(rules.shelf_of(file.key))
        if column:
            held[rules.shelf_of(file.key)] += (await service.fetch(fresh.app, file))[column].to_pylist()
    assert sorted(held["access"]) == sorted(requests)
    assert sorted(held["risk"]) == sorted(decisions)


async def test_a_partition_with_an_undelivered_event_waits_until_it_is_delivered(fresh: World) -> None:
    town = await settle(fresh)
    await town.trade(2, deliver=False)
    held_back = await service.archive(fresh.app, before=fresh.clock.now())
    assert (held_back.transactions, held_back.events) == (town.money_moves, 0)
    assert any("2 events are not delivered yet" in why for why in held_back.waiting)
    _, _, waiting = await town.hot()
    await town.verify()
    await fresh.drain()
    moved = await service.archive(fresh.app, before=fresh.clock.now())
    assert (moved.transactions, moved.events) == (0, waiting)
    assert await town.hot() == (0, 0, 0)
    await town.verify()


async def test_audit_entries_wait_for_their_place_in_the_chain(fresh: World) -> None:
    await settle(fresh)
    held_back = await service.archive(fresh.app, before=fresh.wall_clock.now())
    assert held_back.audit_entries == 0
    assert any("audit entries are not chained yet" in why for why in held_back.waiting)
    chained = await audit.chain(fresh.app)
    assert (await service.archive(fresh.app, before=fresh.wall_clock.now())).audit_entries == chained > 0


async def test_what_comes_late_is_noted_after_what_was_moved_and_goes_with_the_next_run(fresh: World) -> None:
    town = await settle(fresh)
    moment = fresh.clock.now()
    await service.archive(fresh.app, before=moment)
    fresh.clock.advance(timedelta(hours=-1))
    await town.trade(1, deliver=False)
    fresh.clock.advance(timedelta(hours=1))
    await fresh.drain()
    assert await town.hot() == (1, 2, 1)
    (row,) = await town.as_superuser("SELECT min(at) AS at FROM ledger_entries")
    assert row["at"] >= moment
    moved = await service.archive(fresh.app, before=fresh.clock.now())
    assert (moved.transactions, moved.entries, moved.events) == (1, 2, 1)
    await town.verify()


async def test_of_two_archivers_at_once_one_works(fresh: World) -> None:
    town = await settle(fresh)
    hot = await town.hot()
    runs = [service.archive(fresh.app, before=fresh.clock.now(), table_bytes=500) for _ in range(3)]
    done = await asyncio.gather(*runs)
    assert sorted(run.busy for run in done) == [False, True, True]
    (worked,) = [run for run in done if not run.busy]
    assert (worked.transactions, worked.entries, worked.events) == hot
    again = await service.archive(fresh.app, before=fresh.clock.now())
    assert (again.transactions, again.entries, again.events) == (0, 0, 0)
    await town.verify()


async def test_without_the_lock_the_conditional_put_still_has_one_winner(
    fresh: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    @asynccontextmanager
    async def free(key: int) -> AsyncIterator[bool]:
        yield True

    town = await settle(fresh)
    monkeypatch.setattr(fresh.app.database, "alone", free)
    runs = [service.archive(fresh.app, before=fresh.clock.now(), table_bytes=500) for _ in range(3)]
    done = await asyncio.gather(*runs, return_exceptions=True)
    assert all(isinstance(one, (Archived, ArchiveMismatch, DBAPIError)) for one in done), done
    await town.verify()
    await service.archive(fresh.app, before=fresh.clock.now())
    assert await town.hot() == (0, 0, 0)
    await town.verify()


async def test_payments_during_archiving_and_proving(fresh: World) -> None:
    town = await settle(fresh)
    for _ in range(3):
        trading = asyncio.create_task(town.trade(12))
        moved, proven = await asyncio.gather(
            service.archive(fresh.app, before=fresh.clock.now(), table_bytes=500), proof.verify(fresh.app)
        )
        assert not moved.busy
        assert proven.passed, proof.report(proven)
        await trading
    await town.verify()


async def test_nothing_is_deleted_while_s3_is_down(fresh: World) -> None:
    town = await settle(fresh)
    client = fresh.app.objects._client
    fresh.app.objects._client = s3_that_is_down()
    hot = await town.hot()
    with pytest.raises(Unavailable):
        await service.archive(fresh.app, before=fresh.clock.now())
    fresh.app.objects._client = client
    assert await town.hot() == hot
    await town.verify()


async def test_nothing_is_deleted_when_what_is_read_back_differs(fresh: World) -> None:
    class Rotten:
        def __init__(self, real: Any) -> None:
            self.put_new, self._real = real.put_new, real

        async def get(self, key: str) -> bytes:
            body: bytes = await self._real.get(key)
            return body[:-1] + bytes([body[-1] ^ 1]) if key.endswith(".parquet") else body

    town = await settle(fresh)
    hot = await town.hot()
    rotten: Any = Rotten(fresh.app.objects)
    with pytest.raises(ArchiveMismatch):
        await service.archive(dataclasses.replace(fresh.app, objects=rotten), before=fresh.clock.now())
    assert await town.hot() == hot
    assert await fresh.app.objects.keys("manifest/") == []


async def test_damaged_history_is_not_archived(fresh: World) -> None:
    town = await settle(fresh)
    await town.tamper("UPDATE ledger_entries SET amount = amount + 1 WHERE version = 2")
    hot = await town.hot()
    with pytest.raises(ArchiveMismatch):
        await service.archive(fresh.app, before=fresh.clock.now())
    assert await fresh.app.objects.keys("manifest/") == []
    assert await town.hot() == hot


async def test_an_unfinished_manifest_whose_rows_postgres_does_not_hold_deletes_nothing(fresh: World) -> None:
    """As after Postgres was restored from a backup older than the payments."""
    town = await settle(fresh)
    await service.archive(fresh.app, before=fresh.clock.now())
    await town.tamper("DELETE FROM archive_manifests WHERE sequence = (SELECT max(sequence) FROM archive_manifests)")
    await town.trade(2)
    hot = await town.hot()
    with pytest.raises(ArchiveMismatch):
        await service.archive(fresh.app, before=fresh.clock.now())
    assert await town.hot() == hot


async def test_a_row_changed_after_it_was_archived_is_not_deleted(fresh: World) -> None:
    class Meddling:
        """Changes a hot row between the read back and the deletion."""

        def __init__(self, real: Any) -> None:
            self.put_new, self._real = real.put_new, real

        async def get(self, key: str) -> bytes:
            if key.startswith("ledger/"):
                await town.tamper("UPDATE ledger_entries SET balance_after = balance_after + 1 WHERE version = 1")
            body: bytes = await self._real.get(key)
            return body

    town = await settle(fresh)
    hot = await town.hot()
    meddling: Any = Meddling(fresh.app.objects)
    meddled = dataclasses.replace(fresh.app, objects=meddling)
    with pytest.raises(ArchiveMismatch, match="nothing was deleted"):
        await service.archive(meddled, before=fresh.clock.now())
    assert await town.hot() == hot


async def test_only_the_archivist_can_delete_history(fresh: World) -> None:
    town = await settle(fresh)
    for table in ("ledger_entries", "ledger_transactions", "events"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await town.as_superuser(f"SET ROLE venmo_app; DELETE FROM {table}")


async def test_an_object_read_by_others_has_plain_parquet_columns(fresh: World) -> None:
    await settle(fresh)
    await service.archive(fresh.app, before=fresh.clock.now())
    manifest = rules.parse(await fresh.app.objects.get(rules.manifest_key(1)))
    table = await service.fetch(fresh.app, manifest.files[0])
    assert table.schema == files.LEDGER
    stored = list(zip(table["account_id"].to_pylist(), table["version"].to_pylist(), strict=True))
    assert stored == sorted(stored)
    assert manifest.moved_cents == sum(amount for amount in table["amount"].to_pylist() if amount > 0)
