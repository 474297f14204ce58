"""The one error of the embedded stack: a sentence a newcomer can act on."""

import errno
from pathlib import Path

QUOTED_LINES = 8


class LocalStackError(Exception):
    """Its ``str`` is the sentence a newcomer reads."""


def unusable_folder(folder: Path, problem: OSError) -> LocalStackError:
    if problem.errno == errno.ENOSPC:
        return disk_full(folder)
    return LocalStackError(
        f"The folder {folder} cannot be used ({problem.strerror or problem}). "
        "Run as the user who owns it, or set LOCAL_DIR to a folder you can write to."
    )


def disk_full(folder: Path) -> LocalStackError:
    return LocalStackError(
        f"The disk that holds {folder} is full. Free at least 200 MB, or set LOCAL_DIR to a folder on another disk."
    )


def failed(name: str, what: str, *, log: Path, output: str, folder: Path) -> LocalStackError:
    """The sentence for a program that went wrong, with the last lines of its log."""
    if "No space left on device" in output or "Check free disk space" in output:
        return disk_full(folder)
    lines = output.strip().splitlines()[-QUOTED_LINES:]
    quoted = "\n".join(f"    {line[:300]}" for line in lines) or "    (nothing)"
    return LocalStackError(f"{name} {what}. Its log is {log}; the last lines are:\n{quoted}")
