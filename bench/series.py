"""What is measured, and what is held against what."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import asyncpg

from bench import cost
from bench.load import Load, wrk
from bench.stack import Bench

CONNECTIONS, MANY = 64, 256
PLAIN, SPREAD, HOT = "plain endpoint", "transfers, spread", "transfers, one hot payee"
STUB, HALF = "route without a database", "transfers at half that rate"
FULL, FULL_STUB = f"transfers, {MANY} connections", f"route without a database, {MANY} connections"
PLAIN_ALONE, ALONE = "plain endpoint, alone", "transfer, alone"


@dataclass(slots=True)
class Series:
    """One thing measured, once a round. ``by``: what of a load is its figure."""

    name: str
    run: Callable[[str], Load]
    by: str = "per_second"
    loads: list[Load] = field(default_factory=list)
    cpu_us: dict[str, float] = field(default_factory=dict)

    def values(self) -> list[float]:
        return [getattr(load, self.by) for load in self.loads]


@dataclass(frozen=True, slots=True)
class Comparison:
    """One series held against another, round by round. ``wanted``: at least this, or at most for latencies."""

    mine: str
    other: str
    wanted: float


COMPARISONS = (
    Comparison(SPREAD, PLAIN, 3.0),
    Comparison(SPREAD, STUB, 0.6),
    Comparison(FULL, FULL_STUB, 0.6),
    Comparison(HOT, SPREAD, 0.9),
    Comparison(ALONE, PLAIN_ALONE, 1.3),
)


def series(bench: Bench, file: Path, *, seconds: int) -> list[Series]:
    """In the order they are run, each once a round."""

    def pay(base: str, path: str, kind: str, connections: int, run: str) -> Load:
        lasting = seconds if connections > 1 else max(3, seconds // 2)
        return wrk(base + path, "pay.lua", str(file), run, kind, connections=connections, seconds=lasting)

    def pay_slowly(run: str) -> Load:
        pause_ms = round(CONNECTIONS * 1000 / (peak.loads[-1].per_second / 2) if peak.loads else 100)
        args = (str(file), run, "spread", str(pause_ms))
        return wrk(bench.api + path, "paced.lua", *args, connections=CONNECTIONS, seconds=seconds)

    path = "/v1/transfers"
    peak = Series(SPREAD, partial(pay, bench.api, path, "spread", CONNECTIONS))
    return [
        Series(PLAIN, partial(pay, bench.plain, "/transfers", "spread", CONNECTIONS)),
        peak,
        Series(HOT, partial(pay, bench.api, path, "hot", CONNECTIONS)),
        Series(STUB, partial(pay, bench.hello, "/bench/transfers", "spread", CONNECTIONS)),
        Series(FULL, partial(pay, bench.api, path, "spread", MANY)),
        Series(FULL_STUB, partial(pay, bench.hello, "/bench/transfers", "spread", MANY)),
        Series(HALF, pay_slowly, by="p50_ms"),
        Series(PLAIN_ALONE, partial(pay, bench.plain, "/transfers", "spread", 1), by="p50_ms"),
        Series(ALONE, partial(pay, bench.api, path, "spread", 1), by="p50_ms"),
    ]


def run_once(bench: Bench, one: Series, label: str, *, keep: bool) -> None:
    """One load of a series, after the worker has caught up, so that no series pays for the one before."""
    settle(bench)
    before = cost.snapshot()
    load = one.run(f"{one.name.replace(' ', '-').replace(',', '')}-{label}")
    if keep:
        one.loads.append(load)
        one.cpu_us = cost.snapshot().since(before, load.requests)


def settle(bench: Bench) -> None:
    """Wait until the worker has nothing left to do."""
    while asyncio.run(scalar(bench, "SELECT count(*) FROM outbox_queue")):
        time.sleep(0.2)


async def scalar(bench: Bench, sql: str) -> int:
    connection = await asyncpg.connect(bench.database_url.replace("+asyncpg", ""))
    try:
        return int(await connection.fetchval(sql))
    finally:
        await connection.close()
