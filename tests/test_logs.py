"""Logs are one JSON object a line, in UTC, and hold no personal data."""

import json
import subprocess
import sys
from typing import Any

import pytest

SECRET = "alice@example.com"
PROGRAM = """
import asyncio, logging, sys
from venmo_api import logs
import structlog
logs.configure({level!r})
log = structlog.get_logger()
secret = {secret!r}
def fail(what):
    try:
        raise RuntimeError(what) from ValueError(what)
    except RuntimeError:
        return sys.exc_info()
{body}
"""


def lines(body: str, level: str = "INFO") -> list[dict[str, Any]]:
    program = PROGRAM.format(level=level, secret=SECRET, body=body)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stderr == ""
    assert SECRET not in done.stdout
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize(
    "body", ["log.info('said', amount=1, text='a\\nb')", "logging.getLogger('library').info('said')"]
)
def test_a_line_is_one_json_object_with_level_and_utc_time(body: str) -> None:
    (line,) = lines(body)
    assert (line["event"], line["level"]) == ("said", "info")
    assert line["timestamp"].endswith("Z")


@pytest.mark.parametrize("level", ["INFO", "WARNING", "ERROR"])
def test_what_is_below_the_level_is_not_written(level: str) -> None:
    body = "for way in (log, logging.getLogger('x')):\n    for verb in ('debug', 'info', 'warning', 'error'):\n"
    written = lines(body + "        getattr(way, verb)(verb)", level)
    order = ["debug", "info", "warning", "error"]
    assert [line["event"] for line in written] == order[order.index(level.lower()) :] * 2


@pytest.mark.parametrize(
    "body",
    [
        "log.error('broke', exc_info=fail(secret))",
        "log.error('broke', exc_info=fail(secret)[1])",
        "try:\n    raise RuntimeError(secret) from ValueError(secret)\nexcept Exception:\n    log.exception('broke')",
        "logging.getLogger('x').error('broke', exc_info=fail(secret))",
    ],
)
def test_an_exception_is_told_by_its_class_and_place_and_not_by_its_words(body: str) -> None:
    (line,) = lines(body)
    assert (line["event"], line["error"], line["cause"]) == ("broke", "RuntimeError", "ValueError")
    assert line["at"]
    assert "exc_info" not in line


def test_a_task_whose_failure_nobody_awaited_is_told_without_its_words() -> None:
    body = (
        "async def broken():\n    raise RuntimeError(secret)\n"
        "async def main():\n    task = asyncio.create_task(broken())\n    await asyncio.sleep(0)\n"
        "    await asyncio.sleep(0)\n    del task\nasyncio.run(main())"
    )
    (line,) = lines(body)
    assert line["level"] == "error"


def test_addresses_with_queries_are_not_logged_by_the_server() -> None:
    assert lines("logging.getLogger('uvicorn.access').info('%s', '/v1/users?query=' + secret)") == []
