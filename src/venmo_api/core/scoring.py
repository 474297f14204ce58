"""What a model is to those who ask it."""

from collections.abc import Sequence
from typing import Protocol


class Scorer(Protocol):
    """The model that is active in this process. It is held in memory: a score asks nobody."""

    @property
    def sha256(self) -> str | None:
        """Of its text; None: no model is active, and none is asked."""

    def score(self, rows: Sequence[Sequence[int]]) -> list[float]:
        """How likely each vector of ``risk.features.SPECS`` is fraud, 0 to 1. Whatever it raises, payments go on, by
        rules alone."""


class NoModel:
    """Rules alone."""

    sha256 = None

    def score(self, rows: Sequence[Sequence[int]]) -> list[float]:
        raise LookupError("no model is active")
