"""Figures as rows, tables and JSON."""

import statistics
import sys
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.series import Comparison, Series

# What others publish, on their machines and under their conditions: orders of magnitude to stand beside, no comparison.
PEERS = (
    (
        "pgledger (SQL functions, no HTTP)",
        "7,559-10,637/s on its author's laptop; 1,600-1,950/s on two cores",
        "its README",
    ),
    ("Midaz (HTTP)", "100/s at p50 4.9 ms", "its published benchmark"),
    ("Mojaloop (switch of instant payments)", "1,000/s", "its published benchmark"),
)
console = Console(width=None if sys.stdout.isatty() else 170)


def rows(measured: Sequence[Series]) -> list[dict[str, Any]]:
    return [
        {
            "name": one.name,
            "unit": "ms p50" if one.by == "p50_ms" else "per second",
            **spread(one.values()),
            "per_second": round(statistics.median(load.per_second for load in one.loads), 1),
            "p50_ms": round(statistics.median(load.p50_ms for load in one.loads), 2),
            "p99_ms": round(statistics.median(load.p99_ms for load in one.loads), 2),
            "refused": sum(load.refused for load in one.loads),
            "cpu_us_per_request": one.cpu_us,
        }
        for one in measured
    ]


def ratios(measured: Sequence[Series], comparisons: Sequence[Comparison]) -> list[dict[str, Any]]:
    by_name = {one.name: one for one in measured}
    return [
        {
            "mine": each.mine,
            "other": each.other,
            **spread([a / b for a, b in zip(by_name[each.mine].values(), by_name[each.other].values(), strict=True)]),
            "wanted": ("<= " if by_name[each.mine].by == "p50_ms" else ">= ") + str(each.wanted),
        }
        for each in comparisons
    ]


def spread(values: Sequence[float]) -> dict[str, float]:
    return {
        "median": round(statistics.median(values), 2),
        "least": round(min(values), 2),
        "most": round(max(values), 2),
    }


def show(found: dict[str, Any], *, title: str) -> None:
    """The part about money."""
    _show_series(found, title=title)
    if found.get("growth"):
        table = _table("As the ledger grows", "entries", "transfers a second", "against the first", "CPU us a transfer")
        for row in found["growth"]:
            cpu = f"{row['cpu_us']:.0f}"
            table.add_row(f"{row['entries']:,}", _said(row), f"{row['ratio']:.2f} (CPU {row['cpu_ratio']:.2f})", cpu)
        console.print(table)
    table = _table("CPU of one transfer, and what it leaves on disk", "part", "")
    for part, value in (found["transfer_cpu_us"] | found["bytes_per_transfer"]).items():
        table.add_row(part, f"{value:,.0f}")
    console.print(table)
    table = _table("Others, as they publish", "", "", "source")
    for peer in PEERS:
        table.add_row(*peer)
    console.print(table)


def show_risk(found: dict[str, Any], *, title: str) -> None:
    """The part about risk."""
    _show_series(found, title=title)
    table = _table("What risk adds", "", "measured", "wanted")
    added, alone = found["added_p50_ms"], found["read_and_score_ms"]
    table.add_row("ms p50 to a payment alone", _said(added), added["wanted"])
    table.add_row("ms to read and to score, alone", f"p50 {alone['p50']}, p99 {alone['p99']}", alone["wanted"])
    console.print(table)


def show_feed(found: dict[str, Any], *, title: str) -> None:
    """The part about the feed."""
    _show_series(found, title=title)
    table = _table(
        "Feeds as stories grow", "stories", "warm, of a hello", "against the first", "a second", "cold ms", ""
    )
    for row in found["growth"]:
        cold = [
            f"{name.removeprefix('cold_ms_')} {value}" for name, value in row.items() if name.startswith("cold_ms_")
        ]
        ratio = f"{row['ratio']:.2f}"
        table.add_row(f"{row['stories']:,}", _said(row), ratio, f"{row['per_second']:,.0f}", str(row["cold_ms"]), *cold)
    console.print(table)
    table = _table("What else a feed is judged by", "", "")
    for name, value in found["others_p99_ms"].items():
        said = _said(value) + " ms p99" if isinstance(value, dict) else f"{value:,.1f}"
        table.add_row(f"others' payments: {name}", said)
    for name, value in found["visible_ms"].items():
        table.add_row(f"from a payment until a friend sees it: {name}", f"{value:,.1f}" + " ms" * (name != "payments"))
    for name, value in found["redis_bytes_per_user"].items():
        table.add_row(f"Redis, bytes per user who looks: {name}", f"{value:,.0f}")
    console.print(table)


def _show_series(found: dict[str, Any], *, title: str) -> None:
    table = _table(title, "", "rate or p50", "per second", "p50 ms", "p99 ms", "CPU us a request, by process")
    for row in found["series"]:
        cpu = " ".join(f"{kind} {us:.0f}" for kind, us in row["cpu_us_per_request"].items())
        unit = row["unit"].removesuffix(" p50")
        rate = f"{row['per_second']:,.0f}"
        table.add_row(row["name"], f"{_said(row)} {unit}", rate, str(row["p50_ms"]), str(row["p99_ms"]), cpu)
    console.print(table)
    table = _table("Held against each other, round by round", "", "against", "ratio", "wanted")
    for row in found["ratios"]:
        table.add_row(row["mine"], row["other"], _said(row), row["wanted"])
    console.print(table)


def _said(row: dict[str, Any]) -> str:
    return f"{row['median']:,.4g} ({row['least']:,.4g}-{row['most']:,.4g})"


def _table(title: str, *headings: str) -> Table:
    table = Table(title=title)
    for heading in headings:
        table.add_column(heading)
    return table
