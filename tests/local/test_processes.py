"""Leftovers: only what is certainly ours is ever signalled."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from venmo_api.local.processes import command_line, stop_leftovers

SLEEP = "import time; time.sleep(60)"


@pytest.fixture
def sleeper() -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen([sys.executable, "-c", SLEEP])
    # A process has no command line yet for a moment after it was started.
    while not command_line(process.pid):
        time.sleep(0.001)
    yield process
    process.kill()
    process.wait()


def test_a_leftover_is_stopped(tmp_path: Path, sleeper: "subprocess.Popen[bytes]") -> None:
    _record(tmp_path, sleeper.pid, [sys.executable, "-c", SLEEP])
    stop_leftovers(tmp_path)
    assert sleeper.wait(timeout=5) == -signal.SIGTERM
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("argv", [["postgres", "-D", "/elsewhere"], ["x"], []])
def test_a_number_used_again_by_somebody_else_is_left_alone(
    tmp_path: Path, sleeper: "subprocess.Popen[bytes]", argv: list[str]
) -> None:
    _record(tmp_path, sleeper.pid, argv)
    (tmp_path / "torn.json").write_text('{"pid": 1')
    stop_leftovers(tmp_path)
    assert sleeper.poll() is None
    assert list(tmp_path.iterdir()) == []


def _record(folder: Path, pid: int, argv: list[str]) -> None:
    (folder / "left.json").write_text(json.dumps({"pid": pid, "argv": argv, "stop": [[signal.SIGTERM, 5]]}))
