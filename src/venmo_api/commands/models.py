"""``venmo-api risk train|evaluate|activate|models``: the model that scores payments."""

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from venmo_api.adapters.bundle import Adapters
from venmo_api.commands.context import OptionalLocalDir, configured, fail, servers, with_adapters, with_inputs
from venmo_api.core.errors import AppError
from venmo_api.risk import registry, scorer

if TYPE_CHECKING:
    from venmo_api.analytics.training import Made

NEEDS_EXTRA = "This needs what is installed by `pip install 'venmo-api[analytics]'`."


class ProtocolName(StrEnum):
    PREQUENTIAL = "prequential"


def evaluate(
    dataset: Annotated[Path, typer.Option(help="labelled payments as Parquet; docs/risk.md names the columns")],
    protocol: Annotated[ProtocolName, typer.Option(help="how it is judged")] = ProtocolName.PREQUENTIAL,
    first: Annotated[datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="first test training")] = None,
    out: Annotated[Path | None, typer.Option(help="an HTML page with plots")] = None,
) -> None:
    """Judge our kind of model on a labelled set, beside a logistic regression, chosen on earlier weeks than tested."""
    try:
        from venmo_api.analytics import evaluation, folds, model_report  # noqa: PLC0415 - an extra, slow to import
    except ImportError:
        fail(NEEDS_EXTRA)
    try:
        figures = {ProtocolName.PREQUENTIAL: folds.Protocol()}[protocol]
        start = first.date() if first else None
        found = evaluation.evaluate(dataset, protocol=figures, first=start, progress=typer.echo)
    except AppError as error:
        fail(error.detail)
    typer.echo(evaluation.told(found))
    if out is not None:
        out.write_text(model_report.of_evaluation(found), encoding="utf-8")
        typer.echo(f"report: {out}")


def train(
    town: Annotated[
        Path | None,
        typer.Option(callback=with_inputs, help="of `analytics town`, instead of the archive: a self-check"),
    ] = None,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    out: Annotated[Path | None, typer.Option(help="the report, beside where it is kept in S3")] = None,
    local_dir: OptionalLocalDir = None,
) -> None:
    """Train a model on archived decisions and what became known of them; it is kept as a candidate, and decides nothing
    before `activate`."""
    try:
        from venmo_api.analytics import learning, lessons, model_report, training  # noqa: PLC0415 - an extra, slow to import
    except ImportError:
        fail(NEEDS_EXTRA)

    async def run(held: Adapters) -> "Made":
        if town is None:
            return await learning.from_archive(held, progress=typer.echo, seed=seed)
        learnt = lessons.of_town(town)
        last_us = int(learnt.us[-1])
        return await learning.learn(held, learnt, known_us=last_us, progress=typer.echo, seed=seed)

    with servers(local_dir):
        made = with_adapters(configured(), run)
    typer.echo(training.told(made))
    if out is not None:
        out.write_text(model_report.of_training(made), encoding="utf-8")
        typer.echo(f"report: {out}")


def activate(
    sha256: Annotated[str, typer.Argument(help="how the hash of a model begins, or `none`: rules alone")],
    local_dir: OptionalLocalDir = None,
) -> None:
    """Let a model score from now on: every process follows within five seconds. One that does not fit is refused."""
    with servers(local_dir):
        settings = configured()

        async def run(held: Adapters) -> str | None:
            chosen = None
            if sha256 != registry.NONE:
                found = await held.database.read(registry.find, sha256)
                registry.ensure_real(found, production=settings.environment == "production")
                chosen = (await scorer.fetch(held, found.kept)).sha256
            await held.database.transact(registry.choose, held, chosen)
            return chosen

        chosen = with_adapters(settings, run)
    typer.echo(f"{chosen} scores from now on" if chosen else "no model scores from now on: rules alone")


def models(local_dir: OptionalLocalDir = None) -> None:
    """The models there are, in the order they were trained; the one that scores has a star."""
    with servers(local_dir):
        found = with_adapters(configured(), lambda held: held.database.read(registry.models))
    for one in found:
        months = one.report.get("months") or [{}]
        judged = f"average precision {months[-1]['average_precision']:.3f}" if months[-1] else "not judged yet"
        star = "*" if one.active else " "
        typer.echo(f"{star} {one.kept.sha256}  {one.trained_at:%Y-%m-%d %H:%M}  {one.report['source']}  {judged}")
    if not found:
        typer.echo("there is no model; `venmo-api risk train` makes one")
