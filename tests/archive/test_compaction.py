"""Fewer, larger files; what is over; what is removed, and what a legal hold keeps."""

import asyncio
import dataclasses
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from tests.archive.test_crashes import Crash, fragile
from tests.archive.town import Town, asked, settle
from tests.conftest import World
from venmo_api.adapters.postgres import Transaction
from venmo_api.archive import catalog, compaction, legal, proof, queries, rules, service, trail
from venmo_api.archive.compaction import GRACE, Tidied
from venmo_api.archive.rules import Change, Counts, File, Hold, InvalidHold, NoSuchHold
from venmo_api.audit import jobs as audit_jobs
from venmo_api.audit import service as audit
from venmo_api.audit.rules import Act
from venmo_api.core import ids
from venmo_api.privacy import service as privacy
from venmo_api.privacy.rules import CannotErase

AT = datetime(2026, 11, 20, tzinfo=UTC)


def file(shelf: str, first: str, last: str = "", *, size: int = 10) -> File:
    digest = rules.sha256(uuid4().bytes)
    return File(rules.file_key(shelf, first, digest), digest, size, 1, first, last or first)


def hold(**more: Any) -> Hold:
    nothing: dict[str, Any] = dict.fromkeys(("shelf", "first_day", "last_day", "subject_id"))
    return Hold(**{"id": uuid4(), "reason": "1", "placed_at": AT, **nothing, **more})


def merged(files: list[File], *holds: Hold, target: int = 100) -> list[list[str]]:
    batches = compaction.fewer(files, holds, target_bytes=target, monthly_before=AT - timedelta(days=90))
    return [[one.min_day for one in batch] for batch in batches]


def test_files_of_a_day_become_one_and_later_those_of_a_month() -> None:
    young = [file("ledger", "2026-11-18"), file("ledger", "2026-11-18"), file("ledger", "2026-11-19")]
    assert merged(young) == [["2026-11-18", "2026-11-18"]]
    old = [file("ledger", "2026-05-01"), file("ledger", "2026-05-09", "2026-05-12"), file("ledger", "2026-06-01")]
    assert merged(old) == [["2026-05-01", "2026-05-09"]]
    assert merged([file("ledger", "2026-11-18"), file("events", "2026-11-18")]) == []


