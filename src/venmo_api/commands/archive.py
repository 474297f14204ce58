"""``venmo-api archive ...``: history on S3."""

from typing import Annotated

import typer

from venmo_api.adapters.bundle import Adapters
from venmo_api.archive import service as archiving
from venmo_api.archive.jobs import closed_before
from venmo_api.archive.rules import Archived
from venmo_api.commands.context import OptionalLocalDir, configured, moment, servers, with_adapters

archive = typer.Typer(help="History on S3.")


@archive.callback(invoke_without_command=True)
def move(
    context: typer.Context,
    before: Annotated[str, typer.Option(help="`now`, or an ISO 8601 moment with its offset")] = "",
    local_dir: OptionalLocalDir = None,
) -> None:
    """Move history to S3: closed days older than VENMO_ARCHIVE_AFTER_DAYS, or all there is before a moment."""
    if context.invoked_subcommand is not None:
        return
    with servers(local_dir):
        settings = configured()

        async def run(held: Adapters) -> Archived:
            until = moment(before, held) if before else closed_before(held, settings.archive_after_days)
            return await archiving.archive(held, before=until, progress=typer.echo)

        moved = with_adapters(settings, run)
    if moved.busy:
        typer.echo("another archiver is at work; nothing was done here")
    typer.echo(
        f"moved {moved.transactions:,} transactions, {moved.entries:,} entries, {moved.events:,} events "
        f"and {moved.audit_entries:,} audit entries in {moved.manifests} manifests"
    )
