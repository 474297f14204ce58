"""A running service to hurt: its servers, its API and its worker as child processes."""

import asyncio
import inspect
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import asyncpg
import httpx2

from venmo_api.local.ports import free_port
from venmo_api.local.stack import Stack

COMMAND = Path(sys.executable).with_name("venmo-api")
START_SECONDS = 60
LONG = os.environ.get("VENMO_FAULTS") == "long"
"""Many faults at random moments, and the figures of what is promised; else one fault each, on a machine that may be
busy with other tests."""


def figure(seconds: float) -> float:
    """How long something promised within ``seconds`` may take here."""
    return seconds if LONG else 4 * seconds


class Town:
    """Only what this object started is ever signalled, by process id."""

    def __init__(self, folder: Path, stack: Stack) -> None:
        self.stack = stack
        self._folder = folder
        self._ports = {"api": free_port(avoid=set())}
        self._ports["small"] = free_port(avoid={self._ports["api"]})
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        outside = {name: value for name, value in os.environ.items() if not name.startswith("VENMO_")}
        key_files = {
            "VENMO_SIGNING_KEY_FILE": str(folder / "signing-key.pem"),
            "VENMO_MASTER_KEY_FILE": str(folder / "master.key"),
        }
        self._environment = outside | stack.endpoints.environment() | key_files

    @property
    def url(self) -> str:
        return self.url_of("api")

    def url_of(self, name: str) -> str:
        return f"http://127.0.0.1:{self._ports[name]}"

    @property
    def database_url(self) -> str:
        return self.stack.endpoints.database_url.replace("+asyncpg", "")

    def prepare(self) -> None:
        """A schema, a bucket and a signing key."""
        for words in (["new-signing-key", self._environment["VENMO_SIGNING_KEY_FILE"]], ["migrate"]):
            subprocess.run([COMMAND, *words], env=self._environment, check=True, capture_output=True, timeout=60)

    def start(self, name: str, **settings: str) -> None:
        """Start the API (or another, ``small``) or the worker."""
        words = ["serve", "--port", str(self._ports[name])] if name in self._ports else [name]
        with (self._folder / f"{name}.log").open("ab") as log:
            self._children[name] = subprocess.Popen(
                [COMMAND, *words], env=self._environment | settings, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )

    def signal(self, name: str, number: signal.Signals) -> None:
        self._children[name].send_signal(number)

    async def ended(self, name: str, *, seconds: float) -> int:
        """The exit code of a child; fails when it does not end in time."""
        return await asyncio.to_thread(self._children[name].wait, seconds)

    async def ready(self, name: str = "api") -> None:
        async with httpx2.AsyncClient() as client, asyncio.timeout(START_SECONDS):
            while True:
                with suppress(httpx2.TransportError):
                    if (await client.get(self.url_of(name) + "/readyz")).status_code == 200:
                        return
                await asyncio.sleep(0.05)

    async def kill_postgres(self) -> None:
        os.kill(self.stack.pids()["postgres"], signal.SIGKILL)
        await until(lambda: self.stack.exit_codes()["postgres"] is not None, seconds=5)

    async def kill_valkey(self) -> None:
        os.kill(self.stack.pids()["valkey"], signal.SIGKILL)
        await until(lambda: self.stack.exit_codes()["valkey"] is not None, seconds=5)

    @contextmanager
    def frozen_valkey(self) -> Iterator[None]:
        """Within, the server is stopped: it accepts connections and answers nothing."""
        server = self.stack.pids()["valkey"]
        os.kill(server, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(server, signal.SIGCONT)

    @contextmanager
    def frozen_postgres(self) -> Iterator[None]:
        """Within, every process of the server is stopped: it accepts connections and answers nothing."""
        server = self.stack.pids()["postgres"]
        stopped = [server]
        os.kill(server, signal.SIGSTOP)  # first, so that it makes no more children
        try:
            for child in _children_of(server):
                os.kill(child, signal.SIGSTOP)
                stopped.append(child)
            yield
        finally:
            for pid in stopped:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    def verify(self) -> str:
        """What `venmo-api verify` has to say when it is not content; empty when it is."""
        ended = subprocess.run(
            [COMMAND, "verify"], env=self._environment, check=False, capture_output=True, text=True, timeout=120
        )
        return "" if ended.returncode == 0 else ended.stdout + ended.stderr

    async def ask(self, query: str, *values: Any) -> Any:
        """One value, asked of the database directly."""
        connection = await asyncpg.connect(self.database_url, timeout=5)
        try:
            return await connection.fetchval(query, *values)
        finally:
            await connection.close()

    def stop(self) -> None:
        for child in self._children.values():
            child.kill()
            child.wait()
        self.stack.stop()


@asynccontextmanager
async def inhabited(folder: Path) -> AsyncIterator[Town]:
    """A town with its API and its worker."""
    stack = Stack(folder, throwaway=True, durable=True)
    stack.start()
    made = Town(folder, stack)
    try:
        made.prepare()
        made.start("api")
        made.start("worker")
        await made.ready()
        yield made
    finally:
        made.stop()


def _children_of(pid: int) -> list[int]:
    listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], check=True, capture_output=True, text=True).stdout
    pairs = (line.split() for line in listed.splitlines())
    return [int(child) for child, parent in pairs if parent == str(pid)]


async def until(condition: Callable[[], Any], *, seconds: float) -> None:
    """Returns as soon as ``condition`` holds (it may be awaitable); fails when that takes longer."""
    async with asyncio.timeout(seconds):
        while True:
            held = condition()
            if await held if inspect.isawaitable(held) else held:
                return
            await asyncio.sleep(0.01)
