"""Plots of alerts, of who paid whom, and of what was found of what was planted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import igraph
import matplotlib.dates as mdates
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from venmo_api.analytics.truth import RECALL_ASKED, RECALL_USUAL, Score

OURS, EVIL, QUIET, INK = "#1f5fa8", "#b8403a", "#9aa3ad", "#1c2127"
CASH, PHONE = 0, -1
"""What cash-outs go to, and what those of a shared device come from, in a drawing."""
LABELS = {CASH: "cash\nout", PHONE: "phone"}
EDGES_MOST = 60
ROW_INCHES = 0.62


@dataclass(frozen=True, slots=True)
class Found:
    """One finding or alert, as a dot: by what, when, about how many cents."""

    detector: str
    day: date
    amount: int


@dataclass(frozen=True, slots=True)
class Ring:
    """Who paid whom: sender, recipient (``CASH``: out) and cents; of a device also who used it: from ``PHONE``,
    nothing. ``subjects`` are whom it is about."""

    title: str
    payments: Sequence[tuple[int, int, int]]
    subjects: frozenset[int] = field(default_factory=frozenset)


def by_day(found: Sequence[Found], detectors: Sequence[str]) -> Figure:
    """How many a day, a row a detector, all on one scale of days and each on its own of counts."""
    figure = Figure(figsize=(9, ROW_INCHES * len(detectors) + 0.8), layout="constrained")
    days = [one.day for one in found]
    low, high = min(days), max(days)
    rows = figure.subplots(len(detectors), 1, sharex=True, squeeze=False)[:, 0]
    span = max(1, (high - low).days)
    for axes, detector in zip(rows, detectors, strict=True):
        counts = np.zeros(span + 1)
        for one in found:
            if one.detector == detector:
                counts[(one.day - low).days] += 1
        axes.bar(mdates.date2num(low) + np.arange(span + 1), counts, width=max(1.0, span / 300), color=OURS)
        _bare(axes)
        axes.set_ylim(0, max(1, counts.max()) * 1.05)
        axes.set_yticks([max(1, int(counts.max()))])
        label = f"{words(detector)}\n{int(counts.sum()):,}"
        axes.set_ylabel(label, rotation=0, ha="right", va="center", fontsize=9, color=INK)
    rows[-1].xaxis.set_major_locator(mdates.AutoDateLocator(maxticks=8))
    rows[-1].xaxis.set_major_formatter(mdates.ConciseDateFormatter(rows[-1].xaxis.get_major_locator()))
    rows[-1].set_xlim(mdates.date2num(low) - 1, mdates.date2num(high) + 1)
    return figure


def amounts(found: Sequence[Found], detectors: Sequence[str]) -> Figure:
    """What each is about, in dollars: a dot each, a line at the middle one."""
    figure = Figure(figsize=(9, ROW_INCHES * len(detectors) * 0.75 + 0.9), layout="constrained")
    axes = figure.subplots()
    rng = np.random.default_rng(0)
    for place, detector in enumerate(reversed(detectors)):
        dollars = np.array([one.amount / 100 for one in found if one.detector == detector and one.amount > 0])
        if not len(dollars):
            continue
        axes.scatter(dollars, place + rng.uniform(-0.28, 0.28, len(dollars)), s=9, color=OURS, alpha=0.35, lw=0)
        axes.plot([np.median(dollars)] * 2, [place - 0.36, place + 0.36], color=EVIL, lw=2)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"${value:,.0f}"))
    axes.set_yticks(range(len(detectors)), [words(name) for name in reversed(detectors)])
    axes.grid(axis="x", color="#e5e9ed", lw=0.8)
    axes.set_axisbelow(True)
    _bare(axes)
    return figure


def rings(drawn: Sequence[Ring]) -> Figure:
    """Six to a page: accounts as dots, those it is about in red; who pays whom by arrows, wider for more."""
    columns = min(3, max(1, len(drawn)))
    lines = -(-len(drawn) // columns)
    figure = Figure(figsize=(3.1 * columns, 3.1 * lines), layout="constrained")
    places = figure.subplots(lines, columns, squeeze=False).ravel()
    for axes in places:
        axes.set_axis_off()
    for axes, ring in zip(places, drawn, strict=False):
        _draw(axes, ring)
    return figure


def scores(told: Sequence[Score]) -> Figure:
    """Recall and precision of each detection; a mark where recall is asked to be."""
    figure = Figure(figsize=(9, 0.55 * len(told) + 1), layout="constrained")
    axes = figure.subplots()
    for place, score in enumerate(reversed(told)):
        for value, offset, colour in ((score.recall, 0.17, OURS), (score.precision, -0.17, QUIET)):
            axes.barh(place + offset, value, height=0.3, color=colour)
            axes.text(value + 0.008, place + offset, f"{value:.3f}", va="center", fontsize=8, color=INK)
        asked = RECALL_ASKED.get(score.typology, RECALL_USUAL)
        axes.plot([asked] * 2, [place + 0.0, place + 0.34], color=EVIL, lw=2)
    axes.set_yticks(range(len(told)), [words(score.typology) for score in reversed(told)])
    axes.set_xlim(0, 1.08)
    axes.xaxis.set_major_locator(MaxNLocator(6))
    names = {"recall": OURS, "precision": QUIET, "recall that is asked": EVIL}
    for name, colour in names.items():
        axes.plot([], [], color=colour, lw=6 if colour != EVIL else 2, label=name)
    axes.legend(loc="upper center", bbox_to_anchor=(0.45, -0.07), ncols=3, frameon=False, fontsize=9)
    _bare(axes)
    return figure


def words(name: str) -> str:
    return name.replace("_", " ")


def _draw(axes: Axes, ring: Ring) -> None:
    total: dict[tuple[int, int], int] = {}
    for sender, recipient, amount in ring.payments:
        total[sender, recipient] = total.get((sender, recipient), 0) + amount
    largest = dict(sorted(total.items(), key=lambda pair: -pair[1])[:EDGES_MOST])
    names = sorted({name for pair in largest for name in pair})
    axes.set_title(ring.title, fontsize=9, color=INK)
    if not names:
        return
    where = _places(names, largest)
    most = max(1, *largest.values())
    for (sender, recipient), amount in largest.items():
        arrow = {
            "arrowstyle": "-|>" if amount else "-",
            "color": INK,
            "alpha": 0.55,
            "lw": 0.6 + 2.2 * amount / most,
            "ls": "-" if amount else ":",
            "shrinkA": 12 if sender in LABELS else 5,
            "shrinkB": 12 if recipient in LABELS else 6,
            "connectionstyle": "arc3,rad=0.08",
        }
        axes.annotate("", xy=where[recipient], xytext=where[sender], arrowprops=arrow)
    for name in names:
        colour = EVIL if name in ring.subjects else OURS
        x, y = where[name]
        axes.plot(x, y, "o", alpha=0)  # text alone would not be within the limits
        if name in LABELS:
            axes.text(x, y, LABELS[name], ha="center", va="center", fontsize=8, color=INK, weight="bold")
        else:
            axes.plot(x, y, "o", color=colour, ms=9 if name in ring.subjects else 6, zorder=3)
    axes.margins(0.15)


def _places(names: Sequence[int], edges: Mapping[tuple[int, int], int]) -> dict[int, tuple[float, float]]:
    """The same drawing each time: begun on a circle, and no chance in it."""
    number = {name: place for place, name in enumerate(names)}
    graph = igraph.Graph(n=len(names), edges=[(number[one], number[other]) for one, other in edges])
    layout = graph.layout_kamada_kawai()
    return {name: (float(x), float(y)) for name, (x, y) in zip(names, layout.coords, strict=True)}


def _bare(axes: Axes) -> None:
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(QUIET)
    axes.tick_params(length=0, labelsize=9, colors=INK)
