"""The supervisor as its own process: signals, deaths, and what a kill leaves behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from venmo_api.local.processes import command_line
from venmo_api.local.stack import Stack

MakeStack = Callable[[Path], Stack]
Supervise = Callable[..., "subprocess.Popen[str]"]
PROGRAM = Path(__file__).with_name("supervised.py")


@pytest.fixture
def supervise(tmp_path: Path) -> Iterator[Supervise]:
    """Starts the program with a child given as Python source."""
    started: list[subprocess.Popen[str]] = []

    def start(source: str) -> "subprocess.Popen[str]":
        argv = [sys.executable, str(PROGRAM), str(tmp_path), sys.executable, "-c", source]
        started.append(subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=30)


def test_ctrl_c_stops_the_child_then_the_servers(tmp_path: Path, supervise: Supervise) -> None:
    process = supervise(
        "import os, signal, socket, time, urllib.parse\n"
        "def last_words(*_):\n"
        "    url = urllib.parse.urlsplit(os.environ['VENMO_REDIS_URL'])\n"
        "    socket.create_connection((url.hostname, url.port)).close()\n"
        "    print('servers were still there', flush=True); raise SystemExit\n"
        "signal.signal(signal.SIGTERM, last_words); print('up', flush=True)\n"
        "time.sleep(60)"
    )
    servers = _wait_until_ready(process)
    _wait_for(lambda: "up" in (tmp_path / "logs" / "app.log").read_text())
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)
    _out, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (0, "")
    assert "servers were still there" in (tmp_path / "logs" / "app.log").read_text()
    assert not any(command_line(pid) for pid in servers)
    assert "database system is shut down" in (tmp_path / "logs" / "postgres.log").read_text()


async def test_a_killed_supervisor_leaves_nothing_that_stops_the_next_start(
    tmp_path: Path, supervise: Supervise, make_stack: MakeStack, contents: Any
) -> None:
    stack = make_stack(tmp_path)
    await contents.write(stack.start())
    stack.stop()
    process = supervise("import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)")
    servers = _wait_until_ready(process)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()

    assert await contents.read(stack.start()) == contents.kept
    assert not any(command_line(pid) for pid in servers)
    assert not list((tmp_path / "run").glob("app-*"))


def test_a_dead_child_and_a_dead_server_are_started_again(tmp_path: Path, supervise: Supervise) -> None:
    process = supervise("import os, time; print(os.getpid(), flush=True); time.sleep(60)")
    servers = _wait_until_ready(process)
    log = tmp_path / "logs" / "app.log"
    _wait_for(lambda: len(log.read_text().split()) == 1)
    os.kill(int(log.read_text()), signal.SIGKILL)
    os.kill(servers[1], signal.SIGKILL)
    _wait_for(lambda: len(log.read_text().split()) == 2)
    process.terminate()
    _out, errors = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "app stopped unexpectedly (exit code -9)" in errors
    assert "valkey stopped unexpectedly (exit code -9)" in errors


def test_a_child_that_keeps_dying_ends_everything_with_its_last_words(supervise: Supervise) -> None:
    process = supervise("raise SystemExit('the settings are wrong')")
    out, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    sentence = errors[errors.index("app stopped 5 times") :]
    assert "logs/app.log" in sentence
    assert "the settings are wrong" in sentence
    assert not any(command_line(pid) for pid in _pids(out))


def _wait_until_ready(process: "subprocess.Popen[str]") -> list[int]:
    assert process.stdout
    lines = [process.stdout.readline(), process.stdout.readline()]
    assert lines[1].startswith("ready"), (lines, process.stderr and process.stderr.read())
    return _pids(lines[1])


def _pids(line: str) -> list[int]:
    return [int(word) for word in line.split() if word.isdigit()]


def _wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
