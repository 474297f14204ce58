"""Detections over an archive the service made of payments through the API, and the twin of their features."""

import asyncio
import dataclasses
import importlib.util
import shutil
import sys
from datetime import timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from anyio import to_thread
from sqlalchemy import text
from typer.testing import CliRunner

from tests.analytics.test_twin import differences
from tests.conftest import Person, World
from tests.transfers.steps import new_email, pay_contact
from venmo_api.adapters.postgres import Transaction
from venmo_api.adapters.s3 import ObjectCold
from venmo_api.analytics import engines, inputs, jobs, service, shelves, town, twin
from venmo_api.analytics.inputs import ALWAYS
from venmo_api.analytics.rules import DecisionsCold, Raised
from venmo_api.analytics.typologies import BURST
from venmo_api.archive import service as archiving
from venmo_api.archive.rules import ArchiveMismatch, File
from venmo_api.cli import app as verbs
from venmo_api.core import ids
from venmo_api.risk import features

LOG = text("SELECT tx_id, features FROM risk_decisions")


async def burst(sender: Person, other: Person, count: int = BURST.count) -> None:
    for answer in await asyncio.gather(*(sender.pay(other, 5_00 + n) for n in range(count))):
        assert answer.status_code == 201, answer.text


async def archived(world: World) -> None:
    """All there is goes to S3, and a day passes."""
    moved = await archiving.archive(world.app, before=world.app.clock.now())
    assert moved.rows.get("risk")
    world.clock.advance(timedelta(days=1))


async def run(world: World, *, whole: bool = False) -> service.Run:
    return await service.run(world.app, engines.duckdb, progress=lambda _: None, whole=whole)


async def logged(tx: Transaction) -> dict[int, list[int]]:
    return {inputs.number(row.tx_id): features.unpacked(row.features) for row in await tx.execute(LOG)}


async def test_what_is_archived_is_judged_once_and_becomes_alerts(fresh: World) -> None:
    alice, bob = await fresh.person("alice", money=900_00), await fresh.person("bob", money=900_00)
    await burst(alice, bob)
    await archived(fresh)
    first = await run(fresh)
    assert first.span == ALWAYS
    [finding] = first.told.findings.to_pylist()
    alice_id = ids.decode(ids.USER, alice.id)
    assert alice_id
    assert (finding["detector"], finding["subject"]) == ("velocity_burst", inputs.number(alice_id))
    assert first.told.evidence.num_rows == BURST.count
    assert first.raised == Raised(alerts=1, opened=1)

    await burst(bob, alice)
    await archived(fresh)
    second = await run(fresh)
    assert second.span.first_us > 0
    assert second.span.first_us <= finding["window_start_us"]  # its day may not have been over
    assert (second.raised.alerts, second.raised.known) == (1, 1)
    again = await run(fresh, whole=True)
    assert again.told.findings.num_rows == 2
    assert (again.raised.alerts, again.raised.known) == (0, 2)
    assert len(await fresh.app.objects.keys(service.RUNS)) == 2


async def test_payments_that_nobody_claimed_are_not_held_against_their_sender(fresh: World) -> None:
    alice = await fresh.person("alice", money=900_00)
    sent = [await pay_contact(alice, new_email(), 5_00 + n) for n in range(BURST.count)]
    await archived(fresh)
    assert (await run(fresh, whole=True)).told.evidence.num_rows == BURST.count
    for answer in sent[:2]:
        assert (await alice.post(f"/transfers/{answer.json()['id']}/cancel")).json()["status"] == "cancelled"
    assert (await run(fresh, whole=True)).told.findings.num_rows == 0


async def test_nothing_archived_is_nothing_found(fresh: World) -> None:
    assert await jobs.detect(fresh.app) == 0
    assert await fresh.app.objects.keys(service.RUNS) == []


async def test_features_in_line_are_those_of_the_batch(fresh: World, tmp_path: Path) -> None:
    people = [await fresh.person(f"p{n}", money=2_000_00) for n in range(5)]
    for hours in (1, 2, 25, 24 * 31):
        await asyncio.gather(*(
            one.pay(other, 1_00 + 7 * n) for n, one in enumerate(people) for other in people if other is not one
        ))  # fmt: skip
        source = (await people[0].get("/wallet/funding-sources")).json()["data"][0]["id"]
        body = {"funding_source_id": source, "amount": 3_00}
        out = await people[0].post("/wallet/cash-outs", body, key=f"cash-{hours}-0123456789")
        assert out.status_code == 201, out.text
        fresh.clock.advance(timedelta(hours=hours))
    vectors = await fresh.app.database.read(logged)
    assert len(vectors) == 4 * 21
    await archived(fresh)
    loaded = await shelves.load(fresh.app, await shelves.archive(fresh.app), tmp_path, ALWAYS, lambda _: None)
    with engines.duckdb(loaded) as engine:
        found = engine.connection.to_pyarrow(twin.features(engine.tables["payments"], engine.tables["accounts"]))
    assert differences(found, vectors) == []
    assert len({tuple(vector[1:]) for vector in vectors.values()}) > 40


