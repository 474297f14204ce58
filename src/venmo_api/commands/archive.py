"""``venmo-api archive ...``: history on S3."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import typer

from venmo_api.adapters.bundle import Adapters
from venmo_api.archive import compaction, governance, legal, partitions, queries, restore_rules, restores
from venmo_api.archive import service as archiving
from venmo_api.archive.governance import Finding
from venmo_api.archive.jobs import closed_before
from venmo_api.archive.rules import RISK, SHELVES, Archived
from venmo_api.commands.context import OptionalLocalDir, configured, moment, servers, with_adapters
from venmo_api.core import ids
from venmo_api.main import bucket_wanted

Day = Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="UTC day, in it too")]
archive = typer.Typer(help="History on S3.")


@archive.callback(invoke_without_command=True)
def move(
    context: typer.Context,
    before: Annotated[str, typer.Option(help="`now`, or an ISO 8601 moment with its offset")] = "",
    local_dir: OptionalLocalDir = None,
) -> None:
    """Move history to S3: closed days older than VENMO_ARCHIVE_AFTER_DAYS (of decisions older than
    VENMO_ARCHIVE_RISK_AFTER_DAYS), or all there is before a moment."""
    if context.invoked_subcommand is not None:
        return
    with servers(local_dir):
        settings = configured()

        async def run(held: Adapters) -> Archived:
            await held.keys.refresh()
            if before:
                return await archiving.archive(held, before=moment(before, held), progress=typer.echo)
            until = closed_before(held, settings.archive_after_days)
            sooner = {RISK: closed_before(held, settings.archive_risk_after_days)}
            return await archiving.archive(held, before=until, sooner=sooner, progress=typer.echo)

        moved = with_adapters(settings, run)
    if moved.busy:
        typer.echo("another archiver is at work; nothing was done here")
    typer.echo(
        f"moved {moved.transactions:,} transactions, {moved.entries:,} entries, {moved.events:,} events "
        f"and {moved.audit_entries:,} audit entries in {moved.manifests} manifests"
    )


@archive.command()
def tidy(local_dir: OptionalLocalDir = None) -> None:
    """Make small files fewer, let rows go whose time is over, remove what no manifest lists any more."""
    with servers(local_dir):
        done = with_adapters(configured(), lambda held: compaction.tidy(held, progress=typer.echo))
    if done.busy:
        typer.echo("another archiver is at work, or its last run has to be finished first; nothing was done here")
    typer.echo(
        f"{done.compacted:,} files became {done.made:,}, {done.expired:,} are over, {done.removed:,} left the bucket"
    )


@archive.command()
def cut(group: str, local_dir: OptionalLocalDir = None) -> None:
    """End the open partition of a group now, however large it is. Whoever pays waits meanwhile, some seconds a
    gigabyte; from then on days are cut ahead again."""
    if group not in SHELVES:
        raise typer.BadParameter(f"give one of {', '.join(SHELVES)}")
    with servers(local_dir):

        async def run(held: Adapters) -> bool:
            clock = held.wall_clock if group in partitions.BY_THE_WALL else held.clock
            return await partitions.cut(held, group, clock.now(), however_large=True)

        done = with_adapters(configured(), run)
    typer.echo("cut" if done else "nothing was cut: now is a boundary already, or lies in what is on its way to S3")


@archive.command("check")
def check_bucket(local_dir: OptionalLocalDir = None) -> None:
    """Whether the bucket keeps what it must keep; exit code 1 when a setting is wrong."""
    with servers(local_dir):
        settings = configured()
        found = with_adapters(settings, lambda held: governance.check(held.objects, bucket_wanted(settings)))
    tell(found)
    raise typer.Exit(1 if any(one.wrong and not one.missing for one in found) else 0)


@archive.command()
def hold(
    reason: Annotated[str, typer.Option(help="the number of a file; no text about anybody")],
    shelf: Annotated[str | None, typer.Option(help="ledger, events, audit, access or risk; without, all")] = None,
    start: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="first day")] = None,
    end: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="last day")] = None,
    person: Annotated[str, typer.Option(help="the id of one person, usr_...; without, everybody")] = "",
    local_dir: OptionalLocalDir = None,
) -> None:
    """Place a legal hold: nothing of it expires, is compacted away or erased until it is released."""
    subject = ids.decode(ids.USER, person)
    if person and subject is None:
        raise typer.BadParameter("give the id of a person, usr_ and 32 digits")
    with servers(local_dir):
        placed = with_adapters(
            configured(),
            lambda held: held.database.transact(
                legal.place,
                held,
                reason=reason,
                shelf=shelf,
                first_day=start.date() if start else None,
                last_day=end.date() if end else None,
                subject_id=subject,
            ),
        )
    typer.echo(str(placed))


@archive.command()
def release(hold_id: UUID, local_dir: OptionalLocalDir = None) -> None:
    """End a legal hold."""
    with servers(local_dir):
        with_adapters(configured(), lambda held: held.database.transact(legal.release, held, hold_id))
    typer.echo("released")


@archive.command("holds")
def list_holds(local_dir: OptionalLocalDir = None) -> None:
    """The legal holds there are."""
    with servers(local_dir):
        found = with_adapters(configured(), lambda held: held.database.read(queries.holds))
    for one in found:
        days = f"{one.first_day or 'the first day'} to {one.last_day or 'the last'}"
        whose = ids.encode(ids.USER, one.subject_id) if one.subject_id else "everybody"
        typer.echo(f"{one.id} {one.shelf or 'all shelves'}, {days}, {whose}: {one.reason}, {one.placed_at:%Y-%m-%d}")


@archive.command()
def restore(start: Day, end: Day, local_dir: OptionalLocalDir = None) -> None:
    """Have archived days made readable that lie in a cold storage class, all shelves; asked again, how far that is."""
    with servers(local_dir):

        async def run(held: Adapters) -> Any:
            first, last = restore_rules.days(start.date(), end.date(), today=held.clock.now().date())
            return await restores.ask(held, asked_by=None, first=first, last=last)

        tell_restore(with_adapters(configured(), run))


@archive.command("restores")
def list_restores(local_dir: OptionalLocalDir = None) -> None:
    """The restores that are not over, as S3 tells now."""
    with servers(local_dir):

        async def run(held: Adapters) -> Sequence[Any]:
            await restores.advance(held)
            return await held.database.read(restores.unfinished)

        for one in with_adapters(configured(), run):
            tell_restore(one)


def tell_restore(one: Any) -> None:
    until = f", until {one.expires_at:%Y-%m-%d %H:%M}" if one.expires_at else ""
    left = f"{one.waiting:,} of {one.files:,} files to come"
    typer.echo(f"{one.id} {one.first_day} to {one.last_day}: {one.state}, {left}{until}")


def tell(found: Sequence[Finding]) -> None:
    """A line a setting of the bucket."""
    for one in found:
        state = "told" if one.missing else "WRONG" if one.wrong else "ok"
        typer.echo(f"bucket: {state:<5} {one.name}{' ' + one.wrong if one.wrong else ''}")
