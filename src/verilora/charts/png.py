"""Panels as a PNG (matplotlib's Agg, object by object: no global state, no window)."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FuncFormatter, MaxNLocator

from verilora.atomic import write_whole
from verilora.charts.panels import Panel, Series, panels, read_events, read_run
from verilora.charts.words import metric_told
from verilora.records.run import Run

# Okabe and Ito's colours: told apart with every common colour vision; lines differ in form too.
INK, FAINT, BLUE, ORANGE, GREEN = "#1d2329", "#69727d", "#0072B2", "#D55E00", "#007A5A"
COLOURS = {"raw": BLUE, "training": BLUE, "validation": ORANGE, "metric": GREEN, "rate": FAINT}
ROUND = (1, 2, 5, 10)
HALO = [withStroke(linewidth=3, foreground="white")]
SETTINGS = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same letters on every machine
    "font.size": 9.5,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": "#b8bfc7",
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "grid.color": "#e6e9ec",
    "grid.linewidth": 0.8,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "ytick.major.size": 0,
    "legend.edgecolor": "none",
    "legend.framealpha": 0.9,
    "legend.handlelength": 1.8,
}


def write_curves(directory: Path) -> Path:
    """Draws `curves.png` of the run in `directory` from run.json and events.jsonl.

    1440 × 1280 pixels at most; the same run gives the same bytes. Raises DataError.
    """
    directory = Path(directory)
    run = read_run(directory)
    path = directory / "curves.png"
    write_whole(path, draw(run, panels(run, read_events(directory))))
    return path


def draw(run: Run, drawn: Sequence[Panel]) -> bytes:
    """The panels under each other as a PNG, with the run named on top."""
    heights = [0.55 if panel.series[0].kind == "rate" else 1.0 for panel in drawn] or [1.0]
    layout = ConstrainedLayoutEngine(h_pad=0.12, w_pad=0.12)
    with style.context(SETTINGS, after_reset=True):
        figure = Figure(figsize=(9, 1.1 + 2.75 * sum(heights)), dpi=160, layout=layout)
        canvas = FigureCanvasAgg(figure)
        _head(figure, run)
        axes = figure.subplots(
            len(heights), sharex=True, squeeze=False, gridspec_kw={"height_ratios": heights}
        )[:, 0]
        for panel, ax in zip(drawn, axes, strict=False):
            _draw_panel(ax, panel)
        if drawn:
            axes[-1].set_xlabel(drawn[-1].x_label)
        stream = io.BytesIO()
        canvas.print_png(stream, metadata={"Software": None})
    return stream.getvalue()


def _head(figure: Figure, run: Run) -> None:
    told = metric_told(run.main_metric, run.metrics[run.main_metric].value)
    told = f"{told} on {run.data.validation_rows:,} examples"
    figure.suptitle(
        f"{run.recipe}  ·  method {run.method}, seed {run.seed}  ·  {told}",
        x=0.012,
        ha="left",
        fontsize=11.5,
        fontweight="bold",
        parse_math=False,
    )


def _draw_panel(ax: Axes, panel: Panel) -> None:
    for series in panel.series:
        _draw_series(ax, series)
    ax.set_title(panel.title, loc="left", fontsize=10.5)
    ax.set_ylabel(panel.y_label)
    ax.yaxis.set_major_locator(MaxNLocator(nbins=6, steps=(1, 2, 2.5, 5, 10)))
    ax.xaxis.set_major_locator(MaxNLocator(nbins=10, integer=True, steps=ROUND))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    ax.margins(x=0.01, y=0.12)
    if panel.level is not None:
        value, text = panel.level
        ax.axhline(value, color=FAINT, linewidth=1.1, linestyle=(0, (4, 3)))
        _note(ax, (0.995, value), text=text, transform=ax.get_yaxis_transform(), ha="right")
    if panel.chosen is not None:
        x, y, text = panel.chosen
        ax.plot([x], [y], marker="o", markersize=11, markerfacecolor="none", color=INK)
        right = x > sum(ax.get_xlim()) / 2
        place = {"xytext": (-2 if right else 2, -20), "textcoords": "offset points"}
        ax.annotate(text, (x, y), ha="right" if right else "left", path_effects=HALO, **place)
    if len(panel.series) > 1:
        low, high = ax.get_ylim()
        ax.set_ylim(low, high + 0.15 * (high - low))  # room for the legend above the lines
        ax.legend(loc="upper right", ncols=3, fontsize=9)


def _draw_series(ax: Axes, series: Series) -> None:
    x, y = zip(*series.points, strict=True)
    ax.plot(
        x,
        y,
        label=series.label,
        color=COLOURS[series.kind],
        alpha=0.28 if series.kind == "raw" else 1.0,
        linewidth=0.9 if series.kind == "raw" else 1.9,
        marker="o" if series.marked else None,
        markersize=5,
        markeredgecolor="white",
        markeredgewidth=0.8,
    )


def _note(ax: Axes, place: tuple[float, float], *, text: str, **options: Any) -> None:
    ax.text(*place, text, color=FAINT, va="bottom", path_effects=HALO, **options)
