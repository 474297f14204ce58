"""Models small enough to train in a test."""

import hashlib
from typing import Any

import numpy as np

from venmo_api.analytics import boosting
from venmo_api.analytics.boosting import Candidate
from venmo_api.risk import features, model
from venmo_api.risk.registry import Kept

LARGE = features.INDEX["amount"]


def rows(count: int = 400, *, seed: int = 0) -> Any:
    """Vectors as the desk counts them."""
    return np.random.default_rng(seed).integers(0, 100_000, (count, len(features.NAMES)))


def text(*, seed: int = 0) -> bytes:
    """Of a model that takes large amounts for fraud."""
    matrix = rows(seed=seed).astype(np.float64)
    fraud = matrix[:, LARGE] > 60_000
    made: str = boosting.fit(matrix, fraud, Candidate(30, leaves=7, rate=0.3), names=features.NAMES).model_to_string()
    return made.encode()


def kept(body: bytes) -> Kept:
    return Kept(hashlib.sha256(body).hexdigest(), features.NAMES, model.meaning(features.NAMES))
