"""One set of expressions: the same findings from every engine, in whole or day by day, and SQL for those elsewhere."""

import itertools
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from venmo_api.analytics import engines, inputs, town
from venmo_api.analytics.engines import EVIDENCE, FINDINGS, Told
from venmo_api.analytics.inputs import ALWAYS, Inputs, Span
from venmo_api.analytics.typologies import DAY_US, TYPOLOGIES, Typology

GOLDEN = Path(__file__).parent / "golden"
ROWS = int(os.environ.get("VENMO_ENGINE_ROWS", "20000"))
SPARING = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
pytestmark = pytest.mark.xdist_group("engines")


@pytest.fixture(scope="module")
def flat(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    """A town of 20,000 payments, or VENMO_ENGINE_ROWS. One in a hundred falls on the microsecond of the one before."""
    folder = tmp_path_factory.mktemp("engines")
    town.write(town.build(town.Plan(payments=ROWS, seed=11, planted=4)), folder, progress=lambda _: None)
    made = inputs.read(folder)
    payments = made.payments.to_table().sort_by([("us", "ascending"), ("tx_id", "ascending")])
    us = payments["us"].to_numpy().copy()
    us[50::100] = us[49:-1:100][: len(us[50::100])]
    return inputs.of_tables(payments.set_column(1, "us", pa.array(us)), made.accounts.to_table())


@pytest.fixture(scope="module")
def whole(flat: Inputs) -> Told:
    with engines.duckdb(flat) as engine:
        return engines.run(engine, ALWAYS, lambda _: None)


def test_every_typology_finds_something_and_says_on_what_it_rests(whole: Told) -> None:
    assert whole.findings.schema == FINDINGS
    assert whole.evidence.schema == EVIDENCE
    assert set(whole.findings["detector"].to_pylist()) == {each.name for each in TYPOLOGIES}
    keys = whole.findings.select(engines.FINDING)
    assert keys.group_by(list(engines.FINDING)).aggregate([]).num_rows == keys.num_rows
    borne = whole.evidence.group_by(["detector", "subject", "window_start_us"]).aggregate([("tx_id", "count")])
    assert borne.num_rows == keys.num_rows
    least = pc.min(borne["tx_id_count"]).as_py()
    assert least >= 2


def test_postgres_finds_what_duckdb_finds(flat: Inputs, whole: Told) -> None:
    with engines.postgres(flat, url=os.environ["VENMO_DATABASE_URL"]) as engine:
        told = engines.run(engine, ALWAYS, lambda _: None)
    assert told.findings.equals(whole.findings)
    assert told.evidence.equals(whole.evidence)


def test_spark_finds_what_duckdb_finds(flat: Inputs, whole: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pyspark", reason="Spark is an extra: make spark")
    if shutil.which("java") is None:
        pytest.skip("Spark needs Java 17")
    from venmo_api.analytics.spark import spark

    # A short life: half of the time would go to compiling what is run once.
    monkeypatch.setenv("PYSPARK_SUBMIT_ARGS", f"--driver-java-options '{SPARING}' pyspark-shell")
    with spark(flat) as engine:
        told = engines.run(engine, ALWAYS, lambda _: None)
    assert told.findings.equals(whole.findings)
    assert told.evidence.equals(whole.evidence)


def test_days_judged_one_after_another_come_to_what_a_whole_run_finds(flat: Inputs, whole: Told) -> None:
    start = pc.min(flat.payments.to_table()["us"]).as_py() // DAY_US * DAY_US
    edges = [0, start + 70 * DAY_US, start + 140 * DAY_US, 2**62]
    parts = []
    for first_us, end_us in itertools.pairwise(edges):
        span = Span(first_us, end_us)
        with engines.duckdb(flat, span) as engine:
            parts.append(engines.run(engine, span, lambda _: None))
    for name in ("findings", "evidence"):
        joined = pa.concat_tables([getattr(part, name) for part in parts])
        one = getattr(whole, name)
        assert joined.sort_by([(column, "ascending") for column in one.schema.names]).equals(one)


def test_without_a_look_back_days_would_be_judged_otherwise(flat: Inputs, whole: Told) -> None:
    """The check above can fail: the same days, with nothing read from before them."""
    legs = whole.evidence.filter(pc.equal(whole.evidence["detector"], "structuring"))
    edge = pc.max(legs.filter(pc.less(legs["us"], legs["window_start_us"]))["window_start_us"]).as_py()
    late = flat.payments.to_table(filter=pc.field("us") >= edge)
    with engines.duckdb(inputs.of_tables(late, flat.accounts.to_table())) as engine:
        told = engines.run(engine, ALWAYS, lambda _: None)
    assert not told.findings.equals(whole.findings.filter(pc.greater_equal(whole.findings["window_start_us"], edge)))


@pytest.mark.parametrize("dialect", ["athena", "trino"])
@pytest.mark.parametrize("typology", TYPOLOGIES, ids=lambda one: one.name)
def test_engines_that_are_elsewhere_are_asked_in_their_own_words(typology: Typology, dialect: str) -> None:
    written = engines.sql(typology, dialect) + "\n"
    path = GOLDEN / dialect / f"{typology.name}.sql"
    if os.environ.get("VENMO_WRITE_GOLDEN"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(written)
    assert path.read_text() == written
    assert "INTERVAL" not in written  # time is a number here
    assert "TIMESTAMP" not in written


def test_what_is_not_in_a_file_reaches_every_engine_too(flat: Inputs) -> None:
    """A planted payment more, and every engine that runs here tells of it."""
    rows = flat.payments.to_table()
    burst = [(10**9 + n, 1_000 * DAY_US + n, "payment", 77, 78 + n, 5, 0, "allow") for n in range(25)]
    more = inputs.of_tables(pa.concat_tables([rows, inputs.tables(burst, inputs.PAYMENTS)]), flat.accounts.to_table())
    opens: list[Callable[..., object]] = [
        engines.duckdb,
        lambda it: engines.postgres(it, url=os.environ["VENMO_DATABASE_URL"]),
    ]
    for open_engine in opens:
        with open_engine(more) as engine:  # type: ignore[attr-defined]
            told = engines.run(engine, ALWAYS, lambda _: None, [TYPOLOGIES[0], TYPOLOGIES[3]])
        found = told.findings.filter(pc.equal(told.findings["subject"], 77)).to_pylist()
        assert [(one["detector"], one["payments"], one["score"]) for one in found] == [
            ("fan_out", 25, 125), ("velocity_burst", 25, 125),
        ]  # fmt: skip
