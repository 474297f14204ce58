"""Postgres: the transaction boundary. ``transact`` commits, ``read`` only reads, ``grouped`` commits many at once."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

from sqlalchemy import CursorResult, Executable, MetaData, TextClause, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.orm import DeclarativeBase

from venmo_api.adapters import trust
from venmo_api.adapters.combined import as_arrays, as_parts
from venmo_api.adapters.lane import Lane, LaneFull
from venmo_api.core.errors import Unavailable
from venmo_api.core.events import Event

APP_ROLE = "venmo_app"
"""What the service runs as: it may insert into append-only tables, never update or delete there."""
ARCHIVIST_ROLE = "venmo_archivist"
"""What the archive moves verified rows out as."""

POOL_WAIT_SECONDS = 1.5
CONNECT_SECONDS = 2.0
# A server that hangs costs a client the command timeout and about two seconds more to be given up: five in all.
STATEMENT_SECONDS = 2.3
LOCK_SECONDS = 2.0
ATTEMPTS = 5
GROUP_MOST = 128
GROUP_WAITING_MOST = 4096

# A deadlock or serialisation failure lost a race; a unique violation in the money path is a stale read of a key
# that another process has just committed. Running again sees the winner's rows.
RETRIED = {"40001", "40P01", "23505"}
READ_ONLY = "25006"
GONE = ("08", "57P", READ_ONLY, "53")
"""SQLSTATEs of a server that is away, failing over or out of room (class 53); 25006 is a writer turned reader."""

CONTENDED = {"40001", "40P01", "55P03", "57014"}
"""Races lost too often, a lock or a statement that took too long."""
TRY_LOCK = text("SELECT pg_try_advisory_lock(:key)")
UNLOCK = text("SELECT pg_advisory_unlock(:key)")
IMPATIENT = text("SET LOCAL lock_timeout = '50ms'")

P = ParamSpec("P")
T = TypeVar("T")
Command = TypeVar("Command")
Outcome = TypeVar("Outcome")


class Contended(Unavailable):
    """Not the database but some rows of it cannot be had for now."""


class Model(DeclarativeBase):
    """Declares every table. Names of constraints are fixed so that migrations can speak of them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class Transaction:
    """One open transaction: statements to run in it, and the events it announces once committed."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self._writes: list[tuple[TextClause, Mapping[str, Any]]] = []
        self._gathering = False
        self.events: list[Event] = []

    async def execute(
        self, statement: Executable, parameters: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None
    ) -> CursorResult[Any]:
        """Send a statement; what ``write`` has gathered goes before it."""
        await self.flush()
        return await self._connection.execute(statement, parameters)

    async def rows(self, statement: TextClause, parameters: Mapping[str, Any]) -> Sequence[Any]:
        """All rows, for taking apart by position. Within ``together``, asked along with the others'."""
        if self._gathering:
            return await _Question(statement, parameters)
        return (await self.execute(statement, parameters)).all()

    async def together(self, *asking: Coroutine[Any, Any, Any]) -> list[Any]:
        """The outcomes of coroutines that each ask this transaction for ``rows`` once, or not at all: one round trip,
        one snapshot for all."""
        outcomes: dict[Coroutine[Any, Any, Any], Any] = {}
        questions: dict[Coroutine[Any, Any, Any], _Question] = {}
        self._gathering = True
        try:
            for one in asking:
                try:
                    questions[one] = one.send(None)
                except StopIteration as done:
                    outcomes[one] = done.value
        finally:
            self._gathering = False
        for one, rows in zip(questions, await self._asked(list(questions.values())), strict=True):
            try:
                one.send(rows)
            except StopIteration as done:
                outcomes[one] = done.value
        return [outcomes[one] for one in asking]

    async def _asked(self, questions: Sequence["_Question"]) -> Sequence[Sequence[Any]]:
        if not questions:
            return []
        statement, names = as_arrays(tuple(question.statement for question in questions))
        values = {name: questions[number].parameters[own] for name, (number, own) in names.items()}
        return (await self.execute(statement, values)).one()

    async def write(self, statement: TextClause, parameters: Mapping[str, Any]) -> None:
        """Gather a write that answers nothing. All that are gathered go as one statement, before the next that is
        sent or the commit: one round trip, one snapshot, one proof of the ledger. So they must be of different rows;
        the same statement twice goes in turn."""
        if any(gathered is statement for gathered, _ in self._writes):
            await self.flush()
        self._writes.append((statement, parameters))

    async def flush(self) -> None:
        """Send what was gathered."""
        if not self._writes:
            return
        writes, self._writes = self._writes, []
        statement, names = as_parts(tuple(statement for statement, _ in writes))
        values = {name: writes[number][1][own] for name, (number, own) in names.items()}
        await self._connection.execute(statement, values)


