"""Child processes: started in a session of their own, recorded on disk, logged to a file, stopped in steps."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from venmo_api.local.account import Account, launch
from venmo_api.local.errors import LocalStackError, unusable_folder

POLL_SECONDS = 0.02
LARGEST_LOG_BYTES = 20_000_000
QUOTED_BYTES = 16_000

StopSteps = tuple[tuple[signal.Signals, float], ...]


@dataclass(frozen=True)
class Program:
    """What to run. ``stop`` lists signals and the seconds to wait after each; SIGKILL follows the last."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    log: Path
    record: Path
    stop: StopSteps
    account: Account | None = None
    nice: int = 0


class Process:
    """One running program. The record on disk lets a later run find it if we are killed."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self._asked = False
        start = launch(program.argv, program.account, death_signal=program.stop[0][0])
        try:
            _rotate(program.log)
            with program.log.open("ab") as log:
                self._log_start = log.tell()
                self._popen = subprocess.Popen(
                    start.argv,
                    env=dict(program.env),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    cwd="/" if program.account else None,
                    user=start.uid,
                    group=start.gid,
                    extra_groups=start.groups,
                    start_new_session=True,
                )
        except (OSError, subprocess.SubprocessError) as problem:
            raise LocalStackError(f"{program.name} could not be started: {problem}.") from problem
        self._write_record()
        if program.nice:
            os.setpriority(os.PRIO_PROCESS, self.pid, program.nice)

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative when a signal ended it."""
        return self._popen.poll()

    def output(self) -> str:
        """The last lines it logged since it started."""
        with self.program.log.open("rb") as log:
            size = log.seek(0, os.SEEK_END)
            log.seek(max(self._log_start, size - QUOTED_BYTES))
            return log.read().decode(errors="replace")

    def ask_to_stop(self) -> None:
        """Send the first of its stop signals, without waiting."""
        if self.exit_code is None and not self._asked:
            self._asked = True
            self._popen.send_signal(self.program.stop[0][0])

    def stop(self) -> None:
        """Return when it is gone."""
        self.ask_to_stop()
        self._wait(self.program.stop[0][1])
        for number, seconds in self.program.stop[1:]:
            if self.exit_code is None:
                self._popen.send_signal(number)
                self._wait(seconds)
        if self.exit_code is None:
            os.killpg(self.pid, signal.SIGKILL)
            self._popen.wait()
        self.program.record.unlink(missing_ok=True)

    def _wait(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while self.exit_code is None and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)

    def _write_record(self) -> None:
        record = {"pid": self.pid, "argv": self.program.argv, "stop": self.program.stop}
        try:
            write_whole(self.program.record, json.dumps(record))
        except OSError as problem:
            self._popen.kill()
            self._popen.wait()
            raise unusable_folder(self.program.record.parent, problem) from problem


def stop_leftovers(records: Path) -> None:
    """Stop what a killed run left behind: only processes whose pid and command line both match their record."""
    for record in sorted(records.glob("*.json")):
        try:
            left = json.loads(record.read_text())
            pid, arguments = int(left["pid"]), " ".join(left["argv"][1:] or left["argv"])
            steps = tuple((signal.Signals(number), float(seconds)) for number, seconds in left["stop"])
        except (ValueError, KeyError, TypeError):
            pid, arguments, steps = 0, "", ()
        if arguments and command_line(pid).endswith(arguments):
            stop_stranger(pid, steps, recognised_by=arguments)
        record.unlink(missing_ok=True)


def stop_stranger(pid: int, steps: StopSteps, *, recognised_by: str) -> None:
    """Stop a process that is not our child, as long as its command line still holds ``recognised_by``."""
    for number, seconds in (*steps, (signal.SIGKILL, 5.0)):
        deadline = time.monotonic() + seconds
        if recognised_by not in command_line(pid):
            return
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return
        except PermissionError as problem:
            raise LocalStackError(
                f"A server of an earlier run (process {pid}) belongs to another user and still runs. "
                "Stop it, or start again as that user."
            ) from problem
        while recognised_by in command_line(pid) and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)


def command_line(pid: int) -> str:
    """The arguments of a process, separated by spaces; empty when there is none, or only its zombie."""
    if Path("/proc/self/cmdline").exists():
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            return ""
    ps = ["ps", "-ww", "-o", "command=", "-p", str(pid)]
    return subprocess.run(ps, check=False, capture_output=True, text=True).stdout.strip()


def write_whole(path: Path, text: str) -> None:
    """Readers see the old content or the new, never a part."""
    beside = path.with_name(f"{path.name}.new")
    beside.write_text(text)
    beside.replace(path)


def _rotate(log: Path) -> None:
    if log.exists() and log.stat().st_size > LARGEST_LOG_BYTES:
        log.replace(log.with_name(f"{log.name}.1"))
