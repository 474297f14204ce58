"""What was measured, as a table for people and as JSON for programs."""

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from demo.checks import FeedReport
from demo.proof import Ran


@dataclass(slots=True)
class Summary:
    """Filled in as the run goes on, so that a run that failed tells how far it came. None: not reached."""

    base_url: str
    seed: int
    run: str
    concurrency: int
    people: int | None = None
    friendships: int | None = None
    topped_up_cents: int | None = None
    payments_planned: int | None = None
    payments_acknowledged: int | None = None
    by_kind: dict[str, int] | None = None
    payments_per_second: float | None = None
    latency_ms: dict[str, float] | None = None
    replays_checked: int | None = None
    own_payments_seen_at_once: int | None = None
    glances_without_leak: int | None = None
    refused_by_code: dict[str, int] | None = None
    in_wallets_cents: int | None = None
    fees_cents: int | None = None
    limits_compared: int | None = None
    requests_compared: int | None = None
    transfers_compared: int | None = None
    feed: FeedReport | None = None
    proof: dict[str, Ran] = field(default_factory=dict)
    wallets_same_after_archiving: bool | None = None
    requests: int | None = None
    requests_resent: dict[str, int] | None = None
    wall_seconds: float | None = None
    failure: str | None = None
    failure_differences: list[str] = field(default_factory=list)


def percentiles(seconds: list[float]) -> dict[str, float]:
    """Milliseconds, by nearest rank."""
    ordered = sorted(seconds)
    ranks = {"p50": 0.50, "p95": 0.95, "p99": 0.99, "max": 1.0}
    return {
        name: round(ordered[max(0, math.ceil(len(ordered) * share) - 1)] * 1000, 2) for name, share in ranks.items()
    }


def write(summary: Summary, file: Path) -> None:
    document: dict[str, Any] = {"ok": summary.failure is None} | _plain(summary)
    file.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def show(console: Console, summary: Summary) -> None:
    table = Table(title="The town, added up", show_header=False, title_justify="left", pad_edge=False)
    for name, value in _lines(summary):
        table.add_row(name, value)
    console.print(table)


def _lines(summary: Summary) -> list[tuple[str, str]]:
    latency, feed, refused = summary.latency_ms, summary.feed, summary.refused_by_code
    assert latency is not None
    assert feed is not None
    assert refused is not None
    assert summary.topped_up_cents is not None
    assert summary.in_wallets_cents is not None
    assert summary.fees_cents is not None
    return [
        ("people, friendships", f"{summary.people:,}, {summary.friendships:,}"),
        ("money changed hands", f"{summary.payments_acknowledged:,} times, {summary.payments_planned:,} planned"),
        ("of which", _counts(summary.by_kind or {})),
        ("payments per second", f"{summary.payments_per_second:,.0f} (over {summary.concurrency} connections)"),
        ("latency, client side", ", ".join(f"{name} {value:,.1f} ms" for name, value in latency.items())),
        ("replays checked", f"{summary.replays_checked:,}, all byte-identical"),
        ("refused, as they must be", _counts(refused)),
        ("payers saw it at once", f"{summary.own_payments_seen_at_once:,} payments sampled"),
        ("glances while all paid", f"{summary.glances_without_leak:,} feeds, nothing leaked"),
        ("transfers compared", f"{summary.transfers_compared:,}, on both sides"),
        ("requests and holds", f"{summary.requests_compared:,} compared, on both sides"),
        ("limits", f"all as acknowledged, {summary.limits_compared:,} people are not verified"),
        (
            "feed stories checked",
            f"{feed.stories:,} in {feed.feeds} feeds of {feed.viewers} people: "
            f"missing {feed.missing}, too much {feed.extra}, leaked {feed.leaked}",
        ),
        (
            "feeds looked at again",
            f"{feed.late}, the last {feed.longest_wait_seconds:.1f} s later" if feed.late else "none",
        ),
        ("peeks by id refused", f"{feed.peeks_refused:,}"),
        (
            "money in the system",
            f"${summary.in_wallets_cents / 100:,.2f} in wallets, ${summary.fees_cents / 100:,.2f} paid as fees, "
            f"${summary.topped_up_cents / 100:,.2f} topped up",
        ),
        *((what, f"passed in {ran.seconds:.1f} s  {ran.said}") for what, ran in summary.proof.items()),
        *(() if summary.proof else (("archive and proof", "not run"),)),
        ("requests", f"{summary.requests:,}, sent again: {_counts(summary.requests_resent or {})}"),
        ("wall time", f"{summary.wall_seconds:.1f} s"),
    ]


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in sorted(counts.items())) or "none"


def _plain(value: Any) -> Any:
    if hasattr(value, "__dataclass_fields__"):
        return {name: _plain(getattr(value, name)) for name in value.__dataclass_fields__}
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    return value
