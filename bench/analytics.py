"""``python -m bench.analytics``: the detections on towns of many rows, each in a process of its own.

A run is held against what the town says was planted; Spark against DuckDB, row for row.
"""

import json
import os
import resource
import shutil
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from rich.table import Table

from bench.report import console
from venmo_api.analytics import engines, inputs, town, truth
from venmo_api.analytics.inputs import ALWAYS

SCALE = float(os.environ.get("ANALYTICS_SCALE", "1"))
THREADS = 2
RESULTS = Path(__file__).parent / "results.json"
ROWS_PER_CORE, SECONDS_MOST, GIGABYTES_MOST = 120_000, 300, 1.5


@dataclass(frozen=True, slots=True)
class Measured:
    """``rows_per_core``: in a second, over the whole suite, loading included. ``cpu_seconds`` are of the process that
    asks, which is all of DuckDB and nothing of Spark."""

    engine: str
    rows: int
    seconds: float
    cpu_seconds: float
    gigabytes: float
    findings: int

    @property
    def rows_per_core(self) -> float:
        return self.rows / self.seconds / THREADS


def main() -> None:
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="venmo-bench-") as folder:
        for name, millions in (("suite", 10), ("bounded", 55)):
            made = Path(folder) / name
            measured, scores = measure(made, int(millions * 1_000_000 * SCALE))
            found[name] = told(measured) | {"scores": [asdict(score) for score in scores]}
            console.print(truth.report(scores))
            shutil.rmtree(made)
        made = Path(folder) / "spark"
        found["spark"] = compare(made, int(1_000_000 * SCALE))
    show(found)
    if SCALE == 1:
        kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
        RESULTS.write_text(json.dumps(kept | {"analytics": found}, indent=1) + "\n")


def measure(folder: Path, rows: int) -> tuple[Measured, list[truth.Score]]:
    """DuckDB over a town of so many payments, and what it found of what is planted there."""
    build(folder, rows)
    measured = alone("duckdb", folder)
    return measured, truth.judge(pq.read_table(folder / "duckdb-findings.parquet"), truth.read(folder))


def compare(folder: Path, rows: int) -> dict[str, Any]:
    """How many rows of findings and evidence differ between Spark and DuckDB."""
    if shutil.which("java") is None:
        return {"skipped": "Spark needs Java 17"}
    try:
        import pyspark  # noqa: F401, PLC0415
    except ImportError:
        return {"skipped": "Spark is an extra: make spark"}
    build(folder, rows)
    alone("duckdb", folder)
    measured = alone("spark", folder)
    differ = 0
    for name in ("findings", "evidence"):
        mine, other = (pq.read_table(folder / f"{engine}-{name}.parquet").to_pylist() for engine in ("duckdb", "spark"))
        differ += len({tuple(row.values()) for row in mine} ^ {tuple(row.values()) for row in other})
    return told(measured) | {"differences": differ}


def build(folder: Path, rows: int) -> None:
    with console.status(f"building a town of {rows:,} payments"):
        town.write(town.build(town.Plan(payments=rows)), folder, progress=lambda _: None)


def alone(engine: str, folder: Path) -> Measured:
    """In a process of its own: its memory is nobody else's."""
    with console.status(f"{engine} over {folder.name}"), get_context("spawn").Pool(1) as pool:
        return pool.apply(judge, (engine, folder))


def judge(engine: str, folder: Path) -> Measured:
    """The whole suite, from files to findings."""
    made = inputs.read(folder)
    began, cpu = time.monotonic(), time.process_time()
    if engine == "spark":
        from venmo_api.analytics.spark import spark  # noqa: PLC0415 - an extra

        opened = spark(made, threads=THREADS)
    else:
        opened = engines.duckdb(made, threads=THREADS)
    with opened as session:
        found = engines.run(session, ALWAYS, lambda _: None)
    seconds, cpu_seconds = time.monotonic() - began, time.process_time() - cpu
    for name in ("findings", "evidence"):
        pq.write_table(getattr(found, name), folder / f"{engine}-{name}.parquet")
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    rows, findings = made.payments.count_rows(), found.findings.num_rows
    return Measured(engine, rows, seconds, cpu_seconds, resident / 1e9, findings)


def told(measured: Measured) -> dict[str, Any]:
    return asdict(measured) | {"rows_per_core": round(measured.rows_per_core)}


def show(found: dict[str, Any]) -> None:
    table = Table("detections", "rows", "seconds", "of CPU", "rows/s/core", "GB resident", "wanted")
    wanted = {
        "suite": f">= {ROWS_PER_CORE:,} rows/s/core",
        "bounded": f"<= {SECONDS_MOST} s and {GIGABYTES_MOST} GB, of which DuckDB may use {engines.MEMORY}",
        "spark": "0 differences",
    }
    for name, one in found.items():
        if "skipped" in one:
            table.add_row(name, one["skipped"])
            continue
        figures = f"{one['rows']:,}", f"{one['seconds']:.1f}", f"{one['cpu_seconds']:.1f}", f"{one['rows_per_core']:,}"
        differ = f" (found {one['differences']})" if "differences" in one else ""
        resident = f"{one['gigabytes']:.2f}"
        table.add_row(f"{name} ({one['engine']})", *figures, resident, wanted[name] + differ)
    console.print(table)


if __name__ == "__main__":
    main()
