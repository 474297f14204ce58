"""Scheduled jobs as Lambda functions: called with what EventBridge sends, in a process as fresh as Lambda's."""

import json
import os
import subprocess
import sys
from typing import Any

from anyio.to_thread import run_sync

from tests.conftest import World

SCHEDULED = {
    "version": "0",
    "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa",
    "detail-type": "Scheduled Event",
    "source": "aws.events",
    "account": "123456789012",
    "time": "2026-11-21T02:00:00Z",
    "region": "us-east-1",
    "resources": ["arn:aws:events:us-east-1:123456789012:rule/nightly"],
    "detail": {},
}
CALL = """
import json, sys
from types import SimpleNamespace
from venmo_api import serverless
event = json.loads(sys.argv[2])
context = SimpleNamespace(get_remaining_time_in_millis=lambda: int(sys.argv[3]))
print(json.dumps(getattr(serverless, sys.argv[1])(event, context)))
"""


async def call(world: World, name: str, event: Any = SCHEDULED, *, millis: int = 300_000, **more: str) -> Any:
    """What the function answers; its standard error when it fails."""
    environment = os.environ | {
        "VENMO_DATABASE_URL": world.app.database.engine.url.render_as_string(hide_password=False),
        "VENMO_S3_BUCKET": world.app.objects.bucket,
        "VENMO_ARCHIVE_AFTER_DAYS": "1",
        "VENMO_LOG_LEVEL": "ERROR",
        **more,
    }
    argv = [sys.executable, "-c", CALL, name, json.dumps(event), str(millis)]
    done = await run_sync(
        lambda: subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=120, check=False)
    )
    return json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else done.stderr


async def test_the_archive_moves_closed_days_and_shares_the_workers_lease(fresh: World) -> None:
    alice, bob = await fresh.person("alice", money=5000), await fresh.person("bob")
    await alice.pay(bob, 1200)
    await fresh.drain()

    answer = await call(fresh, "archive")
    assert answer == {
        "job": "archive_closed_days",
        "event": SCHEDULED["id"],
        "done": 0,
        "finished": True,
    }, "all of it happened today"
    assert await call(fresh, "archive") == answer | {"done": None}, "the worker's lease is taken"

    driven = await alice.post("/sandbox/clock", {"advance_seconds": 3 * 24 * 3600})
    assert driven.status_code == 200, driven.text
    await fresh.drain()
    assert (await call(fresh, "archive"))["done"] > 0


async def test_what_failed_since_a_server_was_away_is_done_by_the_next_call(fresh: World) -> None:
    alice, bob = await fresh.person("alice", money=5000), await fresh.person("bob")
    await alice.pay(bob, 1200)
    await fresh.drain()
    await alice.post("/sandbox/clock", {"advance_seconds": 3 * 24 * 3600})
    away = await call(fresh, "archive", VENMO_S3_ENDPOINT_URL="http://127.0.0.1:1")
    assert "Unavailable" in away or "S3Away" in away, away
    assert (await call(fresh, "archive", {**SCHEDULED, "source": "aws.scheduler"}))["done"] > 0


async def test_a_night_that_begins_a_little_sooner_is_not_skipped(fresh: World) -> None:
    assert (await call(fresh, "detect"))["done"] == 0
    alice = await fresh.person("alice")
    await alice.post("/sandbox/clock", {"advance_seconds": 24 * 3600 - 30})
    assert (await call(fresh, "detect"))["done"] == 0, "None: it was not due"


async def test_training_and_detections_run_and_say_so(fresh: World) -> None:
    for name, job in {"detect": "run_detections", "train": "train_model"}.items():
        answer = await call(fresh, name)
        assert (answer["job"], answer["done"], answer["finished"]) == (job, 0, True), answer


async def test_time_that_does_not_suffice_is_told_and_nothing_is_half_done(fresh: World) -> None:
    answer = await call(fresh, "archive", millis=10_000)
    assert (answer["done"], answer["finished"]) == (None, False)


async def test_what_is_no_schedule_is_refused(fresh: World) -> None:
    answer = await call(fresh, "archive", {"source": "aws.s3", "detail": {}})
    assert "NotScheduled" in answer