async def test_a_file_that_is_not_as_the_manifest_says_is_not_judged(fresh: World, tmp_path: Path) -> None:
    alice, bob = await fresh.person("alice", money=100_00), await fresh.person("bob")
    await burst(alice, bob, 2)
    await archived(fresh)
    known = await shelves.archive(fresh.app)
    [file] = known.files
    gone = dataclasses.replace(known, files=[dataclasses.replace(file, key="risk/v1/gone.parquet")])
    (tmp_path / "gone").mkdir()
    with pytest.raises(ArchiveMismatch, match=r"gone\.parquet is missing"):
        await shelves.load(fresh.app, gone, tmp_path / "gone", ALWAYS, lambda _: None)
    wrong = dataclasses.replace(known, files=[dataclasses.replace(file, sha256="0" * 64)])
    with pytest.raises(ArchiveMismatch, match="bytes"):
        await shelves.load(fresh.app, wrong, tmp_path, ALWAYS, lambda _: None)


async def test_decisions_in_cold_storage_are_asked_for_first(fresh: World, tmp_path: Path) -> None:
    class Cold:
        async def download(self, key: str, path: Path) -> None:
            raise ObjectCold(key)

    file = File("risk/v1/dt=2026-01-02/a.parquet", "a", 1, 1, "2026-01-02", "2026-01-03")
    app = dataclasses.replace(fresh.app, objects=Cold())
    with pytest.raises(DecisionsCold, match="archive restore --start 2026-01-02 --end 2026-01-03"):
        await shelves.load(app, shelves.Archive((), (file,)), tmp_path, ALWAYS, lambda _: None)


async def test_the_operator_runs_any_engine_over_the_archive(fresh: World, monkeypatch: pytest.MonkeyPatch) -> None:
    alice, bob = await fresh.person("alice", money=900_00), await fresh.person("bob")
    await burst(alice, bob)
    await archived(fresh)
    monkeypatch.setenv("VENMO_DATABASE_URL", fresh.app.database.engine.url.render_as_string(hide_password=False))
    monkeypatch.setenv("VENMO_S3_BUCKET", fresh.app.objects.bucket)
    new, known = "1 new alerts, 0 known, 1 new cases", "0 new alerts, 1 known, 0 new cases"
    spark = ["spark"] if importlib.util.find_spec("pyspark") and shutil.which("java") else []
    for engine, raised in zip(["duckdb", "postgres", *spark], [new, known, known], strict=False):
        done = await to_thread.run_sync(CliRunner().invoke, verbs, ["analytics", "run", "--engine", engine, "--whole"])
        assert done.exit_code == 0, done.output
        assert raised in done.output
        assert f"1 findings, {BURST.count} payments bear them out" in done.output


def test_flat_inputs_are_judged_without_any_server(tmp_path: Path) -> None:
    town.write(town.build(town.Plan(payments=3_000, days=30, planted=1)), tmp_path / "town", progress=lambda _: None)
    words = ["analytics", "run", "--inputs", str(tmp_path / "town"), "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(verbs, words)
    assert done.exit_code == 0, done.output
    assert "structuring: 1 findings" in done.output  # what is shown while it runs
    assert pq.read_table(tmp_path / "out/findings.parquet").schema == engines.FINDINGS
    assert pq.read_table(tmp_path / "out/evidence.parquet").num_rows > 20


def test_an_engine_that_is_none_is_refused_and_one_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    done = CliRunner().invoke(verbs, ["analytics", "run", "--engine", "oracle"])
    assert done.exit_code == 2
    assert "duckdb, postgres or spark" in done.output
    monkeypatch.setitem(sys.modules, "venmo_api.analytics.spark", None)
    done = CliRunner().invoke(verbs, ["analytics", "run", "--engine", "spark"])
    assert done.exit_code == 1
    assert "make spark" in done.output
