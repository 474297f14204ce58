"""The service as `make run` starts it, in a folder of its own, and the peers beside it on the same database."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from venmo_api.local.ports import free_port
from venmo_api.local.stack import running

READY_SECONDS = 60
# The plain peer gets a process for each core, which suits its payments best; the service has one, as `make run` starts
# it. Reads are a matter of one process against one.
UVICORN = ["uvicorn", "bench.peers.plain:app", "--loop", "uvloop", "--http", "httptools"]
UVICORN += ["--no-access-log", "--log-level", "warning", "--backlog", "2048", "--port"]
PEERS = {
    "plain_one": ("/openapi.json", UVICORN),
    "plain": ("/openapi.json", [UVICORN[0], "--workers", str(os.cpu_count()), *UVICORN[1:]]),
    "hello": ("/livez", ["bench.peers", "hello"]),
    "unscreened": ("/livez", ["bench.peers", "unscreened"]),
}
"""Where each answers once it is ready, and the module that it is, with its arguments up to the port."""


@dataclass(frozen=True, slots=True)
class Bench:
    """Where everything answers."""

    api: str
    plain: str
    plain_one: str
    hello: str
    unscreened: str
    database_url: str
    redis_url: str
    folder: Path


@contextmanager
def started() -> Iterator[Bench]:
    """Everything up; all of it stopped and the folder gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="venmo-bench-", dir="/var/tmp"))  # nosec B108 - a folder of this run
    ports = {name: free_port(avoid=()) for name in ("api", *PEERS)}
    children: list[subprocess.Popen[bytes]] = []
    argv = [sys.executable, "-m", "venmo_api", "run", "--port", str(ports["api"]), "--local-dir", str(folder)]
    try:
        children.append(subprocess.Popen(argv, stdout=subprocess.DEVNULL))
        _wait(f"http://127.0.0.1:{ports['api']}/readyz")
        endpoints = running(folder)
        assert endpoints is not None
        keys = {"VENMO_SIGNING_KEY_FILE": "signing.pem", "VENMO_MASTER_KEY_FILE": "master.key"}
        environment = {name: str(folder / file) for name, file in keys.items()} | endpoints.environment()
        for name, (path, argv) in PEERS.items():
            children.append(_peer(argv, ports[name], environment, folder / "logs" / f"{name}.log"))
            _wait(f"http://127.0.0.1:{ports[name]}{path}")
        addresses = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
        yield Bench(**addresses, database_url=endpoints.database_url, redis_url=endpoints.redis_url, folder=folder)
    finally:
        for child in reversed(children):
            child.terminate()
        for child in reversed(children):
            child.wait(timeout=60)
        shutil.rmtree(folder, ignore_errors=True)


def _peer(argv: list[str], port: int, environment: dict[str, str], log: Path) -> "subprocess.Popen[bytes]":
    with log.open("wb") as output:
        command = [sys.executable, "-m", *argv, str(port)]
        return subprocess.Popen(command, env=os.environ | environment, stdout=output, stderr=output)


def _wait(url: str) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while True:
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:  # nosec B310 - our own service
                json.load(answer)
                return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
