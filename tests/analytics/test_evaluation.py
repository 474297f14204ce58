"""The published protocol: which days train and test, who is out of the test, and what is refused."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from bench import handbook

from venmo_api.analytics import evaluation, folds, labelled, model_report
from venmo_api.analytics.boosting import Candidate
from venmo_api.analytics.folds import Protocol
from venmo_api.analytics.labelled import DAY_US, Labelled
from venmo_api.analytics.rules import SetUnfit

PROTOCOL = Protocol()
START = datetime(2018, 4, 1, tzinfo=UTC)


def _days(count: int, *, each: int = 20, first: datetime = START) -> Labelled:
    """So many payments a day, a tenth of them frauds."""
    us = int(first.timestamp()) * 1_000_000 + np.repeat(np.arange(count) * DAY_US, each)
    rng = np.random.default_rng(0)
    people = rng.integers(0, 50, (2, len(us)))
    return Labelled(us, people[0], people[1], rng.random(len(us)), rng.random(len(us)) < 0.1)


def test_the_published_folds_are_those_of_the_handbooks_days() -> None:
    validation, test = folds.starts(_days(183), PROTOCOL)
    assert test == [date(2018, 7, 25), date(2018, 8, 1), date(2018, 8, 8), date(2018, 8, 15)]
    assert validation == [date(2018, 7, 11), date(2018, 7, 4), date(2018, 6, 27), date(2018, 6, 20)]


def test_other_sets_are_tested_as_late_as_they_allow() -> None:
    payments = _days(80, first=datetime(2021, 1, 1, tzinfo=UTC))
    validation, test = folds.starts(payments, PROTOCOL)
    assert test[-1] + timedelta(days=PROTOCOL.whole_days - 1) == date(2021, 3, 21)  # its last day
    # No model is chosen by a day that it is tested on.
    assert max(validation) + timedelta(days=PROTOCOL.whole_days) <= min(test) + timedelta(days=PROTOCOL.shift_days)
    assert folds.starts(payments, PROTOCOL, first=test[0])[1] == test


@pytest.mark.parametrize(("days", "first"), [(76, None), (183, date(2018, 9, 1)), (183, date(2018, 4, 20))])
def test_too_few_days_are_refused_and_told(days: int, first: date | None) -> None:
    with pytest.raises(SetUnfit, match="need 77 days"):
        folds.starts(_days(days), PROTOCOL, first=first)


def test_compromised_cards_leave_the_test_as_they_become_known() -> None:
    payments = _days(40)
    fold = folds.fold(payments, PROTOCOL, START.date())
    day = payments.day - payments.day[0]
    assert set(day[fold.train]) == set(range(7))
    assert set(day[fold.test]) <= set(range(14, 21))
    for row in np.flatnonzero((day >= 14) & (day < 21)):
        frauds = payments.fraud & (payments.customer == payments.customer[row])
        known = frauds & ((day < 7) | ((day >= 6) & (day <= day[row] - 8)))
        assert (row in fold.test) == (not known.any())


def test_a_fold_without_frauds_is_refused() -> None:
    payments = _days(40)
    honest = Labelled(
        payments.us, payments.customer, payments.counterparty, payments.amount, np.zeros_like(payments.fraud)
    )
    with pytest.raises(SetUnfit, match="lacks frauds"):
        folds.fold(honest, PROTOCOL, START.date())


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Handbook's simulation with few of its people."""
    folder = tmp_path_factory.mktemp("handbook")
    pq.write_table(handbook.table(handbook.draw(customers=300, terminals=600, days=183)), folder / "part.parquet")
    return folder


def test_a_set_is_judged_from_its_files_to_a_page(drawn: Path) -> None:
    told: list[str] = []
    found = evaluation.evaluate(
        drawn, protocol=PROTOCOL, candidates=[Candidate(40), Candidate(20)], progress=told.append
    )
    assert found.published
    assert found.model.test.average_precision > found.control.test.average_precision > 0.3
    assert found.model.test.auc > 0.7
    assert sum("validation" in line for line in told) == len(evaluation.CONTROL_STRENGTHS) + 2
    assert "AP 0.623" in evaluation.told(found)  # what the control is held against
    page = model_report.of_evaluation(found)
    assert page.count("data:image/png;base64,") == 2
    assert "http" not in page


def test_the_simulation_is_the_same_each_time() -> None:
    one, other = (handbook.draw(customers=60, terminals=100, days=40) for _ in range(2))
    assert handbook.table(one).equals(handbook.table(other))
    assert set(one.frauds) == {True, False}


def _columns(**changed: Any) -> pa.Table:
    usual = {
        "tx_id": [1, 2, 3],
        "tx_time": pa.array([3, 1, 2], pa.timestamp("s")),
        "customer_id": ["b", "a", "b"],
        "counterparty_id": [10**12, 5, 5],
        "amount": [1.5, 2.0, 2.5],
        "is_fraud": [1, 0, 0],
    }
    return pa.table({name: column for name, column in (usual | changed).items() if column is not None})


def test_ids_of_any_kind_and_labels_of_both_are_read_in_order_of_time(tmp_path: Path) -> None:
    pq.write_table(_columns(), tmp_path / "one.parquet")
    read = labelled.read(tmp_path)
    assert read.us.tolist() == [1_000_000, 2_000_000, 3_000_000]
    assert read.customer.tolist() == [0, 1, 1]
    assert read.counterparty.tolist() == [0, 0, 1]
    assert read.fraud.tolist() == [False, False, True]


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"amount": None}, "no column amount"),
        ({"amount": [1.0, None, 2.0]}, "without amount"),
        ({"amount": [1.0, float("nan"), 2.0]}, "finite"),
        ({"amount": ["a", "b", "c"]}, "numbers"),
        ({"tx_time": ["a", "b", "c"]}, "moments"),
        ({"is_fraud": [0, 1, 2]}, "true or false"),
        ({"tx_id": [1, 1, 2]}, "each payment once"),
    ],
)
def test_what_is_no_labelled_set_is_refused_and_told(tmp_path: Path, changed: dict[str, Any], told: str) -> None:
    pq.write_table(_columns(**changed), tmp_path / "one.parquet")
    with pytest.raises(SetUnfit, match=told):
        labelled.read(tmp_path)


def test_what_is_no_parquet_is_refused(tmp_path: Path) -> None:
    (tmp_path / "one.parquet").write_bytes(b"nothing")
    for path in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(SetUnfit, match=r"Parquet|rows|column"):
            labelled.read(path)
