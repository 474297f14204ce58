"""A town: the same from the same seed, with what is planted in it, and all of that found."""

import dataclasses
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from venmo_api.analytics import engines, inputs, plants, town, truth
from venmo_api.analytics.town import Plan
from venmo_api.commands.analytics import analytics

SMALL = Plan(payments=20_000, seed=5, planted=6)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("town")
    told: list[str] = []
    written = town.write(town.build(SMALL), made, progress=told.append)
    assert abs(written - SMALL.payments) < 200
    assert told[-1] == f"day 180 of 180: {written:,} payments"
    return made


def test_the_same_seed_is_the_same_town_and_another_is_not(folder: Path, tmp_path: Path) -> None:
    town.write(town.build(SMALL), tmp_path / "again", progress=lambda _: None)
    town.write(town.build(dataclasses.replace(SMALL, seed=6)), tmp_path / "other", progress=lambda _: None)
    files = sorted(path.relative_to(folder) for path in folder.rglob("*.parquet"))
    assert len(files) == 180 + 3
    assert [(folder / file).read_bytes() for file in files] == [
        (tmp_path / "again" / file).read_bytes() for file in files
    ]
    day = files[-1]
    assert (folder / day).read_bytes() != (tmp_path / "other" / day).read_bytes()


def test_payments_are_in_order_by_people_who_are_there(folder: Path) -> None:
    told = inputs.read(folder)
    payments, accounts = told.payments.to_table(), told.accounts.to_table()
    assert payments["tx_id"].to_pylist() == list(range(1, len(payments) + 1))
    us = payments["us"].to_numpy()
    assert (np.diff(us) >= 0).all()
    opened = dict(zip(accounts["account"].to_pylist(), accounts["opened_us"].to_pylist(), strict=True))
    senders = payments["sender"].to_pylist()
    assert all(opened[sender] <= at + plants.DAY_US for sender, at in zip(senders, us.tolist(), strict=True))
    cash = pc.equal(payments["kind"], "cash_out")
    assert pc.all(pc.equal(payments.filter(cash)["recipient"], inputs.NOBODY)).as_py()
    assert not pc.any(pc.equal(payments["sender"], payments["recipient"])).as_py()
    assert pc.min(payments["amount"]).as_py() >= 1_00
    assert 0.02 < pc.mean(cash.cast(pa.float64())).as_py() < 0.06
    weekday = (us // plants.DAY_US + 3) % 7
    assert (weekday == 4).sum() > 1.2 * (weekday == 1).sum()


def test_what_is_planted_is_labelled_payment_by_payment(folder: Path) -> None:
    planted = truth.read(folder)
    labels = pq.read_table(folder / "truth/labels.parquet")
    assert {plant.typology for plant in planted} == set(plants.TYPOLOGIES)
    assert len(planted) == SMALL.of_each * len(plants.TYPOLOGIES)
    assert set(labels["plant"].to_pylist()) == {plant.number for plant in planted}
    payments = inputs.read(folder).payments.to_table()
    rows = payments.take(pa.array(np.asarray(labels["tx_id"]) - 1))
    for row, label in zip(rows.to_pylist(), labels.to_pylist(), strict=True):
        plant = planted[label["plant"]]
        assert plant.typology == label["typology"]
        assert plant.first_us <= row["us"] <= plant.last_us
        assert {row["sender"], row["recipient"], row["device"]} & set(plant.members)


def test_all_that_is_planted_is_found(folder: Path) -> None:
    with engines.duckdb(inputs.read(folder)) as engine:
        told = engines.run(engine, inputs.ALWAYS, lambda _: None)
    scores = truth.judge(told.findings, truth.read(folder))
    assert [score.typology for score in scores if not score.enough] == []
    assert "planted" in truth.report(scores)
    # The check can fail: what names nobody of a plant, or says so at another time, is found by accident only.
    late = told.findings.set_column(
        told.findings.schema.get_field_index("from_us"), "from_us", pc.add(told.findings["to_us"], 90 * plants.DAY_US)
    ).set_column(told.findings.schema.get_field_index("to_us"), "to_us", pa.array([2**62] * len(told.findings)))
    assert not any(score.enough for score in truth.judge(late, truth.read(folder)))
    fewer = told.findings.filter(pc.not_equal(told.findings["detector"], "cycle"))
    assert [one.typology for one in truth.judge(fewer, truth.read(folder)) if not one.enough] == ["cycle"]


def test_a_town_too_young_to_have_slept_has_no_dormant_accounts() -> None:
    young = town.build(Plan(payments=5_000, days=60, planted=2))
    assert "dormant_reactivation" not in {plant.typology for plant in young.planted}
    assert sum(len(table) for _, table, _ in town.days(young)) == pytest.approx(5_000, abs=100)


@pytest.mark.parametrize("verb", [("run", "--inputs"), ("check",), ("report", "--town")])
def test_a_folder_without_inputs_is_refused_and_not_found_innocent(verb: tuple[str, ...], tmp_path: Path) -> None:
    answer = CliRunner().invoke(analytics, [*verb, str(tmp_path / "nowhere")])
    assert answer.exit_code == 2
    assert "no inputs lie in" in answer.output


def test_what_was_never_planted_has_no_recall() -> None:
    nothing, some = truth.Score("cycle", 0, 0, 0, 0), truth.Score("fan_out", 4, 4, 5, 4)
    lines = truth.report([nothing, some]).splitlines()
    assert lines[1].split() == ["cycle", "0", "0", "-", "0", "0", "-"]
    assert lines[2].split() == ["fan_out", "4", "4", "1.000", "5", "4", "0.800"]
