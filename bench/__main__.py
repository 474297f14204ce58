"""``python -m bench``: start everything, measure in turns, print a table, keep the figures as JSON."""

import asyncio
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import asyncpg
from rich.console import Console
from rich.table import Table

from bench import cost, people
from bench.load import Load, NoWrk, wrk
from bench.stack import Bench, started

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
SECONDS = int(os.environ.get("BENCH_SECONDS", "8"))
CONNECTIONS = 64
RESULTS = Path(__file__).parent / "results.json"
console = Console(width=None if sys.stdout.isatty() else 170)


@dataclass(slots=True)
class Series:
    """One thing measured, once a round. ``ratio_to`` names what it is held against."""

    name: str
    run: Callable[[str], Load]
    ratio_to: str | None = None
    by: str = "per_second"
    wanted: float | None = None
    loads: list[Load] = field(default_factory=list)
    cpu_us: dict[str, float] = field(default_factory=dict)

    def values(self) -> list[float]:
        return [getattr(load, self.by) for load in self.loads]


def series(bench: Bench, file: Path) -> list[Series]:
    def pay(base: str, path: str, kind: str, connections: int, run: str) -> Load:
        seconds = SECONDS if connections > 1 else max(3, SECONDS // 2)
        args = (str(file), run, kind)
        return wrk(base + path, "pay.lua", *args, connections=connections, seconds=seconds)

    def read(base: str, path: str, run: str) -> Load:
        return wrk(base + path, "read.lua", str(file), connections=CONNECTIONS, seconds=SECONDS)

    path = "/v1/transfers"
    return [
        Series("plain endpoint", partial(pay, bench.plain, "/transfers", "spread", CONNECTIONS)),
        Series("transfers, spread", partial(pay, bench.api, path, "spread", CONNECTIONS), "plain endpoint", wanted=2.2),
        Series("transfers, one hot payee", partial(pay, bench.api, path, "hot", CONNECTIONS), "transfers, spread",
               wanted=0.9),
        Series("route without a database", partial(pay, bench.hello, "/bench/transfers", "spread", CONNECTIONS)),
        Series("plain endpoint, alone", partial(pay, bench.plain, "/transfers", "spread", 1), by="p50_ms"),
        Series("transfer, alone", partial(pay, bench.api, path, "spread", 1), "plain endpoint, alone", "p50_ms", 1.3),
        Series("hello, signed in", partial(read, bench.hello, "/bench/hello")),
        Series("feed of 25", partial(read, bench.api, "/v1/feed?limit=25"), "hello, signed in", wanted=0.45),
    ]  # fmt: skip


def measure(bench: Bench) -> list[Series]:
    file = bench.folder / "people.txt"
    with console.status("signing up people"):
        people.sign_up(bench.api, file)
    todo = series(bench, file)
    for one in range(ROUNDS + 1):
        for each in todo:
            label = "warming up" if one == 0 else f"round {one} of {ROUNDS}"
            with console.status(f"{label}: {each.name}"):
                settle(bench)
                before = cost.snapshot()
                load = each.run(f"{each.name.replace(' ', '-')}-{one}")
                if one > 0:
                    each.loads.append(load)
                    each.cpu_us = cost.snapshot().since(before, load.requests)
    return todo


def settle(bench: Bench) -> None:
    """Wait until the worker has nothing left to do, so that no series pays for the one before."""
    while asyncio.run(_scalar(bench, "SELECT count(*) FROM outbox_queue")):
        time.sleep(0.2)


def proofs(bench: Bench) -> dict[str, int]:
    """What must be zero after any load."""
    questions = {
        "unbalanced transactions": "SELECT count(*) FROM (SELECT FROM ledger_entries GROUP BY transaction_id "
        "HAVING sum(amount) <> 0) t",
        "sum of all balances": "SELECT sum(balance)::bigint FROM ledger_accounts",
        "balances below floor": "SELECT count(*) FROM ledger_accounts WHERE balance < floor",
        "deadlocks": "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()",
    }
    return {name: asyncio.run(_scalar(bench, sql)) for name, sql in questions.items()}


async def _scalar(bench: Bench, sql: str) -> int:
    connection = await asyncpg.connect(bench.database_url.replace("+asyncpg", ""))
    try:
        return int(await connection.fetchval(sql))
    finally:
        await connection.close()


async def conditions(bench: Bench) -> dict[str, str]:
    connection = await asyncpg.connect(bench.database_url.replace("+asyncpg", ""))
    try:
        names = ("server_version", "fsync", "synchronous_commit", "full_page_writes", "data_checksums")
        settings = {name: await connection.fetchval(f"SHOW {name}") for name in names}
    finally:
        await connection.close()
    packages = {name: version(name) for name in ("fastapi", "sqlalchemy", "asyncpg", "uvicorn", "redis")}
    return {"cpu": processor(), "cores": str(os.cpu_count()), "python": platform.python_version()} | settings | packages


def processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":")[1].strip()
    return platform.processor()


