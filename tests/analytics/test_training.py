"""From the log of decisions to a model that scores payments: what is learnt, when it may be known, and what is kept."""

import dataclasses
import hashlib
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from anyio import to_thread
from sqlalchemy import text
from typer.testing import CliRunner

from tests.conftest import World, database_url
from tests.risk.made import LARGE
from tests.risk.steps import decisions
from venmo_api.adapters.postgres import Transaction
from venmo_api.analytics import jobs, learning, lessons, model_report, town, training
from venmo_api.analytics.boosting import Candidate
from venmo_api.analytics.labelled import DAY_US
from venmo_api.analytics.lessons import ARCHIVE, MATURE_DAYS, TOWN, Lessons
from venmo_api.analytics.rules import SetUnfit
from venmo_api.archive import service as archiving
from venmo_api.archive.rules import ArchiveMismatch
from venmo_api.cli import app as verbs
from venmo_api.risk import features, registry
from venmo_api.risk.registry import Kept, Trained
from venmo_api.risk.rules import ModelUnfit
from venmo_api.risk.scorer import Following

SMALL = Candidate(20, leaves=7, rate=0.2)
START_US = 20_454 * DAY_US  # the first of January 2026
LATE = 120
NEVER = 2**62


def _lessons(count: int = 4_000, *, days: int = 150, late: int = 5, seed: int = 0) -> Lessons:
    """Large amounts are fraud, and that is known ``late`` days after."""
    rng = np.random.default_rng(seed)
    us = START_US + np.sort(rng.integers(0, days * DAY_US, count))
    matrix = rng.integers(0, 100_000, (count, len(features.NAMES))).astype(np.float64)
    fraud = matrix[:, LARGE] > 90_000
    return Lessons(ARCHIVE, us, matrix, fraud, np.where(fraud, us + late * DAY_US, NEVER))


def _train(learnt: Lessons, *, day: int = 150, seed: int = 0) -> training.Made:
    known_us = START_US + day * DAY_US
    return training.train(learnt, known_us=known_us, progress=lambda _: None, candidate=SMALL, seed=seed)


def test_the_same_lessons_and_seed_make_the_same_bytes() -> None:
    first, second = _train(_lessons()), _train(_lessons())
    assert first.text == second.text
    assert first.kept.sha256 == hashlib.sha256(first.text).hexdigest()
    assert _train(_lessons(), seed=1).text != first.text
    assert _train(_lessons(seed=1)).text != first.text


def test_each_month_is_judged_by_what_was_known_when_it_began() -> None:
    report = _train(_lessons()).report
    assert [month.month for month in report.months] == ["2026-03", "2026-04"]
    assert all(month.average_precision > 0.9 for month in report.months)
    assert report.weights[0][0] == "amount"
    assert report.calibration
    # Were labels believed before their time, months would be judged here too: nothing is known of any before the end.
    assert _train(_lessons(late=LATE), day=LATE + 150).report.months[:-3] == ()
    assert _train(_lessons(late=LATE)).report.months == ()


def test_what_is_younger_than_complaints_take_is_not_learnt_and_labels_count_from_their_moment() -> None:
    learnt = _lessons()
    moment = START_US + 90 * DAY_US
    rows, fraud = learnt.by(moment)
    assert learnt.us[rows].max() <= moment - MATURE_DAYS * DAY_US
    assert fraud.sum() == learnt.fraud[rows].sum() > 0
    late = dataclasses.replace(learnt, known_us=np.where(learnt.fraud, moment + 1, NEVER))
    assert late.by(moment)[1].sum() == 0
    assert late.by(moment + 1)[1].sum() > 0


ALL_FRAUD = dataclasses.replace(_lessons(), fraud=_lessons().us > 0, known_us=_lessons().us)


@pytest.mark.parametrize("learnt", [_lessons(300), _lessons(0), ALL_FRAUD])
def test_too_little_to_learn_is_refused_and_told(learnt: Lessons) -> None:
    with pytest.raises(SetUnfit, match="training needs 50"):
        _train(learnt)


def test_a_report_is_one_page_with_nothing_to_fetch() -> None:
    made = _train(_lessons())
    page = model_report.of_training(made)
    assert page.count("data:image/png;base64,") == 3
    assert made.kept.sha256 in page
    assert "http" not in page
    assert "self-check" not in page
    unjudged = dataclasses.replace(made.report, months=(), source=TOWN)
    page = model_report.of_training(dataclasses.replace(made, report=unjudged))
    assert "self-check" in page
    assert "No month" in page
    assert json.loads(json.dumps(made.report.document))["months"][0]["month"] == "2026-03"
    assert "no month" in training.told(dataclasses.replace(made, report=unjudged))