class _Question:
    """What a coroutine asks of ``together``, which sends the rows in."""

    def __init__(self, statement: TextClause, parameters: Mapping[str, Any]) -> None:
        self.statement = statement
        self.parameters = parameters

    def __await__(self) -> Generator["_Question", Sequence[Any], Sequence[Any]]:
        return (yield self)


OnCommit = Callable[[Sequence[Event]], Awaitable[None]]
Work = Callable[Concatenate[Transaction, P], Awaitable[T]]


async def _ignore(events: Sequence[Event]) -> None:
    """No one listens."""


class Database:
    """The engine of one endpoint.

    ``on_commit`` is awaited with the events of each transaction that committed and had any. It must not raise and
    must bound its own time: the money is already moved.
    """

    def __init__(
        self,
        url: str,
        *,
        pool_size: int,
        role: str | None = APP_ROLE,
        on_commit: OnCommit = _ignore,
        ca_file: Path | None = None,
    ):
        """``ca_file``: talk TLS only, to a server that it proves to be the one of the URL."""
        settings = {
            "application_name": "venmo-api",
            "statement_timeout": str(int(STATEMENT_SECONDS * 1000)),
            "lock_timeout": str(int(LOCK_SECONDS * 1000)),
            "idle_in_transaction_session_timeout": "10000",
            "jit": "off",
        }
        if role:
            settings["role"] = role
        self.engine = create_async_engine(
            url,
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=POOL_WAIT_SECONDS,
            connect_args={
                "timeout": CONNECT_SECONDS,
                "command_timeout": STATEMENT_SECONDS + 0.5,
                "server_settings": settings,
            }
            | secured(ca_file),
        )
        self._reader = self.engine.execution_options(postgresql_readonly=True)
        self.on_commit = on_commit

    async def transact(self, work: Work[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run ``work`` in one transaction and commit it before returning.

        Lost races and connections that broke before the commit was sent are tried again, a bounded number of times.
        Raises Unavailable when the database cannot be reached or the commit's answer was lost (the caller retries
        under its idempotency key), and whatever ``work`` raises, after rolling back.
        """
        for attempt in range(1, ATTEMPTS + 1):
            committing = False
            try:
                async with self.engine.connect() as connection:
                    tx = Transaction(connection)
                    outcome = await work(tx, *args, **kwargs)
                    await tx.flush()
                    committing = True
                    await connection.commit()
                break
            except (DBAPIError, PoolTimeout, OSError, TimeoutError) as error:
                if attempt < ATTEMPTS and not committing and _worth_retrying(error, attempt):
                    await asyncio.sleep(random.uniform(0, 0.01) * attempt)  # noqa: S311 - jitter, not a secret
                    continue
                raise _translated(error) from error
        if tx.events:
            await self.on_commit(tx.events)
        return outcome

    async def rehearse(self, work: Work[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """What ``transact`` would return; everything ``work`` did is rolled back, and nobody is told."""

        async def rolled_back(tx: Transaction) -> T:
            outcome = await work(tx, *args, **kwargs)
            await tx.flush()
            raise _Rehearsed(outcome)

        try:
            return await self.transact(rolled_back)
        except _Rehearsed as done:
            outcome: T = done.outcome
            return outcome

    async def read(self, work: Work[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run ``work`` in a read-only transaction: a write fails. Raises Unavailable."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                async with self._reader.connect() as connection:
                    tx = Transaction(connection)
                    outcome = await work(tx, *args, **kwargs)
                    await tx.flush()  # a write that was only gathered must fail too
                    return outcome
            except (DBAPIError, PoolTimeout, OSError, TimeoutError) as error:
                if attempt < ATTEMPTS and _worth_retrying(error, attempt):
                    continue
                if _sqlstate(error) == READ_ONLY:
                    raise  # the work wrote: a defect, not a failover
                raise _translated(error) from error
        raise AssertionError("unreachable: the last attempt returns or raises")

    @asynccontextmanager
    async def alone(self, key: int) -> AsyncIterator[bool]:
        """Be the only one, of all processes, who holds the lock ``key``; False: somebody else does. It needs no open
        transaction, takes one connection, and is free when that is gone: with the process, or with the server, after
        which somebody else may hold it too. Raises Unavailable."""
        try:
            async with self.engine.connect() as connection:
                session = await connection.execution_options(isolation_level="AUTOCOMMIT")
                ours = bool((await session.execute(TRY_LOCK, {"key": key})).scalar_one())
                try:
                    yield ours
                finally:
                    if ours:
                        with suppress(DBAPIError, OSError, TimeoutError):
                            await session.execute(UNLOCK, {"key": key})
        except (DBAPIError, PoolTimeout, OSError, TimeoutError) as error:
            raise _translated(error) from error

    def grouped(
        self, work: Callable[[Transaction, Sequence[Command]], Awaitable[Sequence[Outcome]]]
    ) -> "Group[Command, Outcome]":
        """Group commit: commands that arrive while a batch commits form the next batch. A lone one never waits."""
        return Group(self, work)

    async def close(self) -> None:
        await self.engine.dispose()


def secured(ca_file: Path | None) -> dict[str, Any]:
    """What asyncpg is told of TLS: nothing, or to insist."""
    return {"ssl": trust.verifying(ca_file)} if ca_file else {}


class _Rehearsed(Exception):
    """Carries an outcome out of a transaction that must not commit."""

    def __init__(self, outcome: Any) -> None:
        self.outcome = outcome


class Group(Generic[Command, Outcome]):
    """Runs commands through one set-based ``work``, one transaction for all that are waiting.

    Each command gets its own outcome. When a batch fails for a reason that is not the database being away, its
    commands run again one by one, so that only those to blame fail.
    """

    def __init__(
        self, database: Database, work: Callable[[Transaction, Sequence[Command]], Awaitable[Sequence[Outcome]]]
    ) -> None:
        self._database = database
        self._work = work
        self._lane: Lane[Command, Outcome] = Lane(self._run, most=GROUP_MOST, waiting_most=GROUP_WAITING_MOST)

    async def __call__(self, command: Command) -> Outcome:
        """The command's outcome, committed. Raises Unavailable, and what ``work`` raises for this command."""
        try:
            return await self._lane(command)
        except LaneFull:
            raise Unavailable("Too many payments are waiting; retry with the same Idempotency-Key.") from None

    async def _run(self, commands: Sequence[Command]) -> Sequence[Outcome | BaseException]:
        try:
            return await self._database.transact(self._together, commands)
        except Exception as error:
            if isinstance(error, Unavailable) and not isinstance(error, Contended):
                raise
            if len(commands) == 1:
                return [error]
        return [await self._alone(command) for command in commands]

    async def _together(self, tx: Transaction, commands: Sequence[Command]) -> Sequence[Outcome]:
        outcomes = await self._work(tx, commands)
        self._lane.answer()  # what is left is to wait for the writes and the commit
        return outcomes

    async def _alone(self, command: Command) -> Outcome | BaseException:
        try:
            return (await self._database.transact(self._impatient, [command]))[0]
        except Exception as error:
            return error

    async def _impatient(self, tx: Transaction, commands: Sequence[Command]) -> Sequence[Outcome]:
        """The work with hardly any wait for locks: those who need a locked account must not hold up the rest twice."""
        await tx.execute(IMPATIENT)
        return await self._work(tx, commands)


def _sqlstate(error: BaseException) -> str:
    driver = getattr(error, "driver_exception", None) or getattr(error, "orig", None)
    return str(getattr(driver, "sqlstate", "") or "")


def _away(error: BaseException) -> bool:
    if isinstance(error, (PoolTimeout, OSError, TimeoutError)):
        return True
    if isinstance(error, DBAPIError) and (error.connection_invalidated or _sqlstate(error).startswith(GONE)):
        return True
    return isinstance(error, (OperationalError, InterfaceError)) and not _sqlstate(error)


def _worth_retrying(error: BaseException, attempt: int) -> bool:
    # A pooled connection that died while idle is found on use: the first retry opens a fresh one.
    stale = isinstance(error, DBAPIError) and error.connection_invalidated and attempt <= 2
    return stale or _sqlstate(error) in RETRIED


def _translated(error: BaseException) -> BaseException:
    if _sqlstate(error) in CONTENDED:
        return Contended("Somebody holds what this needs for too long; retry with the same Idempotency-Key.")
    if _away(error):
        return Unavailable("The ledger cannot be reached right now; nothing you sent is lost if you retry.")
    return error
