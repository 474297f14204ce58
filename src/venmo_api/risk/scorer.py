"""The model that scores in this process: fetched beside the payments, never within one."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final

import structlog
from anyio.to_thread import run_sync

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.s3 import ObjectDamaged, ObjectMissing
from venmo_api.core.errors import AppError
from venmo_api.risk import model, registry
from venmo_api.risk.model import Model
from venmo_api.risk.registry import Kept
from venmo_api.risk.rules import ModelUnfit

POLL_SECONDS: Final = 5.0
START_SECONDS: Final = 5.0
log = structlog.get_logger()


class Following:
    """A ``core.scoring.Scorer``: the model that was chosen last. While that one cannot be had the one before goes on;
    a process that has none yet says which it lacks, and every score fails: payments are degraded, and told."""

    def __init__(self) -> None:
        self._model: Model | None = None
        self._wanted: str | None = None

    @property
    def sha256(self) -> str | None:
        return self._model.sha256 if self._model else self._wanted

    def score(self, rows: Sequence[Sequence[int]]) -> list[float]:
        if self._model is None:
            raise LookupError("the model that was chosen is not here yet")
        return self._model.score(rows)

    def held(self, sha256: str) -> Model | None:
        """The model of this hash, if it is the one that scores."""
        return self._model if self._model and self._model.sha256 == sha256 else None

    async def refresh(self, app: Adapters) -> None:
        """Raises Unavailable and ModelUnfit; what scored until now goes on."""
        kept = await app.database.read(registry.active)
        self._wanted = kept.sha256 if kept else None
        if kept is None:
            self._model = None
        elif self._model is None or self._model.sha256 != kept.sha256:
            self._model = await fetch(app, kept)
            log.info("model_active", sha256=kept.sha256)


async def fetch(app: Adapters, kept: Kept) -> Model:
    """A model from S3. Raises Unavailable, and ModelUnfit for what is not what was registered."""
    try:
        body = await app.objects.get(registry.key(kept.sha256))
    except (ObjectMissing, ObjectDamaged) as error:
        raise ModelUnfit("The text of the model is not in S3, or cannot be read there; train it anew.") from error
    return await run_sync(lambda: model.load(body, sha256=kept.sha256, names=kept.features, specs=kept.specs))


async def explain(app: Adapters, sha256: str, row: Sequence[int]) -> list[tuple[str, float]]:
    """The features that raised the score this model gave, with by how much; none when it cannot be had."""
    try:
        found = app.scorer.held(sha256) if isinstance(app.scorer, Following) else None
        found = found or await fetch(app, (await app.database.read(registry.find, sha256)).kept)
    except AppError as error:
        log.warning("score_not_explained", error=type(error).__name__, told=error.detail)
        return []
    return await run_sync(found.reasons, row)


@asynccontextmanager
async def following(
    app: Adapters, *, poll_seconds: float = POLL_SECONDS, start_seconds: float = START_SECONDS
) -> AsyncIterator[None]:
    """Score by the model that is chosen, within seconds of the choice, while a process runs."""
    scorer = app.scorer
    if not isinstance(scorer, Following):
        yield
        return

    looked = asyncio.Event()

    async def follow() -> None:
        while True:
            await _refreshed(scorer, app)
            looked.set()
            await asyncio.sleep(poll_seconds)

    task = asyncio.create_task(follow())
    with suppress(TimeoutError):  # an S3 that hangs holds up no start
        await asyncio.wait_for(looked.wait(), start_seconds)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _refreshed(scorer: Following, app: Adapters) -> None:
    try:
        await scorer.refresh(app)
    except AppError as error:
        log.warning("model_waits", error=type(error).__name__, told=error.detail, scoring_by=scorer.sha256)
    except Exception:
        log.exception("model_failed", scoring_by=scorer.sha256)