def test_large_files_stay_and_batches_end_when_they_are_large() -> None:
    assert merged([file("ledger", "2026-11-18", size=100), file("ledger", "2026-11-18")]) == []
    assert [len(batch) for batch in merged([file("ledger", "2026-11-18", size=40) for _ in range(5)])] == [2, 2]
    many = [dataclasses.replace(file("access", "2026-11-18"), rows=compaction.ROWS_MOST // 2) for _ in range(5)]
    assert [len(batch) for batch in merged(many)] == [2, 2]
    assert merged([dataclasses.replace(one, rows=compaction.ROWS_MOST) for one in many]) == []


@pytest.mark.parametrize(
    ("kept", "is_kept"),
    [
        (hold(), True),
        (hold(shelf="ledger"), True),
        (hold(shelf="events"), False),
        (hold(first_day=date(2026, 11, 18), last_day=date(2026, 11, 18)), True),
        (hold(first_day=date(2026, 11, 19)), False),
        (hold(last_day=date(2026, 11, 17)), False),
        (hold(subject_id=uuid4()), True),
    ],
)
def test_what_a_hold_covers_is_not_compacted_away(kept: Hold, is_kept: bool) -> None:
    files = [file("ledger", "2026-11-18") for _ in range(2)]
    assert (merged(files, kept) == []) is is_kept


async def several_files(world: World) -> Town:
    town = await settle(world, trades=2)
    for _ in range(2):
        await service.archive(world.app, before=world.clock.now())
        await town.trade(2)
    await service.archive(world.app, before=world.clock.now())
    return town


async def manifests(world: World) -> list[rules.Manifest]:
    return await catalog.listed(world.app, await world.app.database.read(queries.manifests))


async def test_compacted_history_is_the_same_history_and_old_files_go_after_the_grace(fresh: World) -> None:
    town = await several_files(fresh)
    before = await town.verify()
    standing = rules.standing(await manifests(fresh))
    done = await compaction.tidy(fresh.app)
    assert (done.compacted > done.made > 0, done.removed, done.expired) == (True, 0, 0)
    now = rules.standing(await manifests(fresh))
    assert rules.shelf_rows(now.values()) == rules.shelf_rows(standing.values())
    after = await town.verify()
    assert [check.counted for check in before.checks[2:]] == [check.counted for check in after.checks[2:]]
    assert set(standing) <= set(await fresh.app.objects.keys(""))
    assert await compaction.tidy(fresh.app) == Tidied()
    later = GRACE + timedelta(minutes=1)
    fresh.clock.advance(later)
    fresh.wall_clock.advance(later)
    assert (await compaction.tidy(fresh.app)).removed == len(set(standing) - set(now))
    kept = {key for key in await fresh.app.objects.keys("") if not key.startswith("manifest/")}
    assert kept == set(now)
    assert (await proof.verify(fresh.app)).passed


async def test_what_is_held_stays_though_it_was_compacted_before(fresh: World) -> None:
    await several_files(fresh)
    await compaction.tidy(fresh.app)
    placed = await fresh.app.database.transact(legal.place, fresh.app, reason="2026-CV-1")
    fresh.clock.advance(GRACE * 2)
    fresh.wall_clock.advance(GRACE * 2)
    assert (await compaction.tidy(fresh.app)).removed == 0
    await fresh.app.database.transact(legal.release, fresh.app, placed)
    assert (await compaction.tidy(fresh.app)).removed > 0


async def test_the_trail_is_whole_after_compaction_and_a_break_in_what_was_made_is_named(fresh: World) -> None:
    await several_files(fresh)
    await audit_jobs.chain(fresh.app)
    await service.archive(fresh.app, before=fresh.wall_clock.now())
    await fresh.app.database.transact(audit.note, fresh.app, Act.SIGN_IN)
    await audit_jobs.chain(fresh.app)
    await service.archive(fresh.app, before=fresh.wall_clock.now())
    assert (await trail.verify(fresh.app)).first_break is None
    await compaction.tidy(fresh.app)
    (made,) = [key for key in rules.standing(await manifests(fresh)) if rules.shelf_of(key) == "audit"]
    assert (await trail.verify(fresh.app)).first_break is None
    for clock in (fresh.clock, fresh.wall_clock):
        clock.advance(GRACE + timedelta(minutes=1))
    assert (await compaction.tidy(fresh.app)).removed > 0
    found = await trail.verify(fresh.app)
    assert (found.first_break, bool(found.links)) == (None, True)
    await fresh.app.objects.delete([made])
    assert (
        await trail.verify(fresh.app)
    ).first_break == f"{made} is missing, or does not have the bytes that were archived"


async def test_a_hold_placed_while_files_are_swept_keeps_them(fresh: World) -> None:
    await several_files(fresh)
    await compaction.tidy(fresh.app)
    for clock in (fresh.clock, fresh.wall_clock):
        clock.advance(GRACE * 2)
    objects, listed = fresh.app.objects, fresh.app.objects.written

    async def slowly(prefix: str) -> dict[str, datetime]:
        found = await listed(prefix)
        if prefix == "risk/":
            await fresh.app.database.transact(legal.place, fresh.app, reason="2026-CV-2")
        return found

    objects.written = slowly  # type: ignore[method-assign]
    before = await objects.keys("ledger/")
    assert (await compaction.tidy(fresh.app)).removed == 0
    objects.written = listed  # type: ignore[method-assign]
    assert await objects.keys("ledger/") == before


async def test_who_is_being_erased_is_gone_before_a_hold_comes_into_force(fresh: World) -> None:
    """A planted hold in the middle of it waits, and is not one that was broken."""
    ann, order = await fresh.person("ann"), []

    async def erase(tx: Transaction) -> None:
        await privacy.erase(tx, fresh.app, ann.username)
        await asyncio.sleep(0.3)
        order.append("erased")

    async def hold_all() -> None:
        await asyncio.sleep(0.1)
        await fresh.app.database.transact(legal.place, fresh.app, reason="2026-CV-3")
        order.append("held")

    await asyncio.gather(fresh.app.database.transact(erase), hold_all())
    assert order == ["erased", "held"]


async def test_objects_that_no_manifest_lists_go_after_the_grace(fresh: World) -> None:
    stray = rules.file_key("ledger", "2026-11-20", rules.sha256(b"x"))
    await fresh.app.objects.put_new(stray, b"x", content_type="text/plain")
    assert (await compaction.tidy(fresh.app)).removed == 0
    fresh.wall_clock.advance(GRACE + timedelta(minutes=1))
    assert (await compaction.tidy(fresh.app)).removed == 1
    assert await fresh.app.objects.keys("ledger/") == []


async def test_access_and_decisions_expire_and_ledger_never_does(fresh: World) -> None:
    town = await several_files(fresh)
    await asked(fresh, 3)
    fresh.wall_clock.advance(timedelta(days=1))
    assert (await service.archive(fresh.app, before=fresh.wall_clock.now())).rows["access"] == 3
    await compaction.tidy(fresh.app)
    for days, expired in ((398, False), (3, True)):
        for clock in (fresh.clock, fresh.wall_clock):
            clock.advance(timedelta(days=days))
        await compaction.tidy(fresh.app)
        assert ("access" not in rules.shelf_rows(rules.standing(await manifests(fresh)).values())) is expired
    for clock in (fresh.clock, fresh.wall_clock):
        clock.advance(timedelta(days=2600))
    placed = await fresh.app.database.transact(legal.place, fresh.app, reason="1", shelf="risk")
    assert (await compaction.tidy(fresh.app)).expired == 0
    await fresh.app.database.transact(legal.release, fresh.app, placed)
    assert (await compaction.tidy(fresh.app)).expired > 0
    last = (await manifests(fresh))[-1]
    assert last.change is Change.EXPIRY
    shelves = set(rules.shelf_rows(rules.standing(await manifests(fresh)).values()))
    assert "risk" not in shelves
    assert {"ledger", "events"} <= shelves
    await town.verify()


async def test_a_crash_at_any_step_of_compaction_is_finished_by_the_next_run(fresh: World) -> None:
    town = await several_files(fresh)
    rows = rules.shelf_rows(rules.standing(await manifests(fresh)).values())
    step = crashed = 1
    while crashed:
        crashed = 0
        try:
            await compaction.tidy(fragile(fresh.app, step, "after"))
        except Crash:
            crashed, step = 1, step + 1
        await service.archive(fresh.app, before=fresh.clock.now() - timedelta(days=1))
        assert rules.shelf_rows(rules.standing(await manifests(fresh)).values()) == rows
    assert step > 10
    await town.verify()


async def test_only_one_tidies_and_what_was_begun_is_finished_first(fresh: World) -> None:
    await settle(fresh, trades=1)
    async with fresh.app.database.alone(queries.LOCK_KEY):
        assert await compaction.tidy(fresh.app) == Tidied(busy=True)
    begun = rules.next_manifest(rules.Link(), [], Counts(), at=AT)
    await service.publish(fresh.app, begun)
    assert await compaction.tidy(fresh.app) == Tidied(busy=True)
    await service.settle(fresh.app, begun)
    assert await compaction.tidy(fresh.app) == Tidied()


async def test_a_hold_is_placed_listed_and_released_once_and_keeps_people_from_being_erased(fresh: World) -> None:
    one, other = await fresh.person("ann"), await fresh.person("ben")
    transact = fresh.app.database.transact
    placed = await transact(legal.place, fresh.app, reason="2026-CV-7", subject_id=ids.decode(ids.USER, one.id))
    (listed,) = await fresh.app.database.read(queries.holds)
    assert (listed.id, listed.reason, listed.subject_id) == (placed, "2026-CV-7", ids.decode(ids.USER, one.id))
    with pytest.raises(CannotErase, match="legal hold"):
        await transact(privacy.erase, fresh.app, one.username)
    await transact(privacy.erase, fresh.app, other.username)
    await transact(legal.release, fresh.app, placed)
    with pytest.raises(NoSuchHold):
        await transact(legal.release, fresh.app, placed)
    await transact(privacy.erase, fresh.app, one.username)


@pytest.mark.parametrize(
    "wrong",
    [
        {"reason": "ann paid ben"},
        {"reason": ""},
        {"shelf": "users"},
        {"first_day": date(2026, 2, 1), "last_day": date(2026, 1, 1)},
    ],
)
def test_a_hold_that_says_nothing_is_refused(wrong: dict[str, Any]) -> None:
    usual: dict[str, Any] = {"reason": "1", "shelf": None, "first_day": None, "last_day": None}
    rules.require_hold(**usual)
    with pytest.raises(InvalidHold):
        rules.require_hold(**(usual | wrong))


async def test_the_service_itself_releases_no_hold(fresh: World) -> None:
    town = dataclasses.replace(await settle(fresh, trades=0))
    for statement in ("DELETE FROM archive_holds", "UPDATE archive_holds SET released_at = now()"):
        with pytest.raises(Exception, match="permission denied"):
            await town.as_superuser(f"SET ROLE venmo_app; {statement}")
