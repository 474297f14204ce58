"""A model from lessons to candidate: trained, reported on, kept in S3 under its hash. People decide if it scores."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta

from anyio.to_thread import run_sync

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.s3 import ObjectExists
from venmo_api.analytics import lessons, model_report, training
from venmo_api.analytics.engines import Progress
from venmo_api.analytics.lessons import Lessons
from venmo_api.analytics.training import Made
from venmo_api.risk import registry
from venmo_api.risk.registry import Trained

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


async def from_archive(app: Adapters, *, progress: Progress, seed: int = 0) -> Made:
    """Raises SetUnfit when too little is known yet, ArchiveMismatch, Unavailable."""
    known_us = (app.clock.now() - EPOCH) // timedelta(microseconds=1)
    return await learn(app, await lessons.of_archive(app, progress), known_us=known_us, progress=progress, seed=seed)


async def learn(app: Adapters, learnt: Lessons, *, known_us: int, progress: Progress, seed: int = 0) -> Made:
    """Raises SetUnfit. What is cut off leaves objects that the next run finds, or that nobody refers to."""
    made = await run_sync(lambda: training.train(learnt, known_us=known_us, progress=progress, seed=seed))
    page = await run_sync(model_report.of_training, made)
    name = made.kept.sha256
    for key, body, kind in (
        (registry.key(name), made.text, "text/plain"),
        (registry.report_key(name), page.encode(), "text/html; charset=utf-8"),
    ):
        with suppress(ObjectExists):
            await app.objects.put_new(key, body, content_type=kind)
    trained = Trained(made.kept, app.clock.now(), made.known_until, made.report.document)
    await app.database.transact(registry.register, trained)
    return made
