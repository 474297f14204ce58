"""``python -m bench``: start everything, measure in turns, print tables, keep the figures as JSON."""

import asyncio
import json
import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import asyncpg

from bench import archive, cost, decide, feed, growth, people, report, risk, series
from bench.load import NoWrk
from bench.report import console
from bench.series import CONNECTIONS, SPREAD, STUB, Series, scalar
from bench.stack import Bench, started

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
SECONDS = int(os.environ.get("BENCH_SECONDS", "8"))
MILLIONS = [int(step) for step in os.environ.get("BENCH_MILLIONS", "1,5,10").split(",") if step]
PARTS = os.environ.get("BENCH_PARTS", "money,feed,risk,archive").split(",")
RESULTS = Path(__file__).parent / "results.json"


def measure(bench: Bench, file: Path) -> list[Series]:
    todo = series.series(bench, file, seconds=SECONDS)
    for one in range(ROUNDS + 1):
        label = "warming up" if one == 0 else f"round {one} of {ROUNDS}"
        for each in todo:
            with console.status(f"{label}: {each.name}"):
                series.run_once(bench, each, str(one), keep=one > 0)
    return todo


def grow(bench: Bench, file: Path) -> list[dict[str, Any]]:
    """Transfers after each of MILLIONS of entries, held against the first: the same cost is 1.0."""
    found: list[dict[str, Any]] = []
    for million in MILLIONS:
        with console.status(f"filling the ledger to {million} million entries"):
            entries = asyncio.run(growth.fill(bench, entries=million * 1_000_000))
        one = next(each for each in series.series(bench, file, seconds=SECONDS) if each.name == SPREAD)
        cpu = []
        for number in range(ROUNDS + 1):
            with console.status(f"round {number} of {ROUNDS} after {million} million entries"):
                series.run_once(bench, one, f"{million}m-{number}", keep=number > 0)
                cpu += [sum(cost.served(one.cpu_us).values())] if number else []
        row: dict[str, Any] = {"entries": entries, **report.spread(one.values())}
        row["cpu_us"] = report.spread(cpu)["median"]
        first = found[0] if found else row
        found.append(row | {"ratio": row["median"] / first["median"], "cpu_ratio": row["cpu_us"] / first["cpu_us"]})
    return found


def weigh(bench: Bench, file: Path) -> dict[str, float]:
    """Bytes on disk of one transfer, by table, indexes with it."""
    before = asyncio.run(growth.sizes(bench)), asyncio.run(scalar(bench, "SELECT count(*) FROM transfers"))
    one = next(each for each in series.series(bench, file, seconds=SECONDS) if each.name == SPREAD)
    with console.status("weighing transfers"):
        series.run_once(bench, one, "weigh", keep=True)
        series.settle(bench)
    after = asyncio.run(growth.sizes(bench)), asyncio.run(scalar(bench, "SELECT count(*) FROM transfers"))
    count = after[1] - before[1]
    each = {f"bytes in {name}": (after[0][name] - before[0][name]) / count for name in after[0]}
    kept = {name: round(value, 1) for name, value in each.items() if value >= 1}
    return {"bytes on disk": round(sum(kept.values()), 1)} | dict(sorted(kept.items(), key=lambda item: -item[1]))


def split(measured: list[Series]) -> dict[str, float]:
    """Where the CPU of a transfer goes: what the route costs without a database, the decision, the rest."""
    by_name = {one.name: one.cpu_us for one in measured}
    transfer, stub = by_name[SPREAD], by_name[STUB]
    deciding = decide.cost_us()
    return {
        "HTTP (the route without a database)": stub.get("peer", 0.0),
        "decide (book, limits, answer; pure)": deciding,
        "database, in the API process": max(transfer.get("api", 0.0) - stub.get("peer", 0.0) - deciding, 0.0),
        "database, in Postgres": transfer.get("postgres", 0.0),
        "feed: worker": transfer.get("worker", 0.0),
        "feed: Valkey": transfer.get("valkey", 0.0),
    }


def proofs(bench: Bench) -> dict[str, int]:
    """What must be zero after any load."""
    questions = {
        "unbalanced transactions": "SELECT count(*) FROM (SELECT FROM ledger_entries GROUP BY transaction_id "
        "HAVING sum(amount) <> 0) t",
        "sum of all balances": "SELECT sum(balance)::bigint FROM ledger_accounts",
        "balances below floor": "SELECT count(*) FROM ledger_accounts WHERE balance - held < floor",
        "deadlocks": "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()",
    }
    return {name: asyncio.run(scalar(bench, sql)) for name, sql in questions.items()}


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


def measure_money(bench: Bench, file: Path) -> dict[str, Any]:
    measured = measure(bench, file)
    found: dict[str, Any] = {"conditions": asyncio.run(conditions(bench)), "series": report.rows(measured)}
    found |= {"ratios": report.ratios(measured, series.COMPARISONS), "transfer_cpu_us": split(measured)}
    found["bytes_per_transfer"] = weigh(bench, file)
    if MILLIONS:
        found["growth"] = grow(bench, file)
    series.settle(bench)
    return found | {"proof": proofs(bench)}


def measure_feed(bench: Bench, file: Path) -> dict[str, Any]:
    found = feed.measure(bench, file, rounds=ROUNDS, seconds=SECONDS)
    return {"feed": found | {"conditions": asyncio.run(conditions(bench))}}


def measure_risk(bench: Bench, file: Path) -> dict[str, Any]:
    found = risk.measure(bench, file, rounds=ROUNDS, seconds=SECONDS)
    return {"risk": found | {"conditions": asyncio.run(conditions(bench))}}


def measure_archive(bench: Bench, file: Path) -> dict[str, Any]:
    with console.status("moving a day of the ledger to S3, and crashing while it moves"):
        found = archive.measure(bench)
    return {"archive": found | {"conditions": asyncio.run(conditions(bench))}}


MEASURES = {"money": measure_money, "feed": measure_feed, "risk": measure_risk, "archive": measure_archive}


def main() -> None:
    """Each part is shown, and its figures kept, as soon as it is measured."""
    title = f"{ROUNDS} rounds of {SECONDS} s in turn, {CONNECTIONS} connections; median (least-most)"
    wrong = False
    try:
        with started() as bench:
            file = bench.folder / "people.txt"
            with console.status("signing up people"):
                people.sign_up(bench.api, file)
            for part, measured in MEASURES.items():
                if part in PARTS:
                    found = measured(bench, file)
                    show(part, found, title=title)
                    kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
                    RESULTS.write_text(json.dumps(kept | found, indent=2) + "\n")
                    series_rows = found.get("series") or found[part].get("series", [])
                    wrong |= any(found.get("proof", {}).values()) or any(row["refused"] for row in series_rows)
    except NoWrk as error:
        raise SystemExit(str(error)) from None
    if wrong:
        raise SystemExit("something was refused or does not add up")


def show(part: str, found: dict[str, Any], *, title: str) -> None:
    if part == "money":
        report.show(found, title=title)
        console.print("must be 0:", ", ".join(f"{name} {count}" for name, count in found["proof"].items()))
    elif part == "feed":
        report.show_feed(found["feed"], title=title)
    elif part == "risk":
        report.show_risk(found["risk"], title=title)
    else:
        for name, figures in found["archive"].items():
            console.print(name, figures)


if __name__ == "__main__":
    main()
