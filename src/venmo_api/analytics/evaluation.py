"""Judge our model on a labelled set by the published protocol, beside the published control."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from venmo_api.analytics import boosting, folds, labelled, scores, signals
from venmo_api.analytics.boosting import CANDIDATES, Candidate
from venmo_api.analytics.folds import Fold, Protocol
from venmo_api.analytics.labelled import Flags, Floats, Labelled
from venmo_api.analytics.scores import Bin, Scores

Fit = Callable[[Floats, Flags, Floats], Floats]
"""From the table and labels of the training and the table of the test: how likely fraud each row of the test is."""
Progress = Callable[[str], None]
PUBLISHED_CONTROL: Final = Scores(0.868, 0.623, 0.297)
CONTROL_STRENGTHS: Final = (0.1, 1.0, 10.0, 100.0)
BASELINE_COLUMNS: Final = 15


@dataclass(frozen=True, slots=True)
class Judged:
    """``name``: what was chosen by its average precision on validation folds. ``weeks``: each test fold."""

    name: str
    validation: Scores
    test: Scores
    weeks: tuple[tuple[date, Scores], ...]
    calibration: tuple[Bin, ...]


@dataclass(frozen=True, slots=True)
class Evaluation:
    payments: int
    frauds: int
    first_test: date
    control: Judged
    model: Judged
    published: bool
    """Whether the test folds are those that ``PUBLISHED_CONTROL`` is of."""


@dataclass(frozen=True, slots=True)
class _Work:
    payments: Labelled
    table: signals.Table
    place: labelled.Ints
    """The row of the table of each payment."""
    validation: tuple[Fold, ...]
    test: tuple[Fold, ...]
    progress: Progress


def evaluate(
    path: Path,
    *,
    protocol: Protocol,
    first: date | None = None,
    candidates: Sequence[Candidate] = CANDIDATES,
    progress: Progress,
) -> Evaluation:
    """Raises SetUnfit. ``first``: the first training day of the first test fold."""
    payments = labelled.read(path)
    progress(f"{len(payments.us):,} payments, {int(payments.fraud.sum()):,} frauds")
    work = _prepared(payments, protocol, first, progress)
    control = _chosen(work, {f"logistic regression, C={c:g}": _regression(c) for c in CONTROL_STRENGTHS})
    model = _chosen(work, {candidate.told(): _trees(work.table.names, candidate) for candidate in candidates})
    start = min(each.start for each in work.test)
    return Evaluation(
        len(payments.us), int(payments.fraud.sum()), start, control, model, start == folds.PUBLISHED_START
    )


def told(found: Evaluation) -> str:
    """A few lines for people."""
    lines = [
        f"{found.payments:,} payments, {found.frauds:,} frauds; test folds train from {found.first_test}, a week apart",
        f"chosen on validation folds: {found.model.name}; {found.control.name}",
        f"model    validation  {found.model.validation.told()}",
        f"model    test        {found.model.test.told()}",
        *(f"         from {start}  {week.told()}" for start, week in found.model.weeks),
        f"control  test        {found.control.test.told()}",
    ]
    if found.published:
        lines.append(f"control  published   {PUBLISHED_CONTROL.told()}")
    return "\n".join(lines)


def _prepared(payments: Labelled, protocol: Protocol, first: date | None, progress: Progress) -> _Work:
    validation, test = (
        tuple(folds.fold(payments, protocol, start) for start in starts)
        for starts in folds.starts(payments, protocol, first=first)
    )
    used = [rows for fold in (*validation, *test) for rows in (fold.train, fold.test)]
    rows = np.unique(np.concatenate(used))
    table = signals.table(payments, rows, delay_days=protocol.delay_days)
    progress(f"{len(table.names)} features of {len(rows):,} payments")
    place = np.full(len(payments.us), -1)
    place[rows] = np.arange(len(rows))
    return _Work(payments, table, place, validation, test, progress)


def _chosen(work: _Work, ways: dict[str, Fit]) -> Judged:
    """The best of ``ways`` on the validation folds; only that one sees the test folds."""
    tried = {}
    for name, fit in ways.items():
        said = _said(work, work.validation, fit)
        tried[name] = scores.mean(_scored(work, work.validation, said))
        work.progress(f"validation  {tried[name].told()}   {name}")
    best = max(tried, key=lambda name: tried[name].average_precision)
    said = _said(work, work.test, ways[best])
    weeks = _scored(work, work.test, said)
    test_rows = np.concatenate([fold.test for fold in work.test])
    return Judged(
        best,
        tried[best],
        scores.mean(weeks),
        tuple((fold.start, week) for fold, week in zip(work.test, weeks, strict=True)),
        tuple(scores.calibration(np.concatenate(said), work.payments.fraud[test_rows])),
    )


def _said(work: _Work, several: Sequence[Fold], fit: Fit) -> list[Floats]:
    """The folds side by side, a core each."""
    matrix, place, fraud = work.table.matrix, work.place, work.payments.fraud

    def one(fold: Fold) -> Floats:
        return fit(matrix[place[fold.train]], fraud[fold.train], matrix[place[fold.test]])

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(one, several))


def _scored(work: _Work, several: Sequence[Fold], said: Sequence[Floats]) -> list[Scores]:
    payments = work.payments
    return [
        scores.score(one, payments.fraud[fold.test], customer=payments.customer[fold.test], day=payments.day[fold.test])
        for fold, one in zip(several, said, strict=True)
    ]


def _regression(strength: float) -> Fit:
    """The control knows the columns of the published baseline only."""

    def fit(train: Floats, fraud: Flags, test: Floats) -> Floats:
        made = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=1_000))
        made.fit(train[:, :BASELINE_COLUMNS], fraud)
        said: Floats = made.predict_proba(test[:, :BASELINE_COLUMNS])[:, 1]
        return said

    return fit


def _trees(names: Sequence[str], candidate: Candidate) -> Fit:
    def fit(train: Floats, fraud: Flags, test: Floats) -> Floats:
        said: Floats = boosting.fit(train, fraud, candidate, names=names).predict(test)
        return said

    return fit
