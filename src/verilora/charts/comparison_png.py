"""A verdict's picture as verdict.png (matplotlib's Agg, object by object: no global state)."""

from __future__ import annotations

import io
import textwrap
from pathlib import Path
from typing import Any

from matplotlib import font_manager, style
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MaxNLocator

from verilora.atomic import write_whole
from verilora.charts.comparison import Comparison, Row, compare, read_verdict
from verilora.charts.png import BLUE, FAINT, GREEN, HALO, INK, ORANGE, SETTINGS
from verilora.errors import DataError
from verilora.records.verdict import VerdictDocument, read_document

BAND = "#dcebe5"
FORMS: dict[str, dict[str, Any]] = {
    "paper": {"marker": "s", "color": INK, "markersize": 7},
    "reference": {"marker": "o", "color": FAINT, "markersize": 5, "markerfacecolor": "white"},
    "seed": {"marker": "o", "color": BLUE, "markersize": 7},
    "failed": {"marker": "X", "color": ORANGE, "markersize": 8},
    "ours": {"marker": "D", "color": BLUE, "markersize": 8},
}


def write_verdict(directory: Path) -> Path:
    """Draws `verdict.png` beside the verdict.json in `directory` and returns its path.

    1440 pixels wide; the same document gives the same bytes. Raises DataError if the document is
    not there, damaged, or without a reported number and its unit.
    """
    directory = Path(directory)
    path = directory / "verdict.png"
    write_whole(path, draw(read_verdict_file(directory)))
    return path


def read_verdict_file(directory: Path) -> VerdictDocument:
    """The document in `directory`/verdict.json; raises DataError."""
    path = Path(directory) / "verdict.json"
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(
            f"{directory} holds no verdict.json; give the directory of a finished reproduction",
            file=path,
            line=None,
        ) from error
    return read_document(content, name=str(path))


def draw(document: VerdictDocument) -> bytes:
    """The picture as a PNG, with what was cited on top and what is to be seen below."""
    comparison = compare(document)
    if comparison is None:
        raise DataError(
            "the document has no reported number with a unit, so that there is nothing to draw; "
            "give 'reported'",
            file=None,
            line=None,
        )
    with style.context(SETTINGS, after_reset=True):
        height = 2.0 + 0.32 * len(comparison.rows)
        layout = ConstrainedLayoutEngine(h_pad=0.12, w_pad=0.12)
        figure = Figure(figsize=(9, height), dpi=160, layout=layout)
        canvas = FigureCanvasAgg(figure)
        head = {"x": 0.012, "ha": "left", "fontsize": 11.5, "fontweight": "bold"}
        figure.suptitle(_drawable(title_of(document)), parse_math=False, **head)
        _draw(figure.subplots(), comparison)
        below = textwrap.fill(_drawable(comparison.caption), 118)
        foot = {"x": 0.012, "ha": "left", "fontsize": 9, "color": FAINT}
        figure.supxlabel(below, parse_math=False, **foot)
        stream = io.BytesIO()
        canvas.print_png(stream, metadata={"Software": None})
    return stream.getvalue()


def title_of(document: VerdictDocument) -> str:
    """What was cited, and what it came to: "Table 2, RoBERTa-base (LoRA), MRPC: partial".

    Of two measured sides, what was planned: "LoRA against full fine-tuning: reproduced".
    """
    verdict, plan = read_verdict(document)
    citation = verdict.claim_citation if verdict else None
    cited = [citation.section, citation.row, citation.column] if citation else []
    if plan is not None and plan.reference is not None:
        cited = []
    named = ", ".join(part for part in cited if part) or (plan.target if plan else "")
    status = verdict.status.replace("_", " ") if verdict else "no verdict"
    return f"{textwrap.shorten(named or 'a result', 84, placeholder='…')}: {status}"


def _draw(ax: Axes, comparison: Comparison) -> None:
    if comparison.band is not None:
        ax.axvspan(*comparison.band, color=BAND, zorder=0)
    ax.axvline(comparison.centre, color=FAINT, linewidth=1.0, zorder=1)
    for index, row in enumerate(comparison.rows):
        _draw_row(ax, row, height=-index)
    rows = comparison.rows
    ax.set_yticks([-index for index in range(len(rows))], labels=[row.label for row in rows])
    for label in ax.get_yticklabels():
        label.set_text(_drawable(label.get_text()))
        label.set_parse_math(False)
        label.set_color(INK)
    ax.set_ylim(-len(rows) + 0.45, 0.55)
    ax.set_xlim(*comparison.limits)
    ax.xaxis.set_major_locator(MaxNLocator(nbins=9, steps=(1, 2, 5, 10)))
    ax.ticklabel_format(useOffset=False, style="plain", axis="x")
    ax.set_xlabel(_drawable(comparison.axis), parse_math=False)
    _label_above(ax, comparison)


def _draw_row(ax: Axes, row: Row, *, height: int) -> None:
    form = FORMS[row.kind]
    if row.span is not None:
        thick = 2.6 if row.kind == "ours" else 1.4
        ax.plot(row.span, [height] * 2, color=form["color"], linewidth=thick, marker="|", ms=9)
    if row.values:
        heights = [height] * len(row.values)
        edge = {"linestyle": "none", "markeredgecolor": "white", "markeredgewidth": 0.8}
        if row.kind == "reference":
            edge["markeredgecolor"] = FAINT
        ax.plot(row.values, heights, zorder=3, **{**edge, **form})
    bold = "bold" if row.kind == "ours" else "normal"
    place = {"transform": ax.get_yaxis_transform(), "va": "center", "fontweight": bold}
    ax.text(1.012, height, row.text, parse_math=False, color=INK, **place)


def _label_above(ax: Axes, comparison: Comparison) -> None:
    above = {"xycoords": ax.get_xaxis_transform(), "textcoords": "offset points", "ha": "center"}
    if comparison.band is not None:
        label = comparison.band_label
        ax.annotate(label, (comparison.centre, 1.0), (0, 3), color=GREEN, fontsize=9, **above)
    if comparison.majority is not None:
        value, text = comparison.majority
        ax.axvline(value, color=FAINT, linewidth=1.0, linestyle=(0, (4, 3)), alpha=0.7)
        offset = (0, 15 if comparison.band is not None else 3)
        faint = {"color": FAINT, "fontsize": 9, "path_effects": HALO}
        ax.annotate(text, (value, 1.0), offset, **faint, **above)


def _drawable(text: str) -> str:
    """The text with "?" for what the font cannot draw."""
    font = font_manager.get_font(font_manager.findfont("DejaVu Sans"))
    there = font.get_charmap()
    return "".join(letter if letter == "\n" or ord(letter) in there else "?" for letter in text)
