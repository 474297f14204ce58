"""Runs the search for what must not be kept beside the whole suite, and fails it on a hit."""

from pathlib import Path
from typing import Any

import pytest

from tests.instruments.marks import MARKS


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    for name, text in report.sections:
        MARKS.look(text, f"{name} of {report.nodeid}")


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """What a worker found, and what the servers' own logs are still to be searched for."""
    told = getattr(node, "workeroutput", {})
    MARKS.hits |= set(told.get("hits", ()))
    MARKS.known |= told.get("known", {})


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workerinput"):
        session.config.workeroutput |= {"hits": sorted(MARKS.hits), "known": MARKS.known}
        return
    for folder in getattr(session.config, "server_folders", ()):
        for log in sorted(Path(folder).rglob("*.log")):
            MARKS.look(log.read_text(errors="replace"), f"log of {log.stem}")
    if MARKS.hits and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if MARKS.hits:
        terminalreporter.section("secrets and personal data where they must not be")
        for hit in sorted(MARKS.hits):
            terminalreporter.write_line(hit)
    elif MARKS.known:
        terminalreporter.write_line(f"{len(MARKS.known)} secrets and personal data of this run: 0 found where kept")
