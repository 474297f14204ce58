"""The town of ``make demo``, a small one, on a stack of its own: it is archived, proved and judged by itself."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from venmo_api.local.ports import free_port

SECONDS = 240
VENMO = f"{sys.executable} -m venmo_api"


@pytest.mark.xdist_group("faults")
def test_a_small_town_adds_up(tmp_path: Path) -> None:
    folder, port, summary = tmp_path / "town", free_port(avoid=()), tmp_path / "summary.json"
    argv = [sys.executable, "-m", "venmo_api", "with", "--port", str(port), "--local-dir", str(folder), "--"]
    argv += [sys.executable, "-m", "demo", "--base-url", f"http://127.0.0.1:{port}", "--summary", str(summary)]
    argv += ["--people", "30", "--payments", "250"]
    argv += ["--archive-command", f"{VENMO} archive --before now --local-dir '{folder}'"]
    argv += ["--verify-command", f"{VENMO} verify --local-dir '{folder}'"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("VENMO_")}
    done = subprocess.run(argv, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    assert json.loads(summary.read_text())
    assert "PASSED" in done.stdout
