"""wrk, run and read."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}


class NoWrk(Exception):
    """wrk is not installed."""


@dataclass(frozen=True, slots=True)
class Load:
    """What one run of wrk saw. Latencies in milliseconds."""

    per_second: float
    requests: int
    refused: int
    p50_ms: float
    p99_ms: float


def wrk(url: str, script: str, *args: str, connections: int, seconds: int) -> Load:
    """Load ``url`` from one thread over ``connections`` for ``seconds``. Raises NoWrk."""
    binary = shutil.which("wrk")
    if binary is None:
        raise NoWrk("wrk is needed to make load: apt-get install wrk")
    argv = [binary, "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", str(HERE / script), url, "--", *args]
    return _parsed(subprocess.run(argv, check=True, capture_output=True, text=True).stdout)


def _parsed(output: str) -> Load:
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", output)
    timeouts = re.search(r"timeout (\d+)", output)
    requests = re.search(r"(\d+) requests in", output)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", output)
    assert requests is not None, output
    assert rate is not None, output
    return Load(
        per_second=float(rate[1]),
        requests=int(requests[1]),
        refused=int(refused[1] if refused else 0) + int(timeouts[1] if timeouts else 0),
        p50_ms=_latency(output, "50%"),
        p99_ms=_latency(output, "99%"),
    )


def _latency(output: str, share: str) -> float:
    found = re.search(rf"\s{share}\s+([\d.]+)(us|ms|s|m)", output)
    assert found, output
    return float(found[1]) * UNITS[found[2]]
