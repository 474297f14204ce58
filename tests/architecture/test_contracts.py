"""The import contracts of pyproject.toml hold, and notice what they forbid."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

LINT = Path(sys.executable).with_name("lint-imports")


def lint(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {"PYTHONPATH": str(root / "src"), "PATH": str(LINT.parent), "COLUMNS": "200", "NO_COLOR": "1"}
    return subprocess.run(
        [LINT, "--config", root / "pyproject.toml", "--no-cache", *arguments],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_every_import_contract_holds() -> None:
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The sources, to plant something in."""
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


PLANTED = {
    "core/money.py": ("import orjson", "The core needs"),
    "users/service.py": ("from venmo_api.transfers import rules", "The tower"),
    "transfers/queries.py": ("from venmo_api.feed import service", "The tower"),
    "ledger/service.py": ("from venmo_api.auth import rules", "The tower"),
    "adapters/redis.py": ("from venmo_api.outbox import rules", "The tower"),
    "auth/queries.py": ("from venmo_api.auth import router", "Inside a feature"),
    "wallet/rules.py": ("from venmo_api.wallet import models", "Inside a feature"),
    "ledger/book.py": ("import redis", "are pure"),
    "feed/rules.py": ("from venmo_api.adapters import system", "are pure"),
    "feed/service.py": ("import fastapi", "FastAPI ends"),
    "adapters/bank.py": ("import fastapi", "FastAPI ends"),
    "transfers/service.py": ("import redis", "Outside systems"),
    "http/problems.py": ("import boto3", "Outside systems"),
}


def test_a_planted_import_breaks_its_contract(copy: Path) -> None:
    for place, (line, _) in PLANTED.items():
        file = copy / "src/venmo_api" / place
        file.write_text(file.read_text() + f"\n{line}\n")
    done = lint(copy)
    assert done.returncode != 0
    for place, (line, contract) in PLANTED.items():
        heading = next(name for name in broken(done.stdout) if contract in name)
        planted = "venmo_api." + place.removesuffix(".py").replace("/", ".")
        target = line.split()[1] + ("." + line.split()[3] if line.startswith("from") else "")
        assert any(f"{planted} -> {target}" in line for line in broken(done.stdout)[heading].splitlines()), place


def test_a_folder_that_has_no_place_in_the_tower_breaks_it(copy: Path) -> None:
    (copy / "src/venmo_api/helpers.py").write_text('"""Odds and ends."""\n')
    done = lint(copy)
    assert done.returncode != 0
    assert "venmo_api.helpers" in done.stdout


def broken(report: str) -> dict[str, str]:
    """The text below each heading of a broken contract."""
    found: dict[str, str] = {}
    lines = report.partition("Broken contracts")[2].splitlines()
    heading = ""
    for line, below in zip(lines, [*lines[1:], ""], strict=True):
        if line and below.startswith("---"):
            heading = line
        found[heading] = found.get(heading, "") + line + "\n"
    return found
