"""``venmo-api analytics ...``: detections over the archive."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from venmo_api.adapters.bundle import Adapters
from venmo_api.commands import cases
from venmo_api.commands.context import OptionalLocalDir, configured, fail, servers, with_adapters, with_inputs

if TYPE_CHECKING:
    from venmo_api.analytics.service import Run

NEEDS_EXTRA = "This needs what is installed by `pip install 'venmo-api[analytics]'`, for Spark also `make spark`."
ENGINES = "duckdb, postgres or spark"
analytics = typer.Typer(no_args_is_help=True, help="Detections over the archive, and what becomes of what they find.")
analytics.command("town")(cases.town)
analytics.command("check")(cases.check)
analytics.command("cases")(cases.list_cases)
analytics.command("case")(cases.case)
analytics.command("verify-case")(cases.verify_case)
analytics.command("compliance")(cases.compliance)
analytics.command("report")(cases.report)


@analytics.command("run")
def run(
    engine: Annotated[str, typer.Option(help=ENGINES)] = "duckdb",
    whole: Annotated[bool, typer.Option("--whole", help="all days again, not only those since the last run")] = False,
    inputs: Annotated[
        Path | None, typer.Option(callback=with_inputs, help="a folder of flat inputs instead; nothing is kept")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="a folder for what was found, as Parquet")] = None,
    local_dir: OptionalLocalDir = None,
) -> None:
    """Run the detections over the decisions that are archived; what is new becomes alerts, in cases."""
    try:
        from venmo_api.analytics import service  # noqa: PLC0415 - an extra, slow to import

        if engine not in set(service.EngineName):
            raise typer.BadParameter(f"the engine is {ENGINES}")
        opener = service.opener(service.EngineName(engine))
    except ImportError:
        fail(NEEDS_EXTRA)
    with servers(local_dir):
        if inputs is not None:
            database_url = configured().database_url if engine == "postgres" else ""
            told = service.judge(opener(database_url), inputs, progress=typer.echo)
        else:
            settings = configured()

            async def judge(held: Adapters) -> "Run":
                return await service.run(held, opener(settings.database_url), progress=typer.echo, whole=whole)

            found = with_adapters(settings, judge)
            told, raised = found.told, found.raised
            typer.echo(f"{raised.alerts:,} new alerts, {raised.known:,} known, {raised.opened:,} new cases")
    typer.echo(f"{told.findings.num_rows:,} findings, {told.evidence.num_rows:,} payments bear them out")
    if out is not None:
        service.write(told, out)
        typer.echo(f"written to {out}")
