"""Reports of models as one HTML file each: tables and plots, with nothing to fetch from anywhere."""

import base64
import html
import io
from collections.abc import Iterable, Sequence

from matplotlib.figure import Figure

from venmo_api.analytics.evaluation import PUBLISHED_CONTROL, Evaluation, Judged
from venmo_api.analytics.scores import Bin, Scores

OURS, CONTROL, QUIET = "#1f5fa8", "#c2702c", "#9aa3ad"
MEASURES = (("AUC", "auc"), ("Average precision", "average_precision"), ("Card precision@100", "card_precision"))
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
        "<p class=note>What the model said, against how many were fraud. On the line it is neither too sure nor too "
        "shy. Each point is of equally many frauds.</p>",
        image(calibration_plot(found.model.calibration), "Calibration"),
    )


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
    return f'<img alt="{html.escape(told)}" src="data:image/png;base64,{data}">'


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
