"""Servers of Debian's packages in a folder of the test's own; without the package a test says what to install."""

import asyncio
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.edges.authority import Certificate
from venmo_api.local.ports import free_port

NOBODY = 65534


def program(name: str, *, package: str) -> str:
    """Where it is; skips the test when it is not there."""
    versions = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin") or (versions and str(versions[-1]))
    if not found:
        pytest.skip(f"{name} is not installed: apt-get install {package}")
    return str(found)


@asynccontextmanager
async def running(
    argv: Sequence[str], port: int, *, account: int | None = None, **environment: str
) -> AsyncIterator[int]:
    """The program's process id, once it listens; ended afterwards."""
    process = await asyncio.create_subprocess_exec(
        *argv,
        user=account,
        env=os.environ | environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        await _listening(port, process)
        yield process.pid
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
        await process.communicate()


async def _listening(port: int, process: asyncio.subprocess.Process) -> None:
    for _ in range(200):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            if process.returncode is not None:
                output, _ = await process.communicate()
                raise AssertionError(output.decode()) from None
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return
    raise AssertionError("it does not listen")


@asynccontextmanager
async def own_redis(certificate: Certificate) -> AsyncIterator[int]:
    """The port of a Redis that speaks TLS only."""
    redis, port = program("redis-server", package="redis-server"), free_port(avoid=())
    files = ("--tls-cert-file", str(certificate.cert_file), "--tls-key-file", str(certificate.key_file))
    listens = ("--port", "0", "--tls-port", str(port), "--bind", "127.0.0.1", "--tls-auth-clients", "no", "--save", "")
    async with running((redis, *listens, *files), port):
        yield port


@asynccontextmanager
async def own_postgres(certificate: Certificate) -> AsyncIterator[int]:
    """The port of a Postgres that takes TLS only."""
    initdb, postgres = (program(name, package="postgresql") for name in ("initdb", "postgres"))
    folder, port = Path(tempfile.mkdtemp(prefix="venmo-tls-")), free_port(avoid=())
    account = NOBODY if os.geteuid() == 0 else None
    chosen = {
        "port": str(port),
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "fsync": "off",
        "ssl": "on",
        "ssl_cert_file": str(folder / "server.crt"),
        "ssl_key_file": str(folder / "server.key"),
    }
    options = (part for name, value in chosen.items() for part in ("-c", f"{name}={value}"))
    try:
        await asyncio.to_thread(_make_cluster, folder, initdb, certificate, account)
        async with running((postgres, "-D", str(folder / "data"), *options), port, account=account):
            yield port
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _make_cluster(folder: Path, initdb: str, certificate: Certificate, account: int | None) -> None:
    shutil.copy(certificate.cert_file, folder / "server.crt")
    shutil.copy(certificate.key_file, folder / "server.key")
    for path in (folder, folder / "server.crt", folder / "server.key"):
        if account is not None:
            os.chown(path, account, account)
    (folder / "server.key").chmod(0o600)
    making = (initdb, "-D", str(folder / "data"), "-U", "venmo", "-A", "trust", "-N")
    subprocess.run(making, user=account, cwd="/", check=True, capture_output=True)
    (folder / "data" / "pg_hba.conf").write_text("hostssl all all 127.0.0.1/32 trust\n")
