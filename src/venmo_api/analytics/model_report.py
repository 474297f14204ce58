"""Reports of models as one HTML file each: tables and plots, with nothing to fetch from anywhere."""

import base64
import html
import io
from collections.abc import Iterable, Sequence

from matplotlib.figure import Figure

from venmo_api.analytics.evaluation import PUBLISHED_CONTROL, Evaluation, Judged
from venmo_api.analytics.lessons import TOWN
from venmo_api.analytics.scores import Bin, Scores
from venmo_api.analytics.training import MOST_SUSPICIOUS, Made, Month, Report

OURS, CONTROL, QUIET = "#1f5fa8", "#c2702c", "#9aa3ad"
MEASURES = (("AUC", "auc"), ("Average precision", "average_precision"), ("Card precision@100", "card_precision"))
CALIBRATION_NOTE = (
    "<p class=note>What the model said, against how many were fraud. On the line it is neither too sure nor too shy. "
    "Each point is of equally many frauds.</p>"
)
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1c2127; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.6rem } h2 { font-size: 1.2rem; margin-top: 2.2rem }
table { border-collapse: collapse; margin: 1rem 0 } th, td { padding: .3rem .9rem; text-align: right }
th:first-child, td:first-child { text-align: left } tr + tr { border-top: 1px solid #dde2e7 }
img { max-width: 100% } p.note { color: #5b6570 }
"""


def of_evaluation(found: Evaluation) -> str:
    """How the model did by the protocol, week by week, beside the control."""
    summary = [
        _row("Model, test", found.model.test),
        _row("Model, validation", found.model.validation),
        _row("Logistic regression, test", found.control.test),
    ]
    if found.published:
        summary.append(_row("Logistic regression, as published", PUBLISHED_CONTROL))
    said = (
        f"{found.payments:,} payments, {found.frauds:,} of them frauds. Four test weeks; training from "
        f"{found.first_test}, a week later each. Chosen on earlier weeks: {found.model.name}; {found.control.name}."
    )
    return page(
        "How well the model finds fraud",
        said,
        table(("", *(name for name, _ in MEASURES)), summary),
        "<h2>Week by week</h2>",
        image(_weeks(found), "Scores of model and control in each test week"),
        "<h2>Calibration</h2>",
        CALIBRATION_NOTE,
        image(calibration_plot(found.model.calibration), "Calibration"),
    )


def of_training(made: Made) -> str:
    """What a model was trained on, how good it would have been month by month, and what it looks at."""
    report = made.report
    said = (
        f"{report.payments:,} payments since {report.first} whose outcome was known by {report.known_until}, "
        f"{report.frauds:,} of them frauds; {report.candidate}. Each month was scored by a model of its kind that was "
        "trained on what was known when the month began."
    )
    parts = [f"<p class=note>Model {html.escape(made.kept.sha256)}</p>"]
    if report.source == TOWN:
        parts.append(
            "<p><strong>Trained on a town that was made up: a self-check, and no model to decide by.</strong></p>"
        )
    if report.months:
        head = ("", "Payments", "Frauds", "AUC", "Average precision", f"Precision@{MOST_SUSPICIOUS}")
        parts += [
            "<h2>Month by month</h2>",
            table(head, [_month_row(month) for month in report.months]),
            image(_months_plot(report), "Average precision and precision of the most suspicious, month by month"),
            "<h2>Calibration</h2>",
            CALIBRATION_NOTE,
            image(calibration_plot(report.calibration), "Calibration"),
        ]
    else:
        parts.append("<p>No month has enough frauds before it and in it to judge the model by.</p>")
    parts += ["<h2>What it looks at</h2>", image(_weights_plot(report), "The features that decide most")]
    return page("The model that scores payments", said, *parts)


def page(title: str, said: str, *parts: str) -> str:
    body = "\n".join(parts)
    return (
        f'<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f"<style>{STYLE}</style></head>\n<body>\n<h1>{html.escape(title)}</h1>\n<p>{html.escape(said)}</p>\n"
        f"{body}\n</body>\n</html>\n"
    )


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    def line(cells: Sequence[str], kind: str) -> str:
        return "<tr>" + "".join(f"<{kind}>{html.escape(cell)}</{kind}>" for cell in cells) + "</tr>"

    return "<table>" + line(head, "th") + "".join(line(row, "td") for row in rows) + "</table>"


def image(figure: Figure, told: str) -> str:
    """The plot within the page, and in words for who cannot see it."""
    kept = io.BytesIO()
    figure.savefig(kept, format="png", dpi=150, metadata={"Software": None})
    data = base64.b64encode(kept.getvalue()).decode()
    width = round(figure.get_figwidth() * 96)
    return f'<img width="{width}" alt="{html.escape(told)}" src="data:image/png;base64,{data}">'


def calibration_plot(bins: Sequence[Bin]) -> Figure:
    figure = Figure(figsize=(5.5, 4.5), layout="constrained")
    axes = figure.add_subplot()
    axes.plot([1e-4, 1], [1e-4, 1], color=QUIET, linewidth=1, zorder=1)
    axes.scatter([max(one.said, 1e-4) for one in bins], [max(one.were, 1e-4) for one in bins], color=OURS, zorder=2)
    axes.set(xscale="log", yscale="log", xlabel="said: likely fraud", ylabel="were fraud", xlim=(1e-4, 1.2))
    axes.set_ylim(1e-4, 1.2)
    axes.grid(alpha=0.25)
    return figure


def _weeks(found: Evaluation) -> Figure:
    figure = Figure(figsize=(10, 3.4), layout="constrained")
    for axes, (name, field) in zip(figure.subplots(1, len(MEASURES)), MEASURES, strict=True):
        for judged, color, label in ((found.model, OURS, "model"), (found.control, CONTROL, "control")):
            axes.plot(_days(judged), [getattr(week, field) for _, week in judged.weeks], "o-", color=color, label=label)
        axes.set_title(name, fontsize=11)
        axes.grid(alpha=0.25)
        axes.tick_params(labelsize=9)
    axes.legend(frameon=False)
    figure.supxlabel("first day of training", fontsize=10)
    return figure


def _days(judged: Judged) -> list[str]:
    return [f"{start:%d %b}" for start, _ in judged.weeks]


def _row(name: str, found: Scores) -> list[str]:
    return [name, *(f"{getattr(found, field):.3f}" for _, field in MEASURES)]


def _month_row(month: Month) -> list[str]:
    return [
        month.month,
        f"{month.payments:,}",
        f"{month.frauds:,}",
        *(f"{value:.3f}" for value in (month.auc, month.average_precision, month.precision)),
    ]


def _months_plot(report: Report) -> Figure:
    figure = Figure(figsize=(7, 3.2), layout="constrained")
    axes = figure.add_subplot()
    names = [month.month for month in report.months]
    axes.plot(names, [month.average_precision for month in report.months], "o-", color=OURS, label="average precision")
    axes.plot(names, [month.precision for month in report.months], "o-", color=CONTROL, label="precision@100")
    axes.set_ylim(0, 1.02)
    axes.grid(alpha=0.25)
    axes.legend(frameon=False)
    return figure


def _weights_plot(report: Report) -> Figure:
    figure = Figure(figsize=(7, 0.6 + 0.3 * len(report.weights)), layout="constrained")
    axes = figure.add_subplot()
    axes.barh([name for name, _ in report.weights], [part for _, part in report.weights], color=OURS)
    axes.invert_yaxis()
    axes.set_xlabel("part of what all splits gain")
    axes.grid(alpha=0.25, axis="x")
    return figure
