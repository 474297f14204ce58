"""A model in memory: LightGBM's text, held to its hash and to what its features mean. Never a pickle."""

import ctypes
import hashlib
import weakref
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from venmo_api.risk import features
from venmo_api.risk.rules import ModelUnfit

REASONS_MOST: Final = 5
_FLOAT64, _NORMAL, _ALL_TREES = 1, 0, -1
"""Words of LightGBM's C interface."""


class Model:
    """Scores vectors of ``features.SPECS``, in one thread. An older model knows the first of them, which stay what they
    were."""

    def __init__(self, sha256: str, booster: Any) -> None:
        self.sha256 = sha256
        self.columns = len(booster.feature_name())
        self._booster = booster
        self._row = (ctypes.c_double * self.columns)()
        self._score, self._length = ctypes.c_double(), ctypes.c_int64()
        self._library, self._prepared = _prepare(booster, self.columns)
        weakref.finalize(self, self._library.LGBM_FastConfigFree, self._prepared)

    def score(self, rows: Sequence[Sequence[int]]) -> list[float]:
        """How likely each is fraud, 0 to 1. Raises ValueError for vectors that are too short."""
        return [self._one(row) for row in rows]

    def reasons(self, row: Sequence[int]) -> list[tuple[str, float]]:
        """The features that raised this score most, with by how much (log odds). A hundred times as dear as a score:
        for people who look at what was held or declined."""
        vector = np.array([row[: self.columns]], dtype=np.float64)
        shares = self._booster.predict(vector, num_threads=1, pred_contrib=True)[0, : self.columns]
        return [(features.NAMES[at], float(shares[at])) for at in np.argsort(-shares)[:REASONS_MOST] if shares[at] > 0]

    def _one(self, row: Sequence[int]) -> float:
        # ``Booster.predict`` starts a team of threads even for one row, and then waits for cores that others have:
        # milliseconds on a busy machine, where this takes microseconds.
        self._row[:] = list(row[: self.columns])
        failed = self._library.LGBM_BoosterPredictForMatSingleRowFast(
            self._prepared, self._row, ctypes.byref(self._length), ctypes.byref(self._score)
        )
        if failed:
            raise RuntimeError("the model cannot score")
        return self._score.value


def meaning(names: Sequence[str]) -> bytes:
    """The SHA-256 of what these features are: a window that changes under its old name is another feature."""
    return hashlib.sha256(repr(features.SPECS[: len(names)]).encode()).digest()


def load(body: bytes, *, sha256: str, names: Sequence[str], specs: bytes) -> Model:
    """The model of this text. Raises ModelUnfit when text, hash and features do not belong together."""
    if hashlib.sha256(body).hexdigest() != sha256:
        raise ModelUnfit("The text of the model does not have the hash it was registered under; train it anew.")
    if tuple(names) != features.NAMES[: len(names)] or specs != meaning(names):
        raise ModelUnfit("The model was trained on other features than this version computes; train it anew.")
    import lightgbm  # noqa: PLC0415 - half a second, for processes that have a model only

    try:
        booster = lightgbm.Booster(model_str=body.decode())
    except (lightgbm.basic.LightGBMError, ValueError) as error:
        raise ModelUnfit("The text of the model cannot be read; train it anew.") from error
    if booster.feature_name() != list(names):
        raise ModelUnfit("The text of the model names other features than it was registered with; train it anew.")
    return Model(sha256, booster)


def _prepare(booster: Any, columns: int) -> tuple[Any, ctypes.c_void_p]:
    """What LightGBM needs for row after row: its library, and what it has set up of this model."""
    from lightgbm.libpath import _LIB as library  # noqa: PLC0415 - its C interface stands nowhere else

    prepared = ctypes.c_void_p()
    failed = library.LGBM_BoosterPredictForMatSingleRowFastInit(
        booster._handle,
        ctypes.c_int(_NORMAL),
        ctypes.c_int(0),
        ctypes.c_int(_ALL_TREES),
        ctypes.c_int(_FLOAT64),
        ctypes.c_int32(columns),
        ctypes.c_char_p(b"num_threads=1"),
        ctypes.byref(prepared),
    )
    if failed:
        raise ModelUnfit("The model cannot be set up to score; train it anew.")
    return library, prepared
