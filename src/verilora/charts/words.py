"""Numbers as a person reads them: metrics with their units, durations, shares."""

from __future__ import annotations

from decimal import Decimal

from verilora.records.measurement import Reported
from verilora.records.verdict import Citation

METRIC_NAMES = {
    "f1": "F1",
    "macro_f1": "macro F1",
    "matthews": "Matthews correlation",
    "pearson": "Pearson correlation",
    "spearman": "Spearman correlation",
    "token_accuracy": "token accuracy",
    "bleu": "BLEU",
    "nist": "NIST",
    "meteor": "METEOR",
    "meteor_exact_stem": "METEOR (exact, stem)",
    "rouge_l": "ROUGE-L",
    "cider": "CIDEr",
}

CORRELATIONS = ("matthews", "pearson", "spearman")
OWN_SCALE = ("perplexity", "bleu", "nist", "meteor", "meteor_exact_stem", "rouge_l", "cider")
"""Metrics that are no share of 100, or that nobody calls one."""


def metric_name(name: str) -> str:
    """The name as a person writes it: "F1", "Matthews correlation", "accuracy"."""
    return METRIC_NAMES.get(name, name)


def metric_label(name: str) -> str:
    """The name with its unit: "accuracy (%)"; correlations are multiplied by 100, and perplexity
    has none."""
    if name in OWN_SCALE:
        return metric_name(name)
    return f"{metric_name(name)} {'× 100' if name in CORRELATIONS else '(%)'}"


def metric_told(name: str, value: float) -> str:
    """In a sentence: "89.7 % accuracy", "Matthews correlation 63.4 (× 100)", "perplexity 12.3"."""
    if name in OWN_SCALE:
        return f"{metric_name(name)} {value:.4g}"
    if name in CORRELATIONS:
        return f"{metric_name(name)} {value:.1f} (× 100)"
    return f"{value:.1f} % {metric_name(name)}"


def share_told(part: int, whole: int) -> str:
    """ "0.003 %", "0.33 %", "12.5 %", "100 %"."""
    percent = 100 * part / whole
    if part == whole:
        return "100 %"
    if percent < 0.1:
        return f"{percent:.1g} %"
    return f"{percent:.{2 if percent < 10 else 1}f} %"


def seconds_told(seconds: float) -> str:
    """ "8.4 s", "1 min 12 s", "2 h 5 min"."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def unit_label(citation: Citation | None, unit: str) -> str:
    """The metric with its unit: "accuracy (%)", "BLEU (points)"."""
    metric = (citation.reported_metric if citation else None) or "value"
    if unit == "percent" and metric in (*METRIC_NAMES, *CORRELATIONS):
        return metric_label(metric)
    told = {"percent": "%", "fraction": "0 to 1", "points": "points", "loss": "nats"}[unit]
    return f"{metric} ({told})"


def points_of(unit: str) -> str:
    """What a difference in this unit is counted in."""
    return "points" if unit == "percent" else unit


def digits_of(reported: Reported) -> int:
    """Digits after the point that numbers beside a reported one are shown with: one to four.

    More digits than a table has are those of a computed number, which is shown with two.
    """
    exponent = Decimal(repr(reported.value)).normalize().as_tuple().exponent
    decimals = max(reported.decimals or 0, -int(exponent))
    return max(1, decimals) if decimals <= 4 else 2


def printed(reported: Reported) -> str:
    """ "89.7 ± 0.7", or "89.7" without a spread."""
    digits = digits_of(reported)
    spread = "" if reported.spread is None else f" ± {reported.spread:.{digits}f}"
    return f"{reported.value:.{digits}f}{spread}"


def listed(names: tuple[str, ...]) -> str:
    """ "a", "a and b", "a, b and c"."""
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]
