"""``venmo-api risk train|evaluate|activate|models``: the model that scores payments."""

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from venmo_api.commands.context import fail
from venmo_api.core.errors import AppError

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
