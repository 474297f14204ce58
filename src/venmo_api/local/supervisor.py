"""The supervisor: the stack and the application's processes in the foreground, kept alive, stopped in order."""

import os
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from venmo_api.local.errors import LocalStackError, failed
from venmo_api.local.processes import Process, Program
from venmo_api.local.stack import Endpoints, Stack

LOOP_SECONDS = 0.1
CHILD_READY_SECONDS = 60
DEATHS_ALLOWED = 5
DEATHS_WITHIN_SECONDS = 30
FIRST_DELAY_SECONDS = 0.2


@dataclass(frozen=True)
class Child:
    """A process of the application. ``env`` is added to ours; ``ready`` says when it can be used."""

    name: str
    argv: list[str]
    env: dict[str, str]
    log: Path
    ready: Callable[[], bool] | None = None
    stop_seconds: float = 30
    nice: int = 0


def supervise(
    stack: Stack,
    children: Callable[[Endpoints], Sequence[Child]],
    *,
    on_ready: Callable[[Endpoints], None],
    prepare: Callable[[Endpoints], None],
) -> int:
    """Run until SIGINT, SIGTERM or SIGHUP, from the main thread. Returns 0, or 1 after telling what went wrong."""
    crew = _Crew(stack)
    failure: LocalStackError | None = None
    with _stop_signals(stack) as stop:
        try:
            endpoints = stack.start()
            with stop.interrupting():
                prepare(endpoints)
            crew.hire(children(endpoints))
            crew.wait_until_ready(stop)
            if not stop.requested:
                on_ready(endpoints)
            while not stop.requested:
                crew.keep_alive()
                time.sleep(LOOP_SECONDS)
        except LocalStackError as problem:
            failure = problem
        except KeyboardInterrupt:
            stop.requested = True
        finally:
            crew.stop()
            stack.stop()
    if failure is None or stop.requested:
        return 0
    print(failure, file=sys.stderr)
    return 1


class _Stop:
    """Whether a signal asked us to end. A second one changes nothing, so it cannot cut the stopping short."""

    def __init__(self, stack: Stack) -> None:
        self.requested = False
        self._stack = stack
        self._interrupts = False

    def receive(self, _number: int, _frame: FrameType | None) -> None:
        self.requested = True
        self._stack.request_stop()
        if self._interrupts:
            self._interrupts = False
            raise KeyboardInterrupt

    @contextmanager
    def interrupting(self) -> Iterator[None]:
        """Around the caller's own work, which does not look at ``requested``."""
        self._interrupts = True
        try:
            yield
        finally:
            self._interrupts = False


@contextmanager
def _stop_signals(stack: Stack) -> Iterator[_Stop]:
    stop = _Stop(stack)
    before = {}
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # Under nohup a hang-up is ignored, and stays so.
        if number is not signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            before[number] = signal.signal(number, stop.receive)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Patience:
    """How often something may die before we give up, and how long to wait before it is started again."""

    def __init__(self) -> None:
        self._deaths: deque[float] = deque(maxlen=DEATHS_ALLOWED)

    def died(self) -> float | None:
        """Seconds to wait, twice as long each time; None when it died too often."""
        now = time.monotonic()
        self._deaths.append(now)
        recent = sum(now - death < DEATHS_WITHIN_SECONDS for death in self._deaths)
        return None if recent >= DEATHS_ALLOWED else FIRST_DELAY_SECONDS * 2 ** (recent - 1)


class _Member:
    """One child and its process, started again when it ends."""

    def __init__(self, child: Child, records: Path) -> None:
        self._child = child
        self._program = Program(
            name=child.name,
            argv=tuple(child.argv),
            env=os.environ | child.env,
            log=child.log,
            # Read in the order of names, so an application left behind is stopped before its servers.
            record=records / f"app-{child.name}.json",
            stop=((signal.SIGTERM, child.stop_seconds),),
            nice=child.nice,
        )
        self._patience = _Patience()
        self._start_at: float | None = None
        self._process = Process(self._program)

    def keep_alive(self) -> None:
        if self._process.exit_code is None:
            return
        if self._start_at is None:
            delay = self._patience.died()
            if delay is None:
                raise self.failure(f"stopped {DEATHS_ALLOWED} times within {DEATHS_WITHIN_SECONDS} seconds")
            _tell(self._child.name, self._process.exit_code)
            self._start_at = time.monotonic() + delay
        elif time.monotonic() >= self._start_at:
            self._start_at = None
            self._process = Process(self._program)

    def ready(self) -> bool:
        if self._process.exit_code is not None:
            return False
        return self._child.ready is None or self._child.ready()

    def failure(self, what: str) -> LocalStackError:
        log = self._child.log
        return failed(self._child.name, what, log=log, output=self._process.output(), folder=log.parent)

    def stop(self) -> None:
        self._process.stop()


class _Crew:
    """The application's children, and the watch over them and the stack."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._members: list[_Member] = []
        self._patience: dict[str, _Patience] = {}

    def hire(self, children: Sequence[Child]) -> None:
        for child in children:
            child.log.parent.mkdir(parents=True, exist_ok=True)
            self._members.append(_Member(child, self._stack.records))

    def wait_until_ready(self, stop: _Stop) -> None:
        waiting = list(self._members)
        deadline = time.monotonic() + CHILD_READY_SECONDS
        while waiting and not stop.requested:
            self.keep_alive()
            waiting = [member for member in waiting if not member.ready()]
            if waiting and time.monotonic() > deadline:
                raise waiting[0].failure(f"was not ready within {CHILD_READY_SECONDS} seconds")
            if waiting:
                time.sleep(LOOP_SECONDS / 2)

    def keep_alive(self) -> None:
        codes = self._stack.exit_codes()
        for name in self._stack.restart_dead():
            _tell(name, codes.get(name))
            if self._patience.setdefault(name, _Patience()).died() is None:
                what = f"stopped {DEATHS_ALLOWED} times within {DEATHS_WITHIN_SECONDS} seconds"
                raise self._stack.failure(name, what)
        for member in self._members:
            member.keep_alive()

    def stop(self) -> None:
        for member in reversed(self._members):
            member.stop()


def _tell(name: str, exit_code: int | None) -> None:
    print(f"{name} stopped unexpectedly (exit code {exit_code}) and is started again.", file=sys.stderr)
