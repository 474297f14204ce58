"""The files of a Postgres database: made beside their place and renamed, so that they are whole or absent."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from venmo_api.local.account import Account, launch
from venmo_api.local.errors import LocalStackError, failed
from venmo_api.local.processes import POLL_SECONDS
from venmo_api.local.server import plain_environment

SUPERUSER = "venmo"
DATABASE = "venmo"
INIT_OPTIONS = (
    f"--username={SUPERUSER}",
    "--auth=trust",
    "--encoding=UTF8",
    "--data-checksums",
    # The built-in collation sorts the same on every system, whatever C library it has.
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
)
REMOVE_SECONDS = 5
UNKNOWN_LOCALE = "invalid locale"


def is_complete(data: Path) -> bool:
    """Raises LocalStackError for a folder that is neither a database nor empty: it may be somebody's data."""
    if not data.exists():
        return False
    if (data / "PG_VERSION").is_file() and (data / "global" / "pg_control").is_file():
        return True
    if any(data.iterdir()):
        raise LocalStackError(
            f"The folder {data} is not a complete Postgres database, and nothing in it was touched. "
            "Move it away to start with an empty database, or put back what is missing from a backup."
        )
    return False


def require_version(data: Path, *, binary: Path) -> None:
    answer = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True).stdout
    ours = answer.split()[-1].partition(".")[0]
    theirs = (data / "PG_VERSION").read_text().strip()
    if ours != theirs:
        raise LocalStackError(
            f"The data in {data} was written by Postgres {theirs}, and this is Postgres {ours}; nothing was touched. "
            f"Move that folder away to start with an empty database, or install the version of venmo-api "
            f"that brings Postgres {theirs}."
        )


def create(data: Path, binaries: Path, *, account: Account | None, log: Path, durable: bool) -> None:
    beside = data.with_name(f"{data.name}.new")
    for locale in ("C.UTF-8", "C"):
        _remove(beside)
        beside.mkdir(mode=0o700)
        if account:
            os.chown(beside, account.uid, account.gid)
        options = [*INIT_OPTIONS, f"--locale={locale}", *([] if durable else ["--no-sync"])]
        output, succeeded = _run([str(binaries / "initdb"), "-D", str(beside), *options], account)
        if succeeded or UNKNOWN_LOCALE not in output:
            break
    if succeeded:
        single = [str(binaries / "postgres"), "--single", "-D", str(beside), "postgres"]
        output, succeeded = _run(single, account, statement=f"CREATE DATABASE {DATABASE}\n")
    if not succeeded:
        with log.open("a") as file:
            file.write(output)
        raise failed("Postgres", "could not create its database", log=log, output=output, folder=data.parent)
    if data.exists():
        data.rmdir()
    beside.rename(data)
    _flush(data.parent)


def _remove(half_made: Path) -> None:
    """An initdb whose parent was killed may leave a process that writes here until it sees the end of its input."""
    deadline = time.monotonic() + REMOVE_SECONDS
    while half_made.exists():
        shutil.rmtree(half_made, ignore_errors=time.monotonic() < deadline)
        time.sleep(POLL_SECONDS)


def _run(argv: list[str], account: Account | None, *, statement: str = "") -> tuple[str, bool]:
    start = launch(argv, account, death_signal=signal.SIGKILL)
    done = subprocess.run(
        start.argv,
        check=False,
        user=start.uid,
        group=start.gid,
        extra_groups=start.groups,
        input=statement,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd="/",
        env=plain_environment(),
        start_new_session=True,
    )
    # In single-user mode a failed statement shows in the output only.
    return done.stdout, done.returncode == 0 and "ERROR:" not in done.stdout and "FATAL:" not in done.stdout


def _flush(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
