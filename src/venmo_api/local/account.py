"""Which user a program runs as, and how it is tied to the life of its parent."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from venmo_api.local.errors import LocalStackError

FALLBACK_UID = 65534


@dataclass(frozen=True)
class Account:
    """The user a program is demoted to; ``override`` lets it pass folders that only root may enter."""

    uid: int
    gid: int
    override: bool = False


@dataclass(frozen=True)
class Launch:
    """What ``subprocess`` is told so that ``argv`` runs as an account."""

    argv: list[str]
    uid: int | None = None
    gid: int | None = None
    groups: list[int] | None = None


def launch(argv: Sequence[str], account: Account | None, *, death_signal: signal.Signals | None = None) -> Launch:
    """``death_signal`` reaches the program when its parent dies, where the system can do that (Linux)."""
    options = [*_tether(death_signal), *_override(account)]
    command = [_setpriv() or "setpriv", *options, "--", *argv] if options else list(argv)
    if account is None or account.override:
        return Launch(command)
    return Launch(command, account.uid, account.gid, [])


def account_for(data: Path, *, binary: Path) -> Account | None:
    """The user Postgres runs as: us, or when we are root the owner of its data, ``nobody`` the first time."""
    if os.geteuid() != 0:
        return None
    uid, gid = _owner(data)
    for override in (False, True):
        account = Account(uid, gid, override)
        if (not override or _setpriv()) and _reaches(account, folder=data.parent, binary=binary):
            return account
    raise LocalStackError(
        f"Postgres does not run as root, and the user it is given instead (uid {uid}) cannot reach {data.parent} "
        f"and {binary}. Set LOCAL_DIR to a folder every user can enter, such as /var/tmp/venmo, or run as another user."
    )


def _owner(data: Path) -> tuple[int, int]:
    if data.exists() and data.stat().st_uid != 0:
        return data.stat().st_uid, data.stat().st_gid
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        return FALLBACK_UID, FALLBACK_UID
    return nobody.pw_uid, nobody.pw_gid


def _reaches(account: Account, *, folder: Path, binary: Path) -> bool:
    start = launch(["sh", "-c", 'test -x "$1" && "$2" --version', "sh", str(folder), str(binary)], account)
    try:
        probe = subprocess.run(
            start.argv,
            check=False,
            user=start.uid,
            group=start.gid,
            extra_groups=start.groups,
            cwd="/",
            capture_output=True,
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return probe.returncode == 0


def _tether(death_signal: signal.Signals | None) -> list[str]:
    # The kernel watches the thread that started the child, so a thread that ends early would end the child too.
    if death_signal is None or threading.current_thread() is not threading.main_thread() or not _setpriv():
        return []
    return ["--pdeathsig", death_signal.name.removeprefix("SIG")]


def _override(account: Account | None) -> list[str]:
    if account is None or not account.override:
        return []
    # Without no_setuid_fixup the kernel ignores the capability in access(2), by which Postgres checks its own binaries.
    return [
        f"--reuid={account.uid}",
        f"--regid={account.gid}",
        "--clear-groups",
        "--securebits=+no_setuid_fixup",
        "--inh-caps=+dac_override",
        "--ambient-caps=+dac_override",
    ]


@cache
def _setpriv() -> str | None:
    path = shutil.which("setpriv") if sys.platform == "linux" else None
    if path is None:
        return None
    # Busybox has a setpriv too, without the options we need.
    options = subprocess.run([path, "--help"], check=False, capture_output=True, text=True).stdout
    return path if "--pdeathsig" in options and "--ambient-caps" in options else None
