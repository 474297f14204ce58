"""What the worker does for cases and models."""

import structlog

from venmo_api.adapters.bundle import Adapters
from venmo_api.analytics import queries
from venmo_api.analytics.rules import LEAST_FRAUDS
from venmo_api.risk import labels

log = structlog.get_logger()


async def file_cases(app: Adapters) -> int:
    """Write the files of cases that were reported; how many."""
    waiting = await app.database.read(queries.unfiled)
    if not waiting:
        return 0
    from venmo_api.analytics import case_files  # noqa: PLC0415 - slow to import, and seldom needed

    for case_id in waiting:
        await case_files.write(app, case_id)
    return len(waiting)


async def detect(app: Adapters) -> int:
    """Judge what was archived since the last time; how many new alerts there are."""
    try:
        from venmo_api.analytics import engines, service  # noqa: PLC0415 - an extra, and slow to import
    except ImportError:
        return 0
    found = await service.run(app, engines.duckdb, progress=_quiet)
    log.info("detections_ran", findings=found.told.findings.num_rows, alerts=found.raised.alerts)
    return found.raised.alerts


async def train_model(app: Adapters) -> int:
    """Train a candidate on what is archived by now; 1 if one was. Raises SetUnfit while too little of it is known."""
    if await app.database.read(labels.frauds) < LEAST_FRAUDS:
        return 0
    try:
        from venmo_api.analytics import learning  # noqa: PLC0415 - an extra, and slow to import
    except ImportError:
        return 0
    made = await learning.from_archive(app, progress=_quiet)
    log.info("model_trained", sha256=made.kept.sha256, payments=made.report.payments, frauds=made.report.frauds)
    return 1


def _quiet(line: str) -> None:
    """Nobody watches."""
