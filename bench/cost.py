"""Where the CPU goes: microseconds per request, by process, from the kernel's own accounts."""

import os
from dataclasses import dataclass
from pathlib import Path

TICK_US = 1e6 / os.sysconf("SC_CLK_TCK")
KINDS = {
    "postgres": "postgres",
    "valkey-server": "valkey",
    "venmo_api serve": "api",
    "venmo_api worker": "worker",
    "bench.peers": "peer",
    "multiprocessing": "peer",
    "wrk": "load",
}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """CPU microseconds spent so far, by kind of process."""

    spent_us: dict[str, float]

    def since(self, before: "Snapshot", requests: int) -> dict[str, float]:
        """Microseconds per request between two snapshots."""
        kinds = {*self.spent_us, *before.spent_us}
        spent = {kind: self.spent_us.get(kind, 0) - before.spent_us.get(kind, 0) for kind in kinds}
        return {kind: round(us / requests, 1) for kind, us in sorted(spent.items()) if us / requests >= 1}


def served(spent_us: dict[str, float]) -> dict[str, float]:
    """What the service itself spent, its load left out."""
    return {kind: us for kind, us in spent_us.items() if kind not in {"load", "peer"}}


def snapshot() -> Snapshot:
    """Children that have ended are counted with their parents (wrk and old backends among them)."""
    spent: dict[str, float] = {}
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            fields = (process / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        kind = next((name for mark, name in KINDS.items() if mark in command), None)
        if kind is not None:
            spent[kind] = spent.get(kind, 0.0) + (int(fields[11]) + int(fields[12])) * TICK_US
    return Snapshot(spent)