def rows(measured: list[Series]) -> list[dict[str, Any]]:
    by_name = {one.name: one for one in measured}
    found = []
    for one in measured:
        values = one.values()
        row: dict[str, Any] = {
            "name": one.name,
            "unit": "ms p50" if one.by == "p50_ms" else "per second",
            "median": round(statistics.median(values), 2),
            "least": round(min(values), 2),
            "most": round(max(values), 2),
            "p50_ms": round(statistics.median(load.p50_ms for load in one.loads), 2),
            "p99_ms": round(statistics.median(load.p99_ms for load in one.loads), 2),
            "refused": sum(load.refused for load in one.loads),
            "cpu_us_per_request": one.cpu_us,
        }
        if one.ratio_to is not None:
            ratios = [mine / other for mine, other in zip(values, by_name[one.ratio_to].values(), strict=True)]
            row |= {
                "against": one.ratio_to,
                "ratio": round(statistics.median(ratios), 2),
                "ratio_least": round(min(ratios), 2),
                "ratio_most": round(max(ratios), 2),
                "wanted": one.wanted,
            }
        found.append(row)
    return found


def show(found: list[dict[str, Any]]) -> None:
    table = Table(title=f"{ROUNDS} rounds of {SECONDS} s in turn, {CONNECTIONS} connections; median (least-most)")
    for heading in ("", "rate or p50", "p50 ms", "p99 ms", "ratio", "wanted", "CPU us a request, by process"):
        table.add_column(heading, justify="left" if heading in {"", "CPU us a request, by process"} else "right")
    for row in found:
        ratio = f"{row['ratio']} ({row['ratio_least']}-{row['ratio_most']})" if "ratio" in row else ""
        limit = "" if row.get("wanted") is None else f"{'<=' if row['unit'] == 'ms p50' else '>='} {row['wanted']}"
        cpu = " ".join(f"{kind} {us:.0f}" for kind, us in row["cpu_us_per_request"].items())
        value = f"{row['median']:,.4g} ({row['least']:,.4g}-{row['most']:,.4g}) {row['unit'].removesuffix(' p50')}"
        table.add_row(row["name"], value, str(row["p50_ms"]), str(row["p99_ms"]), ratio, limit, cpu)
    console.print(table)


def main() -> None:
    try:
        with started() as bench:
            circumstances = asyncio.run(conditions(bench))
            found = rows(measure(bench))
            settle(bench)
            proof = proofs(bench)
    except NoWrk as error:
        raise SystemExit(str(error)) from None
    show(found)
    console.print("must be 0:", ", ".join(f"{name} {count}" for name, count in proof.items()))
    console.print(", ".join(f"{name} {value}" for name, value in circumstances.items()))
    RESULTS.write_text(json.dumps({"conditions": circumstances, "series": found, "proof": proof}, indent=2) + "\n")
    if any(proof.values()) or any(row["refused"] for row in found):
        raise SystemExit("something was refused or does not add up")


if __name__ == "__main__":
    main()
