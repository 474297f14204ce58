"""A case file says what was reported, and anybody who has the bucket can check it against the archive."""

import dataclasses
import json
from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from anyio import to_thread
from typer.testing import CliRunner

from tests.analytics.steps import analysts, case_id_about, finding, raised, user_id
from tests.conftest import Person, World, new_key
from venmo_api.analytics import case_files, cases, compliance, engines, evidence, jobs, shelves
from venmo_api.analytics.case_files import Verified
from venmo_api.analytics.inputs import number
from venmo_api.analytics.rules import CaseUnfiled, Raised
from venmo_api.archive import compaction, snapshot
from venmo_api.archive import service as archive
from venmo_api.archive.rules import ArchiveMismatch
from venmo_api.audit import service as audit
from venmo_api.cli import app as verbs
from venmo_api.core import ids
from venmo_api.core.figures import Figures

DAY_US = 86_400_000_000


def silent(_: str) -> None:
    pass


async def archived(world: World) -> None:
    await settled(world)
    world.clock.advance(timedelta(days=2))
    done = await archive.archive(world.app, before=world.clock.now())
    assert done.rows.get("risk"), done


async def settled(world: World) -> None:
    """All events are delivered, all acts are chained: nothing waits that the archive would wait for."""
    await world.drain()
    await world.app.database.transact(audited)


async def audited(tx: Any) -> None:
    while await audit.chain(tx):
        pass


def tables(payments: list[tuple[str, int, int]], subject: UUID, *, detector: str = "fan_out") -> tuple[Any, Any]:
    """Findings and evidence as ``engines.run`` tells them, of these transfers: id, us, amount."""
    day = payments[0][1] // DAY_US * DAY_US
    name = {"detector": detector, "version": 1, "subject": number(subject), "window_start_us": day}
    found = name | {
        "window_end_us": day + DAY_US,
        "from_us": payments[0][1],
        "to_us": payments[-1][1],
        "payments": len(payments),
        "amount": sum(amount for *_, amount in payments),
        "score": 100,
    }
    legs = [name | {"tx_id": number(_uuid(transfer)), "us": us, "amount": amount} for transfer, us, amount in payments]
    return pa.Table.from_pylist([found], engines.FINDINGS), pa.Table.from_pylist(legs, engines.EVIDENCE)


def _uuid(transfer: str) -> UUID:
    found = ids.decode(ids.TRANSFER, transfer)
    assert found is not None
    return found


async def paid(world: World, ann: Person, others: list[Person], amount: int) -> list[tuple[str, int, int]]:
    made = []
    for number_of, other in enumerate(others):
        answer = await ann.pay(other, amount, note=f"for {number_of}", key=new_key())
        assert answer.status_code == 201, answer.text
        us = int(world.clock.now().timestamp() * 1_000_000)
        made.append((answer.json()["id"], us, amount))
    return made


async def kept(world: World, found: Any, legs: Any) -> Raised:
    manifests = await world.app.database.read(snapshot.manifests)
    return await evidence.keep(world.app, found, legs, manifests=manifests, progress=silent)


async def reported(world: World, ann: Person) -> UUID:
    """The id of a case about somebody that two analysts have reported."""
    maker, checker = await analysts(world)
    case_id = await case_id_about(world, user_id(ann))
    body = {"disposition": "report", "narrative": "Paid many within minutes."}
    assert (await maker.post(f"/admin/cases/{case_id}/proposal", body)).status_code == 200
    ended = await checker.post(f"/admin/cases/{case_id}/judgement", {"judgement": "approve"})
    assert ended.status_code == 200
    found = ids.decode(ids.CASE, case_id)
    assert found is not None
    return found


@pytest.fixture
async def town(fresh: World) -> tuple[World, Person, UUID]:
    """Somebody whose payments of a day are archived, found and reported."""
    ann = await fresh.person("ann", money=500_000)
    others = [await fresh.person("other") for _ in range(4)]
    payments = await paid(fresh, ann, others, 600_00)
    await archived(fresh)
    told = tables(payments, user_id(ann))
    assert await kept(fresh, *told) == Raised(alerts=1, opened=1)
    assert await kept(fresh, *told) == Raised(known=1)
    return fresh, ann, await reported(fresh, ann)


async def overwritten(world: World, key: str, change: Callable[[bytes], bytes]) -> Callable[[], Awaitable[None]]:
    """Change an object as somebody could who has the bucket; how to put back what was there."""
    objects = world.app.objects
    body = await objects.get(key)
    await objects._call(objects._client.put_object, Bucket=objects.bucket, Key=key, Body=change(body))

    async def undo() -> None:
        await objects._call(objects._client.put_object, Bucket=objects.bucket, Key=key, Body=body)

    return undo