@pytest.fixture(scope="module")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A town with some hundred payments of planted crimes."""
    folder = tmp_path_factory.mktemp("town")
    town.write(town.build(town.Plan(payments=6_000, days=150, planted=3)), folder, progress=lambda _: None)
    return folder


def test_a_town_is_learnt_from_by_the_batch_twin(made_up: Path) -> None:
    learnt = lessons.of_town(made_up)
    assert learnt.source == TOWN
    assert len(learnt.us) > 5_900
    assert 50 < learnt.fraud.sum() < 600
    assert not np.isnan(learnt.matrix).any()
    known = learnt.known_us < NEVER
    assert np.array_equal(known, learnt.fraud)
    assert np.all(learnt.known_us[known] - learnt.us[known] == lessons.TOWN_DELAY_DAYS * DAY_US)


DECIDE = """
    INSERT INTO risk_decisions (tx_id, decided_at, kind, sender_id, recipient_id, amount, verdict, reasons, policy,
                                features, listed, snoozed, holdable, degraded, new_device, latency_us)
    SELECT id, at, 'payment', gen_random_uuid(), gen_random_uuid(), 1000, verdict, '{}', 'p', vector, '{}', '{}', true,
           false, false, 9
    FROM unnest(CAST(:ids AS uuid[]), CAST(:moments AS timestamptz[]), CAST(:verdicts AS text[]),
                CAST(:vectors AS bytea[])) AS d (id, at, verdict, vector)
"""
JUDGE = """
    INSERT INTO risk_labels (tx_id, source, fraud, at, maker_id)
    SELECT id, source, fraud, at, gen_random_uuid()
    FROM unnest(CAST(:ids AS uuid[]), CAST(:sources AS text[]), CAST(:frauds AS boolean[]),
                CAST(:moments AS timestamptz[])) AS l (id, source, fraud, at)
