"""A model in memory: LightGBM's text, held to its hash and to what its features mean. Never a pickle."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from venmo_api.risk import features

REASONS_MOST: Final = 5


class ModelUnfit(Exception):
    """The text is not the one of its hash, or was trained on other features than are computed here."""


@dataclass(frozen=True, slots=True)
class Model:
    """Scores vectors of ``features.SPECS``. Older models know the first of them only, which stay what they were."""

    sha256: str
    columns: int
    _booster: Any = field(repr=False)

    def score(self, rows: Sequence[Sequence[int]]) -> list[float]:
        """How likely each is fraud, 0 to 1: one call however many rows."""
        found: list[float] = self._booster.predict(self._matrix(rows), num_threads=1).tolist()
        return found

    def reasons(self, row: Sequence[int]) -> list[tuple[str, float]]:
        """The features that raised this score most, with by how much (log odds). Ten times as dear as a score: for what
        is reviewed or denied only."""
        shares = self._booster.predict(self._matrix([row]), num_threads=1, pred_contrib=True)[0, : self.columns]
        return [(features.NAMES[at], float(shares[at])) for at in np.argsort(-shares)[:REASONS_MOST] if shares[at] > 0]

    def _matrix(self, rows: Sequence[Sequence[int]]) -> Any:
        return np.array(rows, dtype=np.float64)[:, : self.columns]


def meaning(names: Sequence[str]) -> bytes:
    """The SHA-256 of what these features are: a window that changes under its old name is another feature."""
    return hashlib.sha256(repr(features.SPECS[: len(names)]).encode()).digest()


def load(body: bytes, *, sha256: str, names: Sequence[str], specs: bytes) -> Model:
    """The model of this text. Raises ModelUnfit when text, hash and features do not belong together."""
    if hashlib.sha256(body).hexdigest() != sha256:
        raise ModelUnfit("The text of the model does not have the hash it was registered under.")
    if tuple(names) != features.NAMES[: len(names)] or specs != meaning(names):
        raise ModelUnfit("The model was trained on other features than this version computes; train it anew.")
    import lightgbm  # noqa: PLC0415 - a quarter of a second, for processes that have a model only

    try:
        booster = lightgbm.Booster(model_str=body.decode())
    except (lightgbm.basic.LightGBMError, ValueError) as error:
        raise ModelUnfit("The text of the model cannot be read.") from error
    if booster.feature_name() != list(names):
        raise ModelUnfit("The text of the model names other features than it was registered with.")
    model = Model(sha256, len(names), booster)
    model.score([[0] * len(names)])  # the first call sets up what later ones use
    return model
