"""``python -m demo``: build the town, let it live, check that everything adds up, tell what was measured."""

import asyncio
import random
import time
from pathlib import Path
from typing import Annotated

import typer
import uvloop
from rich.console import Console

from demo import checks, people, plan, proof, summary, town
from demo.api import Api, connect
from demo.books import Books
from demo.outcome import Complaints, DoesNotAddUp, NoAnswer
from demo.people import Town
from demo.play import Play
from demo.stage import Stages
from demo.summary import Summary

INTERRUPTED = 130


def main(
    base_url: Annotated[str, typer.Option(help="where the service answers")] = "http://127.0.0.1:8000",
    number_of_people: Annotated[int, typer.Option("--people", min=20)] = 300,
    payments: Annotated[int, typer.Option(min=1)] = 4000,
    seed: Annotated[int, typer.Option(help="the same seed makes the same choices")] = 7,
    concurrency: Annotated[int, typer.Option(min=1, max=64, help="how much is done at once")] = 32,
    archive_command: Annotated[str | None, typer.Option(help="run after the checks; must exit with 0")] = None,
    verify_command: Annotated[str | None, typer.Option(help="run after archiving; must exit with 0")] = None,
    summary_file: Annotated[Path | None, typer.Option("--summary", help="write what was measured as JSON")] = None,
) -> None:
    """A town of people pays each other over HTTP; then every cent, transfer and story is checked.

    Exits with 0 if everything adds up, 1 if not, 2 if the service does not answer, 130 if interrupted.
    """
    console = Console()
    run = f"{random.SystemRandom().getrandbits(32):08x}"
    measured = Summary(base_url=base_url, seed=seed, run=run, concurrency=concurrency)
    imagined = people.imagine(number_of_people, seed=seed, run=run)
    commands = {what: it for what, it in (("archive", archive_command), ("verify", verify_command)) if it}
    exit_code = 0
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_demonstrate(console, measured, imagined, payments, commands))
        summary.show(console, measured)
        console.print("[bold green]Everything adds up.[/]")
    except DoesNotAddUp as wrong:
        exit_code = 1
        measured.failure, measured.failure_differences = wrong.sentence, wrong.differences
        _print_failure(console, wrong)
    except NoAnswer as silence:
        exit_code = 2
        measured.failure = str(silence)
        console.print(f"[bold red]No answer.[/] {silence}", highlight=False)
    except KeyboardInterrupt:
        exit_code = INTERRUPTED
        measured.failure = "interrupted"
        console.print("[yellow]Interrupted. What was acknowledged stays; nothing of the demonstration runs on.[/]")
    if summary_file:
        summary.write(measured, summary_file)
    raise typer.Exit(exit_code)


async def _demonstrate(
    console: Console, measured: Summary, imagined: Town, payments: int, commands: dict[str, str]
) -> None:
    """Fills ``measured`` on the way. Raises DoesNotAddUp or NoAnswer."""
    began = time.perf_counter()
    console.print(f"A town of {len(imagined.people)} at {measured.base_url} (seed {measured.seed}, run {measured.run})")
    stages = Stages(console, at_once=measured.concurrency)
    async with connect(measured.base_url, at_once=measured.concurrency) as api:
        await town.move_in(api, stages, imagined)
        measured.people, measured.friendships = len(imagined.people), len(imagined.friendships)
        measured.topped_up_cents = imagined.topped_up
        books = Books(imagined)
        sample = checks.viewers(imagined, seed=measured.seed)
        await checks.open_feeds(api, stages, sample)
        newest_before = await checks.newest_public(api, imagined)
        await _play(api, stages, books, measured, payments)
        measured.feed = await checks.all_feeds(api, stages, books, sample, newest_before=newest_before)
        await checks.peeks(api, stages, books, sample, measured.feed)
        measured.in_wallets_cents, measured.fees_cents = await checks.wallets(api, stages, books), books.fees
        measured.limits_compared = await checks.limits(api, stages, books)
        measured.requests_compared = await checks.requests(api, stages, books)
        measured.transfers_compared = await checks.transfers(api, stages, books)
        await checks.friends(api, stages, sample)
        for what, command in commands.items():
            measured.proof[what] = await proof.run(console, what, command)
        if commands:
            await checks.wallets(api, stages, books)
            measured.wallets_same_after_archiving = True
        measured.requests, measured.requests_resent = api.requests, dict(api.resent)
    measured.wall_seconds = round(time.perf_counter() - began, 2)


async def _play(api: Api, stages: Stages, books: Books, measured: Summary, payments: int) -> None:
    complaints = Complaints()
    play = Play(api, books, complaints)
    planned = plan.payments(books.town, payments, seed=measured.seed)
    measured.payments_planned = len(planned)
    seconds = await stages.each("people pay each other", planned, play.carry_out)
    measured.payments_acknowledged = len(books.payments)
    measured.by_kind = books.kinds()
    measured.payments_per_second = round(len(books.payments) / seconds, 1)
    measured.latency_ms = summary.percentiles(api.latencies)
    measured.replays_checked, measured.own_payments_seen_at_once = play.judge.replays, play.own_seen
    measured.glances_without_leak = play.glances
    measured.refused_by_code = dict(books.refused)
    complaints.fail("Payments were not answered as they must be")


def _print_failure(console: Console, wrong: DoesNotAddUp) -> None:
    console.print(f"[bold red]It does not add up.[/] {wrong.sentence}", highlight=False)
    for difference in wrong.differences:
        console.print(f"  - {difference}", markup=False, highlight=False)
    if wrong.unnamed:
        console.print(f"  and {wrong.unnamed} more")


if __name__ == "__main__":
    typer.run(main)