async def test_a_case_file_is_written_once_and_every_change_of_it_or_of_its_evidence_is_found(
    town: tuple[World, Person, UUID],
) -> None:
    world, ann, case_id = town
    assert await jobs.file_cases(world.app) == 1
    assert await jobs.file_cases(world.app) == 0
    key = await case_files.write(world.app, case_id)
    told = json.loads(await world.app.objects.get(key))
    assert (told["payments"], told["amount"], told["disposition"]) == (4, 2_400_00, "report")
    assert [one["user"] for one in told["subjects"]] == [ann.id]
    assert told["narrative"] == "Paid many within minutes."
    assert told["maker"] != told["checker"]
    assert (told["alerts"][0]["detector"], told["due_at"] is not None) == ("fan_out", True)

    async def verified() -> Verified:
        return await case_files.verify(world.app, case_id, silent)

    right = await verified()
    assert (right.wrong, right.alerts, right.payments, right.files, right.replaced) == ([], 1, 4, 1, 0)
    assert case_files.report(right).endswith("verified")
    manifest = f"manifest/{told['manifests'][0][0]:08d}.json"
    for planted in (key, told["evidence"], told["files"][0], manifest):
        undo = await overwritten(world, planted, lambda body: body[:-1] + bytes([body[-1] ^ 1]))
        try:
            found = (await verified()).wrong
        except ArchiveMismatch:  # a manifest that is none
            found = ["no manifest"]
        assert found, planted
        await undo()
    assert (await verified()).wrong == []


async def test_a_case_file_is_locked_for_as_long_as_it_must_be_kept(town: tuple[World, Person, UUID]) -> None:
    world, _, case_id = town
    objects = world.app.objects
    await objects.configure("versioning", {"Status": "Enabled"})
    await objects.configure("object_lock", {"ObjectLockEnabled": "Enabled"})
    key = await case_files.write(world.app, case_id)
    for name in (key, json.loads(await objects.get(key))["evidence"]):
        locked = objects._client.get_object_retention(Bucket=objects.bucket, Key=name)["Retention"]
        assert locked["RetainUntilDate"] >= world.clock.now() + timedelta(days=5 * 365) - timedelta(minutes=10)


