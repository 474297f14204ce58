"""How fast a day of the ledger moves to S3: read, sorted, put, read back, listed and dropped; and what crashes cost."""

import asyncio
import os
import re
import subprocess
import sys
import time
from datetime import timedelta
from typing import Any

from bench import growth
from bench.report import console
from bench.stack import Bench
from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.system import DrivenClock
from venmo_api.archive import partitions, rules, service
from venmo_api.local.stack import running
from venmo_api.main import adapters
from venmo_api.settings import Settings

ENTRIES = int(os.environ.get("BENCH_ARCHIVE_ENTRIES", "1500000"))
AHEAD = timedelta(hours=1)
"""Where the day ends that is filled: one so full is not cut any more."""
CRASHES = "tests/archive/test_crashes.py::test_crashes_at_random_while_people_pay_lose_and_double_nothing"


def measure(bench: Bench) -> dict[str, Any]:
    """Rows a second of the ledger; crashes that were injected, none of which loses or doubles a row, or this fails."""
    export = asyncio.run(_export(bench))
    console.print("export", export)
    return {"export": export, "crashes": _crashes()}


async def _export(bench: Bench) -> dict[str, float]:
    app = _adapters(bench)
    try:
        await app.keys.refresh()
        end = app.clock.now() + AHEAD
        await partitions.cut(app, rules.LEDGER, end)
        await asyncio.to_thread(lambda: asyncio.run(growth.fill(bench, entries=ENTRIES)))
        assert isinstance(app.clock, DrivenClock)
        app.clock.drive(AHEAD * 2)
        moved_at: list[float] = []
        started = time.perf_counter()
        moved = await service.archive(app, before=end, progress=lambda line: moved_at.append(time.perf_counter()))
        seconds = moved_at[0] - started  # the ledger goes first
    finally:
        await app.close()
    return {"rows": moved.entries, "seconds": round(seconds, 2), "rows/s": round(moved.entries / seconds)}


def _adapters(bench: Bench) -> Adapters:
    endpoints = running(bench.folder)
    assert endpoints is not None
    keys = {"VENMO_SIGNING_KEY_FILE": "signing.pem", "VENMO_MASTER_KEY_FILE": "master.key"}
    os.environ.update({name: str(bench.folder / file) for name, file in keys.items()} | endpoints.environment())
    return adapters(Settings())


def _crashes() -> dict[str, int]:
    outside = {name: value for name, value in os.environ.items() if not name.startswith("VENMO_")}
    command = (sys.executable, "-m", "pytest", "-s", CRASHES)
    done = subprocess.run(command, env=outside | {"VENMO_FAULTS": "long"}, capture_output=True, text=True, check=False)
    found = re.search(r"(\d+) crashes, (\d+) payments", done.stdout)
    if done.returncode or found is None:
        raise SystemExit(done.stdout + done.stderr)
    return {"crashes": int(found[1]), "payments meanwhile": int(found[2]), "rows lost or doubled": 0}
