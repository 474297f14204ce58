"""`venmo-api run`: the embedded stack with the API and the worker on top, in the foreground."""

import asyncio
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from venmo_api import schema, welcome
from venmo_api.adapters.kms import KmsRefused, make_master_key
from venmo_api.adapters.signing import read_or_create
from venmo_api.archive import governance
from venmo_api.local import ports
from venmo_api.local.stack import Endpoints, LocalStackError, Stack, running
from venmo_api.local.supervisor import Child, supervise
from venmo_api.main import adapters, bucket_wanted
from venmo_api.privacy import service as privacy
from venmo_api.settings import Settings

DEFAULT_PORT = 8000
DEFAULT_FOLDER = Path(".local")
# Payments go first: on a laptop the worker shares the API's cores.
WORKER_NICE = 10
# Who loads a laptop does it from one address, and often as one person.
QUOTAS = [f"VENMO_FIGURES__QUOTA_{name}" for name in ("READS", "WRITES", "SIGN_IN", "ANONYMOUS")]
ROOM = 10**9


def run(port: int, folder: Path) -> int:
    """Run until Ctrl-C; the exit code."""
    if not ports.is_free(port):
        print(f"Port {port} is in use. Choose another: make run PORT={port + 1}", file=sys.stderr)
        return 1
    base = f"http://127.0.0.1:{port}"
    stack = Stack(folder)
    return supervise(
        stack,
        lambda endpoints: _children(endpoints, stack.folder, port),
        prepare=partial(_prepare, stack.folder),
        on_ready=lambda _: _greet(base, port, folder),
    )


def within(port: int, folder: Path, command: list[str]) -> int:
    """Run ``command`` against the stack in ``folder`` and its API on ``port``; its exit code."""
    base = f"http://127.0.0.1:{port}"
    if welcome.is_ready(base):
        return subprocess.run(command, check=False).returncode
    argv = [sys.executable, "-m", "venmo_api", "run", "--port", str(port), "--local-dir", str(folder)]
    with subprocess.Popen(argv) as stack:
        try:
            while not welcome.is_ready(base):
                if stack.poll() is not None:
                    return stack.returncode
                time.sleep(0.1)
            return subprocess.run(command, check=False).returncode
        finally:
            stack.terminate()


@contextmanager
def servers(folder: Path) -> Iterator[None]:
    """The servers of the stack in ``folder`` in this process's environment: those that run, or else started for the
    while. Raises LocalStackError."""
    folder = folder.resolve()
    if endpoints := running(folder):
        os.environ.update(_environment(endpoints, folder))
        yield
        return
    if not _key_file(folder).exists():
        raise LocalStackError(f"There is no stack in {folder}. `make run` makes one; LOCAL_DIR says where it is.")
    stack = Stack(folder)
    try:
        os.environ.update(_environment(stack.start(), folder))
        yield
    finally:
        stack.stop()


def _children(endpoints: Endpoints, folder: Path, port: int) -> list[Child]:
    env = _environment(endpoints, folder)
    command = [sys.executable, "-m", "venmo_api"]
    ready = partial(welcome.is_ready, f"http://127.0.0.1:{port}")
    return [
        Child("api", [*command, "serve", "--port", str(port)], env, folder / "logs" / "api.log", ready=ready),
        Child("worker", [*command, "worker"], env, folder / "logs" / "worker.log", nice=WORKER_NICE),
    ]


def _prepare(folder: Path, endpoints: Endpoints) -> None:
    os.environ.update(_environment(endpoints, folder))
    read_or_create(_key_file(folder))
    make_master_key(_master_key_file(folder))
    schema.upgrade(endpoints.database_url)
    asyncio.run(_make_ready())


async def _make_ready() -> None:
    settings = Settings()
    held = adapters(settings)
    try:
        await held.objects.ensure_bucket()
        await governance.apply(held.objects, bucket_wanted(settings))  # the S3 of a laptop forgets it
        await privacy.seal_clear(held, print)
    except KmsRefused as error:
        raise LocalStackError(error.detail) from None
    finally:
        await held.close()


def _greet(base: str, port: int, folder: Path) -> None:
    with suppress(OSError):  # somebody may have made alice and bob their own
        welcome.ensure_people(base)
    told = [f"PORT={port}"] if port != DEFAULT_PORT else []
    told += [f"LOCAL_DIR={shlex.quote(str(folder))}"] if folder.resolve() != DEFAULT_FOLDER.resolve() else []
    print(welcome.text(base, str(folder), "".join(" " + word for word in told)), flush=True)


def _environment(endpoints: Endpoints, folder: Path) -> dict[str, str]:
    quotas = {name: os.environ.get(name, str(ROOM)) for name in QUOTAS}
    return (
        quotas
        | endpoints.environment()
        | {
            "VENMO_SIGNING_KEY_FILE": str(_key_file(folder)),
            "VENMO_MASTER_KEY_FILE": str(_master_key_file(folder)),
        }
    )


def _key_file(folder: Path) -> Path:
    return folder / "signing.pem"


def _master_key_file(folder: Path) -> Path:
    return folder / "master.key"
