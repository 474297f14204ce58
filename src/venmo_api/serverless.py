"""The scheduled jobs as AWS Lambda functions, called by EventBridge: ``venmo_api.serverless.archive`` and so on.

A function does what the worker's job does, with the same settings from the environment, and shares its lease: let both
run, and whoever comes second finds nothing due. Each job may be cut off anywhere and goes on with the next call, so
running into the time limit of Lambda loses nothing; what could not run since something was away is due at once.
"""

import asyncio
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Protocol

import structlog

from venmo_api import logs, worker
from venmo_api.crypto import keyring
from venmo_api.main import adapters
from venmo_api.sandbox import service as sandbox
from venmo_api.settings import Settings

log = structlog.get_logger()
EARLY = timedelta(hours=1)
"""Schedules are not to the second: a night that begins a little sooner than the last one counts."""
SPARED_SECONDS = 10.0
"""Of the time that Lambda gives, for ending in order."""


class Context(Protocol):
    """What Lambda hands over beside the event, as far as it is needed."""

    def get_remaining_time_in_millis(self) -> int: ...


Function = Callable[[Mapping[str, Any], Context], dict[str, Any]]


class NotScheduled(ValueError):
    """The event is none of EventBridge's schedules: somebody has wired the function to something else."""


def _function(job: str) -> Function:
    def run(event: Mapping[str, Any], context: Context) -> dict[str, Any]:
        """``{"job", "event", "done", "finished"}``: how many things were done, None when another run had it, and
        whether time sufficed. Raises NotScheduled, and what the job raises, so that Lambda counts it as failed."""
        if event.get("source") not in {"aws.events", "aws.scheduler"}:
            raise NotScheduled("This function is called on a schedule of EventBridge, and by nothing else.")
        seconds = context.get_remaining_time_in_millis() / 1000 - SPARED_SECONDS
        settings = Settings()
        logs.configure(settings.log_level)
        done, finished = asyncio.run(_bounded(job, settings, seconds))
        log.info("function_ended", job=job, schedule=event.get("id"), done=done, finished=finished)
        return {"job": job, "event": event.get("id"), "done": done, "finished": finished}

    return run


async def _bounded(job: str, settings: Settings, seconds: float) -> tuple[int | None, bool]:
    held = adapters(settings)
    try:
        async with asyncio.timeout(max(seconds, 0.0)), sandbox.following(held), keyring.following(held.keys):
            return await worker.run_now(held, settings, job, early=EARLY), True
    except TimeoutError:
        return None, False
    finally:
        await held.close()


archive = _function("archive_closed_days")
detect = _function("run_detections")
train = _function("train_model")
