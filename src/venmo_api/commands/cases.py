"""Verbs of ``venmo-api analytics`` about cases, towns to try detections on, and what people read of both."""

import json
from datetime import date
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from venmo_api.adapters.bundle import Adapters
from venmo_api.analytics.rules import Case
from venmo_api.commands.context import OptionalLocalDir, configured, fail, servers, with_adapters, with_inputs
from venmo_api.core import ids
from venmo_api.core.paging import MAX_LIMIT, Page, PageRequest

NEEDS_EXTRA = "This needs what is installed by `pip install 'venmo-api[analytics]'`."
Folder = Annotated[
    Path, typer.Argument(callback=with_inputs, help="of a town, or of any inputs with the truth beside them")
]


def town(
    folder: Path,
    payments: Annotated[int, typer.Option(min=1_000, max=200_000_000, help="about so many")] = 1_000_000,
    days: Annotated[int, typer.Option(min=30, max=3650)] = 180,
    seed: Annotated[int, typer.Option(min=0)] = 1,
    planted: Annotated[int | None, typer.Option(min=1, help="of each typology; without, by size")] = None,
) -> None:
    """Make a town of people with habits and planted crimes: inputs for `run --inputs`, and the truth for `check`."""
    from venmo_api.analytics import town as towns  # noqa: PLC0415 - slow to import, as all of analytics

    if (folder / "payments").exists():
        raise typer.BadParameter(f"there are payments in {folder}; name another folder")
    made = towns.build(towns.Plan(payments=payments, days=days, seed=seed, planted=planted))
    written = towns.write(made, folder, progress=typer.echo)
    typer.echo(f"{written:,} payments of {len(made.opened_us):,} accounts, {len(made.planted):,} plants")


def check(folder: Folder) -> None:
    """Run the detections over a town and tell what of the plants they found; exit code 1 when it is too little.

    A self-check: who plants and who looks are one and the same."""
    try:
        from venmo_api.analytics import engines, inputs, truth  # noqa: PLC0415
    except ImportError:
        fail(NEEDS_EXTRA)
    with engines.duckdb(inputs.read(folder)) as engine:
        told = engines.run(engine, inputs.ALWAYS, typer.echo)
    scores = truth.judge(told.findings, truth.read(folder))
    typer.echo(truth.report(scores))
    raise typer.Exit(0 if all(score.enough for score in scores) else 1)


def list_cases(
    closed: Annotated[bool, typer.Option("--closed", help="those that have ended")] = False,
    local_dir: OptionalLocalDir = None,
) -> None:
    """Cases that nobody has ended, the oldest first. This look is noted in the audit trail."""
    from venmo_api.analytics import cases  # noqa: PLC0415

    async def look(held: Adapters) -> Page[Case]:
        asked = PageRequest(limit=MAX_LIMIT)
        return await held.database.transact(cases.queue, held, asked, closed=closed, staff=None, origin=None)

    with servers(local_dir):
        found = with_adapters(configured(), look).rows
    for one in found:
        due = f", due {one.due_at:%Y-%m-%d}" if one.due_at and not one.closed_at else ""
        typer.echo(
            f"{ids.encode(ids.CASE, one.id)} {one.disposition or one.state}: {', '.join(one.typologies)}; "
            f"{one.alerts:,} alerts, {one.payments:,} payments, {one.amount / 100:,.2f} USD{due}"
        )
    if not found:
        typer.echo("no cases")


def case(case_id: str, local_dir: OptionalLocalDir = None) -> None:
    """One case as JSON, as its file would say it; of one that was reported the file is written if it is not there. This
    look is noted in the audit trail."""
    from venmo_api.analytics import case_files, cases  # noqa: PLC0415

    name = _case_id(case_id)

    async def look(held: Adapters) -> tuple[str, str]:
        found = await held.database.transact(cases.read, held, name, staff=None, origin=None)
        reported = found.case.closed_at is not None and found.case.disposition == "report"
        key = await case_files.write(held, name) if reported else ""
        told = case_files.document(found, rows_key="")
        return json.dumps(told, indent=2, sort_keys=True), key

    with servers(local_dir):
        told, key = with_adapters(configured(), look)
    typer.echo(told)
    if key:
        typer.echo(f"file: {key}", err=True)


def verify_case(case_id: str, local_dir: OptionalLocalDir = None) -> None:
    """Check a case file by what is in the bucket alone; exit code 1 when it or the archive is not what was written."""
    from venmo_api.analytics import case_files  # noqa: PLC0415

    name = _case_id(case_id)
    with servers(local_dir):
        found = with_adapters(configured(), lambda held: case_files.verify(held, name, typer.echo))
    typer.echo(case_files.report(found))
    raise typer.Exit(1 if found.wrong else 0)


def compliance(
    day: Annotated[str, typer.Argument(help="a business day, as 2026-11-01")],
    local_dir: OptionalLocalDir = None,
) -> None:
    """What a business day must be reported for, as JSON: people above the currency figure, transfers above that of the
    travel rule."""
    from venmo_api.analytics import compliance as reports  # noqa: PLC0415

    try:
        asked = date.fromisoformat(day)
    except ValueError:
        raise typer.BadParameter("give a day as 2026-11-01") from None
    with servers(local_dir):
        found = with_adapters(
            configured(), lambda held: reports.report(held, asked, lambda line: typer.echo(line, err=True))
        )
    typer.echo(json.dumps(found.document(), indent=2))
    if not found.complete:
        typer.echo("The archive does not hold all of this day yet.", err=True)


def report(
    out: Annotated[Path, typer.Option(help="the HTML file to write")] = Path("report.html"),
    town: Annotated[
        Path | None, typer.Option(callback=with_inputs, help="the folder of a town; without, alerts and cases")
    ] = None,
    local_dir: OptionalLocalDir = None,
) -> None:
    """A page for people: alerts by detection and day, amounts, who paid whom; over a town also recall and precision."""
    try:
        from venmo_api.analytics import report as reports  # noqa: PLC0415
    except ImportError:
        fail(NEEDS_EXTRA)
    if town is not None:
        picture = reports.of_town(town, typer.echo)
    else:
        with servers(local_dir):
            picture = with_adapters(configured(), lambda held: reports.of_service(held, typer.echo))
    out.write_text(reports.written(picture))
    typer.echo(f"written to {out}")


def _case_id(text: str) -> UUID:
    found = ids.decode(ids.CASE, text)
    if found is None:
        raise typer.BadParameter("this is not the id of a case; it begins with case_")
    return found