"""


async def _logged(world: World, count: int = 1_000, *, days: int = 70) -> dict[str, Any]:
    """A log in which large amounts turn out to be fraud five days later, all of it archived."""
    rng = np.random.default_rng(0)
    app, now = world.app, world.clock.now()
    ids = [app.new_id() for _ in range(count)]
    moments = [now - timedelta(days=float(ago)) for ago in np.sort(rng.random(count))[::-1] * days]
    vectors = rng.integers(0, 100_000, (count, len(features.NAMES)))
    declined = rng.random(count) < 0.1
    fraud = (vectors[:, LARGE] > 85_000) & ~declined
    packed = [features.packed([int(value) for value in row]) for row in vectors]
    packed[0] = packed[0][:-8]  # decided before the last feature was appended
    verdicts = ["deny" if one else "allow" for one in declined]
    bad = np.flatnonzero(fraud).tolist()
    labels = {
        "ids": [ids[at] for at in bad] + [ids[bad[0]]],
        "sources": ["bank_return"] * len(bad) + ["verdict"],
        "frauds": [True] * len(bad) + [False],
        "moments": [moments[at] + timedelta(days=5) for at in bad] + [moments[bad[0]]],
    }

    async def write(tx: Transaction) -> None:
        rows = {"ids": ids, "moments": moments, "verdicts": verdicts, "vectors": packed}
        await tx.execute(text(DECIDE), rows)
        await tx.execute(text(JUDGE), labels)

    await app.database.transact(write)
    await archiving.archive(app, before=now)
    return {"vectors": vectors[~declined], "fraud": fraud[~declined]}


async def test_the_archive_is_learnt_from_and_the_candidate_scores_once_it_is_chosen(fresh: World) -> None:
    logged = await _logged(fresh)
    learnt = await lessons.of_archive(fresh.app, lambda _: None)
    assert learnt.fraud.tolist() == logged["fraud"].tolist()  # a bank is believed over an analyst
    assert np.isnan(learnt.matrix).sum() <= 1
    assert np.array_equal(learnt.matrix[1:], logged["vectors"][1:])
    assert await jobs.train_model(fresh.app) == 1
    [candidate] = await fresh.app.database.read(registry.models)
    assert not candidate.active
    assert candidate.report["source"] == ARCHIVE
    sha256 = candidate.kept.sha256
    assert hashlib.sha256(await fresh.app.objects.get(registry.key(sha256))).hexdigest() == sha256
    assert b"<!doctype html>" in await fresh.app.objects.get(registry.report_key(sha256))

    made = await learning.from_archive(fresh.app, progress=lambda _: None)  # again, of the same
    assert made.kept.sha256 == sha256
    assert len(await fresh.app.database.read(registry.models)) == 1

    await fresh.app.database.transact(registry.choose, fresh.app, sha256)
    scorer = fresh.app.scorer
    assert isinstance(scorer, Following)
    await scorer.refresh(fresh.app)
    alice, bob = await fresh.person("alice", money=2_000_00), await fresh.person("bob")
    small, large = await alice.pay(bob, 5_00), await alice.pay(bob, 950_00)
    assert small.json()["status"] == "settled", small.text
    assert large.status_code == 201
    first, second = await decisions(fresh, alice)
    assert first["model"] == second["model"] == sha256
    assert first["score"] < 0.2 < second["score"]
    assert scorer.score([features.unpacked(second["features"])]) == [second["score"]]  # the log replays


async def test_a_file_that_was_changed_is_not_learnt_from(fresh: World) -> None:
    await _logged(fresh, 300)
    key = next(key for key in await fresh.app.objects.keys("risk/") if key.endswith(".parquet"))
    body = await fresh.app.objects.get(key)
    at = len(body) // 2
    _put(fresh, key, body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :])
    with pytest.raises(ArchiveMismatch):
        await lessons.of_archive(fresh.app, lambda _: None)
    _put(fresh, key, body)  # what a test leaves in S3 is searched


def _put(world: World, key: str, body: bytes) -> None:
    world.app.objects._client.put_object(Bucket=world.app.objects.bucket, Key=key, Body=body)


async def test_nothing_is_trained_while_nothing_is_known(fresh: World) -> None:
    assert await jobs.train_model(fresh.app) == 0
    assert len((await lessons.of_archive(fresh.app, lambda _: None)).us) == 0


async def test_a_model_of_a_made_up_town_decides_nothing_in_production(fresh: World) -> None:
    now = fresh.clock.now()
    trained = Trained(Kept("a" * 64, features.NAMES, b""), now, now, {"source": TOWN})
    registry.ensure_real(trained, production=False)
    with pytest.raises(ModelUnfit, match="made up"):
        registry.ensure_real(trained, production=True)
    registry.ensure_real(dataclasses.replace(trained, report={"source": ARCHIVE}), production=True)


async def test_verbs_train_list_and_choose(
    fresh: World, made_up: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("VENMO_DATABASE_URL", database_url(str(fresh.app.database.engine.url.database)))
    monkeypatch.setenv("VENMO_S3_BUCKET", fresh.app.objects.bucket)

    async def verb(*words: str) -> tuple[int, str]:
        done = await to_thread.run_sync(CliRunner().invoke, verbs, ["risk", *words])
        return done.exit_code, done.output

    assert await verb("models") == (0, "there is no model; `venmo-api risk train` makes one\n")
    code, told = await verb("train")
    assert code == 1
    assert "training needs 50" in told
    code, told = await verb("train", "--town", str(made_up), "--out", str(tmp_path / "report.html"))
    assert code == 0, told
    assert "self-check" in (tmp_path / "report.html").read_text()
    [made] = await fresh.app.database.read(registry.models)
    assert made.kept.sha256 in told
    code, told = await verb("activate", made.kept.sha256[:10])
    assert (code, told) == (0, f"{made.kept.sha256} scores from now on\n")
    assert (await verb("models"))[1].startswith(f"* {made.kept.sha256}  ")
    assert await verb("activate", "none") == (0, "no model scores from now on: rules alone\n")
    assert (await verb("models"))[1].startswith(f"  {made.kept.sha256}  ")
    code, told = await verb("activate", "0123456789")
    assert code == 1
    assert "No one model" in told


def test_a_set_that_cannot_be_judged_is_refused_in_a_sentence(tmp_path: Path) -> None:
    done = CliRunner().invoke(verbs, ["risk", "evaluate", "--dataset", str(tmp_path), "--protocol", "prequential"])
    assert done.exit_code == 1
    assert "no column" in done.output or "no rows" in done.output or "no Parquet" in done.output