async def test_the_operator_reads_and_verifies_by_verbs(
    town: tuple[World, Person, UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    world, ann, case_id = town
    monkeypatch.setenv("VENMO_DATABASE_URL", world.app.database.engine.url.render_as_string(hide_password=False))
    monkeypatch.setenv("VENMO_S3_BUCKET", world.app.objects.bucket)
    name = ids.encode(ids.CASE, case_id)

    async def run(*words: str, code: int = 0) -> str:
        done = await to_thread.run_sync(CliRunner().invoke, verbs, ["analytics", *words])
        assert done.exit_code == code, done.output
        return str(done.output)

    assert "has none" in await run("verify-case", name, code=1)
    told = await run("case", name)
    assert ann.id in told
    assert f"file: cases/{case_id.hex}/" in told
    assert "verified" in await run("verify-case", name)
    assert "no cases" in await run("cases")
    assert f"{name} report: fan_out; 1 alerts, 4 payments, 2,400.00 USD" in await run("cases", "--closed")
    assert "begins with case_" in await run("case", "usr_1", code=2)
    assert "no case with this id" in await run("case", ids.encode(ids.CASE, UUID(int=3)), code=1)
    assert '"currency": []' in await run("compliance", "2026-01-01")
    assert "as 2026-11-01" in await run("compliance", "yesterday", code=2)
    undo = await overwritten(world, (await world.app.objects.keys("risk/"))[0], lambda body: body[:-1])
    assert "NOT what was written" in await run("verify-case", name, code=1)
    await undo()


async def test_a_case_file_that_was_made_up_is_found(town: tuple[World, Person, UUID]) -> None:
    """Whoever can write everything can give a false file its right name; the archive and the ids of alerts tell."""
    world, _, case_id = town
    key = await case_files.write(world.app, case_id)
    told = json.loads(await world.app.objects.get(key))
    found = await world.app.database.read(cases.dossier, case_id)
    dearer = [(alert, dataclasses.replace(one, amount=one.amount + 1)) for alert, one in found.payments]
    stranger = [(alert, dataclasses.replace(one, sender_id=UUID(int=7))) for alert, one in found.payments]
    for payments, sentence in ((dearer, "does not stand in the archive"), (stranger, "does not stand in the archive")):
        rows = case_files._parquet(dataclasses.replace(found, payments=payments))
        forged = pq.read_table(pa.BufferReader(rows))
        wrong = Verified()
        case = told | {"amount": sum(one.amount for _, one in payments)}
        await case_files._check_archive(world.app, case, forged, wrong, silent)
        assert len(wrong.wrong) == 4
        assert sentence in wrong.wrong[0]
    genuine = pq.read_table(pa.BufferReader(await world.app.objects.get(told["evidence"])))
    for change, sentence in (
        ({"amount": 1}, "the payments and the amount"),
        ({"checker": told["maker"]}, "two people"),
        ({"alerts": [told["alerts"][0] | {"detector": "cycle"}]}, "is not the id of what it says"),
    ):
        wrong = Verified()
        case_files._check_document(told | change, genuine, wrong)
        assert any(sentence in line for line in wrong.wrong), (change, wrong.wrong)
    wrong = Verified()
    await case_files._check_archive(world.app, told | {"manifests": [[1, "0" * 64]]}, genuine, wrong, silent)
    assert "manifest 1 is not the one this was found in" in wrong.wrong


async def test_what_was_joined_into_other_files_since_is_found_there(fresh: World) -> None:
    fresh.clock.advance(timedelta(hours=36 - fresh.clock.now().hour))  # noon: all of it is one day
    ann, others = await fresh.person("ann", money=500_000), [await fresh.person("other") for _ in range(4)]
    payments = []
    for some in (others[:2], others[2:]):
        payments += await paid(fresh, ann, some, 600_00)
        await settled(fresh)
        fresh.clock.advance(timedelta(minutes=5))
        await archive.archive(fresh.app, before=fresh.clock.now())
    await kept(fresh, *tables(payments, user_id(ann)))
    case_id = await reported(fresh, ann)
    told = json.loads(await fresh.app.objects.get(await case_files.write(fresh.app, case_id)))
    assert len(told["files"]) == 2
    before = await case_files.verify(fresh.app, case_id, silent)
    assert (before.wrong, before.files, before.replaced) == ([], 2, 0)
    fresh.clock.advance(timedelta(days=2))
    assert (await compaction.tidy(fresh.app)).compacted >= 2
    after = await case_files.verify(fresh.app, case_id, silent)
    assert (after.wrong, after.files, after.replaced) == ([], 2, 2)
    assert "joined into others" in case_files.report(after)
    found = await shelves.archive(fresh.app)
    (joined,) = [file for file in found.files if file.min_day <= told["files"][0][11:21] <= file.max_day]
    undo = await overwritten(fresh, joined.key, lambda body: body[::-1])
    assert "missing or damaged" in (await case_files.verify(fresh.app, case_id, silent)).wrong[0]
    await undo()


async def test_of_what_was_not_reported_there_is_no_file(world: World) -> None:
    ann = UUID(int=11)
    await raised(world, finding(ann))
    case_id = ids.decode(ids.CASE, await case_id_about(world, ann))
    assert case_id is not None
    with pytest.raises(CaseUnfiled):
        await case_files.write(world.app, case_id)
    with pytest.raises(CaseUnfiled):
        await case_files.verify(world.app, case_id, silent)


async def test_a_business_day_is_aggregated_by_person(fresh: World) -> None:
    figures = dataclasses.replace(
        fresh.app.figures, currency_report_above=10_000, travel_rule_from=6_000, business_day_starts_hour=0
    )
    app = dataclasses.replace(fresh.app, figures=figures)
    ann, ben, cat = [await fresh.person(name, money=50_000) for name in ("ann", "ben", "cat")]
    day = fresh.clock.now().date()
    await paid(fresh, ann, [ben, cat], 5_000)  # 100.00 in all: not above
    await paid(fresh, ben, [cat, cat], 6_000)
    await archived(fresh)
    told = await compliance.report(app, day, silent)
    assert told.payments == 4
    assert [(one.user, one.sent, one.received, one.payments) for one in told.currency] == [
        (cat.id, 0, 17_000, 3),
        (ben.id, 12_000, 5_000, 3),
    ]
    assert [(one.sender, one.recipient, one.amount) for one in told.travel_rule] == [(ben.id, cat.id, 6_000)] * 2
    nothing = await compliance.report(app, day - timedelta(days=40), silent)
    assert (nothing.payments, nothing.currency, nothing.travel_rule) == (0, (), ())


def test_a_business_day_begins_when_the_figure_says() -> None:
    start, end = compliance.bounds(date(2026, 3, 1), Figures())
    assert (start.isoformat(), end.isoformat()) == ("2026-03-01T05:00:00+00:00", "2026-03-02T05:00:00+00:00")
