"""The models there are, and which of them scores: proposed by training, chosen by whoever owns the schema."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import text

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.postgres import Transaction
from venmo_api.risk.rules import ModelUnfit, ModelUnknown

NONE: Final = "none"
ARCHIVE: Final = "archive"
"""The source of what was learnt from real decisions."""
SHORTEST: Final = 8
# What is trained twice from the same is the same model.
REGISTER = text("""
    INSERT INTO risk_models (sha256, features, specs, trained_at, known_until, report)
    VALUES (decode(:sha256, 'hex'), :features, :specs, :trained_at, :known_until, CAST(:report AS jsonb))
    ON CONFLICT (sha256) DO NOTHING
""")
MODELS = text("""
    SELECT encode(m.sha256, 'hex') AS sha256, m.features, m.specs, m.trained_at, m.known_until, m.report,
           m.sha256 IS NOT DISTINCT FROM (SELECT sha256 FROM risk_activations ORDER BY number DESC LIMIT 1) AS active
    FROM risk_models m ORDER BY m.trained_at, m.sha256
""")
ACTIVE = text("""
    SELECT encode(m.sha256, 'hex') AS sha256, m.features, m.specs
    FROM (SELECT sha256 FROM risk_activations ORDER BY number DESC LIMIT 1) a JOIN risk_models m USING (sha256)
""")
BECOME_OWNER = text("SET LOCAL ROLE NONE")
# Two who choose at once choose in turn: the second finds its number taken, and is run again.
ACTIVATE = text("""
    INSERT INTO risk_activations (number, sha256, at)
    SELECT coalesce(max(number), 0) + 1, decode(CAST(:sha256 AS text), 'hex'), :at FROM risk_activations
""")


@dataclass(frozen=True, slots=True)
class Kept:
    """What is known of a model beside its text. ``specs``: what its features mean, as ``model.meaning`` tells it."""

    sha256: str
    features: tuple[str, ...]
    specs: bytes


@dataclass(frozen=True, slots=True)
class Trained:
    """``known_until``: labels younger than this were not used. ``report``: figures, as JSON has them."""

    kept: Kept
    trained_at: datetime
    known_until: datetime
    report: Mapping[str, Any]
    active: bool = False


def key(sha256: str) -> str:
    """Where a model's text lies in S3."""
    return f"models/{sha256}.txt"


def report_key(sha256: str) -> str:
    return f"models/{sha256}.html"


async def register(tx: Transaction, trained: Trained) -> bool:
    """Keep a model as a candidate. False: this very model is kept already."""
    row = {
        "sha256": trained.kept.sha256,
        "features": list(trained.kept.features),
        "specs": trained.kept.specs,
        "trained_at": trained.trained_at,
        "known_until": trained.known_until,
        "report": json.dumps(trained.report),
    }
    return (await tx.execute(REGISTER, row)).rowcount == 1


async def models(tx: Transaction) -> list[Trained]:
    """In the order they were trained."""
    return [
        Trained(_kept(row), row.trained_at, row.known_until, row.report, row.active) for row in await tx.execute(MODELS)
    ]


async def active(tx: Transaction) -> Kept | None:
    """The model that is to score; None: rules alone."""
    row = (await tx.execute(ACTIVE)).first()
    return _kept(row) if row else None


async def find(tx: Transaction, begins: str) -> Trained:
    """The model whose hash begins so. Raises ModelUnknown."""
    found = [one for one in await models(tx) if one.kept.sha256.startswith(begins.lower())]
    if len(begins) < SHORTEST or len(found) != 1:
        raise ModelUnknown
    return found[0]


def ensure_real(trained: Trained, *, production: bool) -> None:
    """Raises ModelUnfit where people pay and the model was trained on people who were made up."""
    if production and trained.report.get("source") != ARCHIVE:
        raise ModelUnfit("This model was trained on a town that was made up; train one on the archive.")


async def choose(tx: Transaction, app: Adapters, sha256: str | None) -> None:
    """From now on this model scores; None: rules alone."""
    await tx.execute(BECOME_OWNER)
    await tx.execute(ACTIVATE, {"sha256": sha256, "at": app.wall_clock.now()})


def _kept(row: Any) -> Kept:
    features: Sequence[str] = row.features
    return Kept(row.sha256, tuple(features), bytes(row.specs))
