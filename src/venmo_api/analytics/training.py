"""Train the model that scores payments, and tell month by month how good it would have been: knowing what was known."""

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

from venmo_api.analytics import boosting, scores
from venmo_api.analytics.boosting import Candidate
from venmo_api.analytics.engines import Progress
from venmo_api.analytics.labelled import Flags, Floats, Ints
from venmo_api.analytics.lessons import Lessons
from venmo_api.analytics.rules import LEAST_FRAUDS, SetUnfit
from venmo_api.analytics.scores import Bin
from venmo_api.risk import features, model
from venmo_api.risk.registry import Kept

CANDIDATE: Final = Candidate(150)
"""Chosen on the labelled set of docs/risk.md, where four candidates came out within 0.001 of each other."""
MONTHS_MOST: Final = 6
MONTH_FRAUDS: Final = 10
MOST_SUSPICIOUS: Final = 100
TOLD_FEATURES: Final = 12


@dataclass(frozen=True, slots=True)
class Month:
    """Payments of a month, scored by a model that was trained before it. ``precision``: of the hundred most
    suspicious."""

    month: str
    payments: int
    frauds: int
    auc: float
    average_precision: float
    precision: float


@dataclass(frozen=True, slots=True)
class Report:
    """``weights``: the features that decide most, and their part of all that is gained."""

    source: str
    first: str
    known_until: str
    payments: int
    frauds: int
    candidate: str
    months: tuple[Month, ...]
    calibration: tuple[Bin, ...]
    weights: tuple[tuple[str, float], ...]

    @property
    def document(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Made:
    """``text`` is the model, as LightGBM writes it."""

    text: bytes
    kept: Kept
    known_until: datetime
    report: Report


def train(
    lessons: Lessons, *, known_us: int, progress: Progress, candidate: Candidate = CANDIDATE, seed: int = 0
) -> Made:
    """A model of all that was known at ``known_us``. The same lessons and seed make the same bytes.

    Raises SetUnfit when too little is known yet.
    """
    rows, fraud = lessons.by(known_us)
    frauds = int(fraud.sum())
    if frauds < LEAST_FRAUDS or frauds == len(rows):
        raise SetUnfit(
            f"Of {len(rows):,} decisions whose outcome is known {frauds:,} were fraud; training needs {LEAST_FRAUDS}, "
            "and honest ones beside them."
        )
    progress(f"{len(rows):,} decisions whose outcome is known, {frauds:,} frauds")
    months, said, were = _by_month(lessons, known_us, candidate, seed)
    for month in months:
        progress(f"{month.month}: AUC {month.auc:.3f}, average precision {month.average_precision:.3f}")
    booster = boosting.fit(lessons.matrix[rows], fraud, candidate, names=features.NAMES, seed=seed)
    text = booster.model_to_string().encode()
    kept = Kept(hashlib.sha256(text).hexdigest(), features.NAMES, model.meaning(features.NAMES))
    known_until = _moment(known_us)
    report = Report(
        lessons.source,
        str(_moment(int(lessons.us[rows[0]])).date()),
        str(known_until.date()),
        len(rows),
        frauds,
        candidate.told(),
        tuple(months),
        tuple(scores.calibration(said, were)),
        _weights(booster),
    )
    return Made(text, kept, known_until, report)


def told(made: Made) -> str:
    """A few lines for people."""
    report = made.report
    lines = [
        f"{report.payments:,} payments since {report.first}, {report.frauds:,} frauds known by {report.known_until}",
        *(
            f"{month.month}  AUC {month.auc:.3f}   AP {month.average_precision:.3f}   "
            f"P@{MOST_SUSPICIOUS} {month.precision:.2f}   {month.frauds:,} frauds of {month.payments:,}"
            for month in report.months
        ),
        f"model {made.kept.sha256}",
    ]
    if not report.months:
        lines.insert(1, "no month has enough frauds before it and in it to judge the model by")
    return "\n".join(lines)


def _by_month(lessons: Lessons, known_us: int, candidate: Candidate, seed: int) -> tuple[list[Month], Floats, Flags]:
    """Each of the last months that can be judged, and what was said and what was so in all of them."""
    rows, fraud = lessons.by(known_us)
    months = lessons.us[rows].astype("datetime64[us]").astype("datetime64[M]")

    def one(month: np.datetime64) -> tuple[Month, Floats, Flags] | None:
        before, known = lessons.by(int(month.astype("datetime64[us]").astype(np.int64)))
        tested = rows[months == month]
        were = fraud[months == month]
        if known.sum() < LEAST_FRAUDS or not MONTH_FRAUDS <= were.sum() < len(were):
            return None
        booster = boosting.fit(lessons.matrix[before], known, candidate, names=features.NAMES, seed=seed)
        said: Floats = booster.predict(lessons.matrix[tested], num_threads=1)
        return _month(str(month), said, were), said, were

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        judged = [found for found in pool.map(one, np.unique(months)[-MONTHS_MOST:]) if found]
    if not judged:
        return [], np.zeros(0), np.zeros(0, dtype=np.bool_)
    said, were = (np.concatenate([each[at] for each in judged]) for at in (1, 2))
    return [month for month, _, _ in judged], said, were


def _month(name: str, said: Floats, were: Flags) -> Month:
    return Month(
        name,
        len(were),
        int(were.sum()),
        float(roc_auc_score(were, said)),
        float(average_precision_score(were, said)),
        scores.precision_at(said, were, MOST_SUSPICIOUS),
    )


def _weights(booster: Any) -> tuple[tuple[str, float], ...]:
    gains: Floats = booster.feature_importance("gain")
    order: Sequence[int] | Ints = np.argsort(-gains, kind="stable")[:TOLD_FEATURES]
    whole = max(float(gains.sum()), 1e-12)
    return tuple((features.NAMES[at], float(gains[at]) / whole) for at in order if gains[at] > 0)


def _moment(us: int) -> datetime:
    return datetime.fromtimestamp(us / 1_000_000, UTC)
