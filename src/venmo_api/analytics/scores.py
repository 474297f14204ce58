"""How good a ranking of payments is: of each alone, of the cards an analyst can look at in a day, of its odds."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

from venmo_api.analytics.labelled import Flags, Floats, Ints

CARDS_A_DAY: Final = 100
BINS: Final = 10


@dataclass(frozen=True, slots=True)
class Scores:
    auc: float
    average_precision: float
    card_precision: float
    """Of the hundred most suspicious cards of each day."""

    def told(self) -> str:
        return f"AUC {self.auc:.3f}   AP {self.average_precision:.3f}   CP@100 {self.card_precision:.3f}"


@dataclass(frozen=True, slots=True)
class Bin:
    """Payments with like scores: how likely fraud they were said to be, how many were."""

    said: float
    were: float
    payments: int


def mean(several: list[Scores]) -> Scores:
    return Scores(
        *(
            float(np.mean([getattr(one, name) for one in several]))
            for name in ("auc", "average_precision", "card_precision")
        )
    )


def score(said: Floats, fraud: Flags, *, customer: Ints, day: Ints) -> Scores:
    return Scores(
        float(roc_auc_score(fraud, said)),
        float(average_precision_score(fraud, said)),
        card_precision(said, fraud, customer=customer, day=day),
    )


def card_precision(said: Floats, fraud: Flags, *, customer: Ints, day: Ints, most: int = CARDS_A_DAY) -> float:
    """Each day the ``most`` cards with the highest scores are looked at; the part of them that had a fraud that day, as
    a mean of the days. A compromised card that was looked at is blocked: it is not counted on later days."""
    found, blocked = [], np.array([], dtype=np.int64)
    for each in np.unique(day):
        rows = np.flatnonzero((day == each) & ~np.isin(customer, blocked))
        cards, card = np.unique(customer[rows], return_inverse=True)
        highest, bad = np.full(len(cards), -np.inf), np.zeros(len(cards), dtype=np.bool_)
        np.maximum.at(highest, card, said[rows])
        np.logical_or.at(bad, card, fraud[rows])
        looked_at = np.argsort(-highest, kind="stable")[:most]
        caught = looked_at[bad[looked_at]]
        blocked = np.r_[blocked, cards[caught]]
        found.append(len(caught) / most)
    return float(np.mean(found))


def precision_at(said: Floats, fraud: Flags, most: int) -> float:
    """Of the ``most`` payments with the highest scores, the part that were fraud."""
    highest = np.argsort(-said, kind="stable")[:most]
    return float(fraud[highest].mean()) if len(highest) else 0.0


def calibration(said: Floats, fraud: Flags) -> list[Bin]:
    """Bins of equally many frauds each, from the lowest scores up: where all the honest payments are is one bin."""
    if not fraud.any():
        return []
    edges = np.quantile(said[fraud], np.linspace(0, 1, BINS)[1:-1])
    place = np.searchsorted(edges, said, "right")
    rows = [np.flatnonzero(place == number) for number in range(len(edges) + 1)]
    return [Bin(float(said[one].mean()), float(fraud[one].mean()), len(one)) for one in rows if len(one)]
