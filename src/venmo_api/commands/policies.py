"""``venmo-api risk replay|shadow``: what was decided of payments, taken again and tried otherwise."""

from datetime import timedelta
from typing import Annotated

import typer

from venmo_api.adapters.bundle import Adapters
from venmo_api.commands.context import OptionalLocalDir, configured, fail, servers, with_adapters
from venmo_api.core.money import dollars
from venmo_api.risk import decisions, jobs, shadows
from venmo_api.risk.shadows import Report

TOLD_MOST = 10
shadow = typer.Typer(no_args_is_help=True, help="Candidates of the policy: they decide nothing, and are reported on.")
Days = Annotated[int, typer.Option(min=0, max=3650, help="how far back")]
Name = Annotated[str, typer.Argument(help="lower-case letters, digits, hyphens")]


def replay(days: Days = 30, local_dir: OptionalLocalDir = None) -> None:
    """Take every decision of the last days again, from the log alone; exit code 1 if one comes out otherwise."""

    async def run(held: Adapters) -> tuple[int, list[str]]:
        taken, different = 0, []
        async for stretch in decisions.replay(held, decisions.first_id(held.wall_clock.now() - timedelta(days=days))):
            taken += stretch.decisions
            different += [str(one) for one in stretch.different]
            typer.echo(f"{taken:,} decisions taken again", err=True)
        return taken, different

    with servers(local_dir):
        taken, different = with_adapters(configured(), run)
    typer.echo(f"{taken:,} decisions, {len(different):,} differences")
    for one in different[:TOLD_MOST]:
        typer.echo(f"differs: {one}")
    raise typer.Exit(1 if different else 0)


@shadow.command("add")
def add(
    name: Name,
    figures: Annotated[list[str], typer.Argument(help="what differs: velocity_hour_count=10 score_review=0.9")],
    days: Days = 7,
    local_dir: OptionalLocalDir = None,
) -> None:
    """Make a candidate: the policy in force with other figures. It is run over the last days, and what follows."""
    changed = _figures(figures)

    async def run(held: Adapters) -> str:
        made = await held.database.transact(shadows.add, held, name, changed, back=timedelta(days=days))
        await jobs.follow_shadows(held)
        return made.policy.version

    with servers(local_dir):
        version = with_adapters(configured(), run)
    typer.echo(f"{name} is policy {version}; `venmo-api risk shadow report {name}` tells what it would change")


@shadow.command("report")
def report(name: Name, local_dir: OptionalLocalDir = None) -> None:
    """What a candidate would have changed: how many, how much, for which reasons, and whether labels speak for it."""
    with servers(local_dir):
        found = with_adapters(configured(), lambda held: held.database.read(shadows.report, name))
    for line in _told(found):
        typer.echo(line)


@shadow.command("list")
def list_shadows(local_dir: OptionalLocalDir = None) -> None:
    """All candidates."""
    with servers(local_dir):
        found = with_adapters(configured(), lambda held: held.database.read(shadows.every))
    if not found:
        typer.echo("there is no candidate; `venmo-api risk shadow add` makes one")
    for one in found:
        typer.echo(f"{one.name} policy {one.policy.version} since {one.created_at:%Y-%m-%d}, {one.seen:,} decisions")


@shadow.command("remove")
def remove(name: Name, local_dir: OptionalLocalDir = None) -> None:
    """Forget a candidate and its report."""
    with servers(local_dir):
        with_adapters(configured(), lambda held: held.database.transact(shadows.remove, name))
    typer.echo(f"{name} is removed")


def _figures(given: list[str]) -> dict[str, float]:
    found = {}
    for each in given:
        name, _, figure = each.partition("=")
        try:
            found[name] = float(figure)
        except ValueError:
            fail(f"Give each figure as name=number, like velocity_hour_count=10; {name[:40]} is not.")
    return found


def _told(found: Report) -> list[str]:
    one = found.shadow
    lines = [
        f"{one.name}, policy {one.policy.version}: looked at {one.seen:,} decisions of {dollars(one.amount)}",
        f"{found.changes:,} would change, of {dollars(found.amount)}",
    ]
    lines += [
        f"  {each.was} -> {each.would}: {each.changes:,} of {dollars(each.amount)}; "
        f"known as fraud {each.fraud:,}, as honest {each.legitimate:,}"
        for each in found.moved
    ]
    lines += [f"  {code}: {changes:,} of {dollars(amount)}" for code, changes, amount in found.reasons]
    known = found.agrees + found.disagrees
    lines.append(f"labels speak for {found.agrees:,} of {known:,} changes they know of")
    return lines
