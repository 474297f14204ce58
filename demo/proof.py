"""The operator's part: archive what happened, then prove every balance from the archive alone."""

import asyncio
import shlex
import time
from dataclasses import dataclass

from rich.console import Console

from demo.outcome import DoesNotAddUp

SECONDS_MOST = 900


@dataclass(frozen=True, slots=True)
class Ran:
    """A command that ended well: ``said`` is the last line it wrote."""

    command: str
    seconds: float
    said: str


async def run(console: Console, what: str, command: str) -> Ran:
    """Run ``command`` without a shell and show what it writes. Raises DoesNotAddUp unless it exits with 0 in time."""
    console.print(f"[bold]{what}[/]  $ {command}", highlight=False)
    began = time.perf_counter()
    try:
        process = await asyncio.create_subprocess_exec(
            *shlex.split(command), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
    except (OSError, ValueError) as error:
        raise DoesNotAddUp(f"{what} cannot be run: {error}") from None
    try:
        async with asyncio.timeout(SECONDS_MOST):
            said = await _show(console, process)
            exit_code = await process.wait()
    except TimeoutError:
        raise DoesNotAddUp(f"{what} had not ended after {SECONDS_MOST} seconds") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if exit_code != 0:
        raise DoesNotAddUp(f"{what} exited with {exit_code}", [f"it last said: {said}"] if said else [])
    return Ran(command, time.perf_counter() - began, said)


async def _show(console: Console, process: asyncio.subprocess.Process) -> str:
    """Print each line as it comes; the last one that is not empty."""
    assert process.stdout is not None
    last = ""
    while raw := await process.stdout.readline():
        line = raw.decode(errors="replace").rstrip()
        console.print(f"  │ {line}", markup=False, highlight=False)
        last = line or last
    return last
