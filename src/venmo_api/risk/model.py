"""A model in memory: LightGBM's text, held to its hash and to what its features mean. Never a pickle.

Spoken to through LightGBM's C interface: its Python package would bring pandas and half a second into each process.
"""

import ctypes
import hashlib
import weakref
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from venmo_api.risk import features
from venmo_api.risk.rules import ModelUnfit

REASONS_MOST: Final = 5
_FLOAT64, _ROW_MAJOR = ctypes.c_int(1), ctypes.c_int(1)
_SCORE, _SHARES = ctypes.c_int(0), ctypes.c_int(3)
_FIRST_TREE, _ALL_TREES = ctypes.c_int(0), ctypes.c_int(-1)
_ONE_THREAD = ctypes.c_char_p(b"num_threads=1 verbosity=-1")
_NAMED = "feature_names="


class Model:
    """Scores vectors of ``features.SPECS``, in one thread. An older model knows the first of them, which stay what they
    were."""

    def __init__(self, sha256: str, text: bytes, *, columns: int) -> None:
        """Raises ModelUnfit when LightGBM cannot read the text."""
        self.sha256 = sha256
        self.columns = columns
        self._library = _library()
        self._booster, self._prepared = ctypes.c_void_p(), ctypes.c_void_p()
        self._row = (ctypes.c_double * columns)()
        self._score, self._length = ctypes.c_double(), ctypes.c_int64()
        self._must("BoosterLoadModelFromString", text, ctypes.byref(ctypes.c_int()), ctypes.byref(self._booster))
        weakref.finalize(self, self._library.LGBM_BoosterFree, self._booster)
        self._must(
            "BoosterPredictForMatSingleRowFastInit",
            *(self._booster, _SCORE, _FIRST_TREE, _ALL_TREES, _FLOAT64, ctypes.c_int32(columns), _ONE_THREAD),
            ctypes.byref(self._prepared),
        )
        weakref.finalize(self, self._library.LGBM_FastConfigFree, self._prepared)

    def score(self, rows: Sequence[Sequence[int]]) -> list[float]:
        """How likely each is fraud, 0 to 1. Raises ValueError for vectors that are too short."""
        return [self._one(row) for row in rows]

    def reasons(self, row: Sequence[int]) -> list[tuple[str, float]]:
        """The features that raised this score most, with by how much (log odds). A hundred times as dear as a score:
        for people who look at what was held or declined."""
        vector, shares = (
            (ctypes.c_double * self.columns)(*row[: self.columns]),
            (ctypes.c_double * (self.columns + 1))(),
        )
        self._must(
            "BoosterPredictForMatSingleRow",
            *(self._booster, vector, _FLOAT64, ctypes.c_int32(self.columns), _ROW_MAJOR),
            *(_SHARES, _FIRST_TREE, _ALL_TREES, _ONE_THREAD, ctypes.byref(ctypes.c_int64()), shares),
        )
        most = sorted(range(self.columns), key=lambda at: -shares[at])[:REASONS_MOST]
        return [(features.NAMES[at], shares[at]) for at in most if shares[at] > 0]

    def _one(self, row: Sequence[int]) -> float:
        # For one row LightGBM's usual way starts a team of threads, which on a busy machine waits for milliseconds.
        self._row[:] = list(row[: self.columns])
        failed = self._library.LGBM_BoosterPredictForMatSingleRowFast(
            self._prepared, self._row, ctypes.byref(self._length), ctypes.byref(self._score)
        )
        if failed:
            raise RuntimeError("the model cannot score")
        return self._score.value

    def _must(self, verb: str, *arguments: object) -> None:
        if getattr(self._library, f"LGBM_{verb}")(*arguments):
            raise ModelUnfit("The text of the model cannot be read; train it anew.")


def meaning(names: Sequence[str]) -> bytes:
    """The SHA-256 of what these features are: a window that changes under its old name is another feature."""
    return hashlib.sha256(repr(features.SPECS[: len(names)]).encode()).digest()


def load(body: bytes, *, sha256: str, names: Sequence[str], specs: bytes) -> Model:
    """The model of this text. Raises ModelUnfit when text, hash and features do not belong together."""
    if hashlib.sha256(body).hexdigest() != sha256:
        raise ModelUnfit("The text of the model does not have the hash it was registered under; train it anew.")
    if tuple(names) != features.NAMES[: len(names)] or specs != meaning(names):
        raise ModelUnfit("The model was trained on other features than this version computes; train it anew.")
    lines = body.decode(errors="replace").splitlines()
    named = next((line.removeprefix(_NAMED).split(" ") for line in lines if line.startswith(_NAMED)), None)
    if named is None:
        raise ModelUnfit("The text of the model cannot be read; train it anew.")
    if named != list(names):
        raise ModelUnfit("The text of the model names other features than it was registered with; train it anew.")
    return Model(sha256, body, columns=len(names))


@cache
def _library() -> ctypes.CDLL:
    """LightGBM's own, as its package installs it."""
    package = find_spec("lightgbm")
    assert package is not None
    assert package.origin is not None
    [found] = (Path(package.origin).parent / "lib").glob("lib_lightgbm.*")
    return ctypes.CDLL(str(found))
