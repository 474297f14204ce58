"""The stack: one folder, its three servers, and where they answer."""

import fcntl
import os
import shutil
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from venmo_api.local import ports
from venmo_api.local.errors import LocalStackError, disk_full, failed, unusable_folder
from venmo_api.local.postgres import Postgres
from venmo_api.local.processes import POLL_SECONDS, Process, stop_leftovers
from venmo_api.local.s3 import S3
from venmo_api.local.server import Server
from venmo_api.local.valkey import Valkey

__all__ = ["Endpoints", "LocalStackError", "Stack", "running"]

LEAST_FREE_BYTES = 200_000_000
# Long enough for Postgres to replay all of max_wal_size on a slow disk.
READY_SECONDS = 180
PORT_ATTEMPTS = 3


@dataclass(frozen=True)
class Endpoints:
    """Where the servers answer, on this machine only."""

    database_url: str
    redis_url: str
    s3_endpoint_url: str

    def environment(self) -> dict[str, str]:
        """What a program needs in its environment to use them."""
        return {
            "VENMO_DATABASE_URL": self.database_url,
            "VENMO_REDIS_URL": self.redis_url,
            "VENMO_S3_ENDPOINT_URL": self.s3_endpoint_url,
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_DEFAULT_REGION": "us-east-1",
        }


def _endpoints(chosen: Mapping[str, int]) -> Endpoints:
    return Endpoints(
        database_url=f"postgresql+asyncpg://venmo@127.0.0.1:{chosen['postgres']}/venmo",
        redis_url=f"redis://127.0.0.1:{chosen['valkey']}/0",
        s3_endpoint_url=f"http://127.0.0.1:{chosen['s3']}",
    )


def running(folder: Path) -> Endpoints | None:
    """Where the stack in ``folder`` answers, when another process runs it now."""
    try:
        with (folder / "lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _endpoints(ports.remembered(folder / "ports.json"))
    except FileNotFoundError:
        pass
    return None


class Stack:
    """Postgres, Valkey and S3 with all they know in one folder, which survives any kill.

    Call it from the main thread where you can: only then do the servers end at once when this process is killed
    (elsewhere the next start stops them).
    """

    def __init__(
        self,
        folder: Path,
        *,
        throwaway: bool = False,
        durable: bool = True,
        least_free_bytes: int = LEAST_FREE_BYTES,
    ) -> None:
        """``throwaway`` takes less memory; ``durable=False`` gives up what was written last when the machine dies."""
        self.folder = folder.expanduser().resolve()
        self._least_free_bytes = least_free_bytes
        postgres = Postgres(self.folder, shared_buffers_mb=64 if throwaway else 256, durable=durable)
        # Started in this order and stopped in reverse: S3 takes longest to answer, Postgres may have to be created.
        self._servers: dict[str, Server] = {
            server.name: server for server in (S3(self.folder), Valkey(self.folder), postgres)
        }
        self._processes: dict[str, Process] = {}
        self._ports: dict[str, int] = {}
        self._lock: IO[str] | None = None
        self._stop_requested = False

    @property
    def endpoints(self) -> Endpoints:
        return _endpoints(self._ports)

    @property
    def records(self) -> Path:
        """Where running programs are recorded, so that the next start finds what a killed one left."""
        return self.folder / "run"

    def start(self) -> Endpoints:
        """Returns when all three answer. Raises LocalStackError, with nothing left running."""
        if self._processes:
            return self.endpoints
        try:
            self._prepare_folder()
            stop_leftovers(self.records)
            self._ports = ports.choose(self.folder / "ports.json", self._servers)
            self._spawn(self._servers)
            self._wait_until_ready(self._servers, may_move=True)
        except OSError as problem:
            self.stop()
            raise unusable_folder(self.folder, problem) from problem
        except BaseException:
            self.stop()
            raise
        return self.endpoints

    def stop(self) -> None:
        """Returns when all are gone. Does nothing when none runs."""
        running = list(reversed(self._processes.values()))
        for process in running:
            process.ask_to_stop()
        for process in running:
            process.stop()
        self._processes = {}
        if self._lock:
            self._lock.close()
            self._lock = None
        self._stop_requested = False

    def request_stop(self) -> None:
        """Make a start or restart that is under way give up; safe to call from a signal handler."""
        self._stop_requested = True

    def restart_dead(self) -> list[str]:
        """Start again the servers that died, at the same ports; returns their names once they answer."""
        dead = [name for name, process in self._processes.items() if process.exit_code is not None]
        self._spawn(dead)
        self._wait_until_ready(dead, may_move=False)
        return dead

    def pids(self) -> dict[str, int]:
        return {name: process.pid for name, process in self._processes.items()}

    def exit_codes(self) -> dict[str, int | None]:
        """None for a server that runs."""
        return {name: process.exit_code for name, process in self._processes.items()}

    def failure(self, name: str, what: str) -> LocalStackError:
        """The sentence for a server that went wrong, quoting its log."""
        process = self._processes[name]
        return failed(name, what, log=process.program.log, output=process.output(), folder=self.folder)

    def _prepare_folder(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._take_lock()
        (self.folder / ".gitignore").write_text("*\n")
        for name in ("logs", "run"):
            (self.folder / name).mkdir(mode=0o700, exist_ok=True)
        if shutil.disk_usage(self.folder).free < self._least_free_bytes:
            raise disk_full(self.folder)

    def _take_lock(self) -> None:
        lock = (self.folder / "lock").open("a+")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            lock.close()
            raise LocalStackError(
                f"The local stack in {self.folder} is already running (process {holder}). "
                "Use that one, stop it first, or set LOCAL_DIR to another folder."
            ) from None
        self._lock = lock
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()

    def _spawn(self, names: Iterable[str]) -> None:
        for name in names:
            server = self._servers[name]
            server.prepare()
            self._processes[name] = Process(server.program(self._ports[name]))

    def _wait_until_ready(self, names: Iterable[str], *, may_move: bool) -> None:
        waiting = set(names)
        deadline = time.monotonic() + READY_SECONDS
        moves_left = PORT_ATTEMPTS if may_move else 0
        while waiting:
            for name in sorted(waiting):
                process = self._processes[name]
                if process.exit_code is not None:
                    moves_left -= self._try_again(name, may_move=moves_left > 0)
                elif self._servers[name].ready(self._ports[name], process.pid):
                    waiting.discard(name)
                elif time.monotonic() > deadline:
                    raise self.failure(name, f"did not answer within {READY_SECONDS} seconds")
            if self._stop_requested:
                raise LocalStackError("The local stack was stopped before it was ready.")
            if waiting:
                time.sleep(POLL_SECONDS)

    def _try_again(self, name: str, *, may_move: bool) -> bool:
        """Start once more a server whose reason to fail may be gone; returns whether it moved to another port."""
        output = self._processes[name].output()
        moves = may_move and "already in use" in output
        if moves:
            self._ports[name] = ports.free_port(avoid=set(self._ports.values()))
            ports.remember(self.folder / "ports.json", self._ports)
        elif not self._servers[name].may_pass(output):
            raise self.failure(name, f"stopped at its start (exit code {self._processes[name].exit_code})")
        self._spawn([name])
        return moves
