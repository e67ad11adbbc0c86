"""What is said in a terminal of a cell of a paper's table."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any

from verilora.cli.summary import aligned, columns
from verilora.recipes.accounts import shown
from verilora.records.target import Account, Target
from verilora.verdict.fields import FIELDS, is_spoken, value_of

WIDTH = 96
COMPARED = (*(field for fields in FIELDS.values() for field in fields), "training.max_length")
IN_WORDS = ("selection", "precision", "environment")
SILENT = "*"


def summary_of(target: Target) -> dict[str, Any]:
    """A cell as one of many: plain JSON data."""
    reported = target.reported
    return {
        "name": target.name,
        "metric": target.metric,
        "value": reported.value,
        "spread": reported.spread,
        "unit": reported.unit,
        "start": target.start,
        "runs": target.missing is None,
        "missing": target.missing,
    }


def table_of(targets: list[Target]) -> str:
    """All cells under each other: name, number, unit, and whether they run here, or why not."""
    reasons = list(dict.fromkeys(one.missing for one in targets if one.missing))
    rows = [("target", "reported", "unit", "runs here")]
    rows += [
        (one.name, number_told(one), one.reported.unit, _runs(one, reasons)) for one in targets
    ]
    notes = [_wrapped(f"({number}) {reason}", "") for number, reason in enumerate(reasons, 1)]
    return "\n".join([columns(rows, numbers=()), *notes])


def number_told(target: Target) -> str:
    """The number with its digits as printed: "89.7 ± 0.7"."""
    reported = target.reported
    digits = reported.decimals or 0
    beside = "" if reported.spread is None else f" ± {reported.spread:.{digits}f}"
    return f"{reported.value:.{digits}f}{beside}"


def target_told(target: Target) -> str:
    """All that is known of a cell, and how to run it."""
    parts = [
        f"{target.name}\n",
        _citation(target),
        "",
        aligned(_facts(target)),
        *_accounts(target),
        *_disagreements(target),
        "",
        _how(target),
    ]
    return "\n".join(parts)


def _runs(target: Target, reasons: list[str]) -> str:
    if target.missing:
        return f"no ({reasons.index(target.missing) + 1})"
    return f"yes, from an adapter of {target.start_task}" if target.start_task else "yes"


def _citation(target: Target) -> str:
    paper, where = target.paper, target.citation
    page = f", page {where.pdf_page}" if where.pdf_page else ""
    lines = [
        f"{paper.title} ({paper.venue}), arXiv:{paper.arxiv_id}",
        f"{where.section}{page}, row '{where.row}', column '{where.column}':",
        f"  {where.quoted_text}",
    ]
    return "\n".join([*lines, *([_wrapped(where.notes)] if where.notes else [])])


def _facts(target: Target) -> list[tuple[str, str]]:
    reported = target.reported
    kind = "; what its ± is, it does not say" if reported.spread_kind == "unknown" else ""
    start = "the pretrained base"
    if target.start == "adapter":
        start = f"an adapter trained on {target.start_task} (--start ADAPTER)"
    facts = [
        ("reported", f"{number_told(target)} {reported.unit}, {target.citation.reported_metric}"),
        ("of", f"{reported.aggregation} of {reported.runs} runs{kind}"),
        ("base", " or ".join(target.bases)),
        ("start", start),
    ]
    if target.train_rows and reported.items:
        counts = f"{target.train_rows:,} to train on, {reported.items:,} to evaluate on"
        facts.append(("examples", counts))
    facts += [("data", digest) for digest in target.datasets]
    return facts


def _accounts(target: Target) -> Iterator[str]:
    if not target.accounts:
        return
    accounts = list(target.accounts.values())
    rows = [("", *target.accounts)]
    rows += [
        (field.partition(".")[2], *(_cell(field, account) for account in accounts))
        for field in COMPARED
        if any(is_spoken(field, value_of(account.recipe, field)) for account in accounts)
    ]
    yield "\n" + columns(rows, numbers=())
    yield f"{SILENT} not stated there; filled as the other has it, or by what is usual\n"
    for teller, account in target.accounts.items():
        yield _wrapped(f"{teller}: {account.source}")
        for name in IN_WORDS:
            if name in account.told:
                yield _wrapped(f"{name}: {account.told[name]}", "    ")


def _cell(field: str, account: Account) -> str:
    mark = f" {SILENT}" if field in account.silent else ""
    return f"{shown(value_of(account.recipe, field))}{mark}"


def _disagreements(target: Target) -> Iterator[str]:
    if target.disagreements:
        yield "\nwhere paper and scripts differ"
    for one in target.disagreements:
        yield _wrapped(f"{one.field}: {one.paper} in the paper, {one.scripts} in the scripts")
        if one.note:
            yield _wrapped(one.note, "    ")


def _how(target: Target) -> str:
    if target.missing:
        return _wrapped(f"This cell does not run here: {target.missing}.", "")
    lines = [f"verilora reproduce {target.name}"]
    if "scripts" in target.accounts:
        lines.append(f"verilora reproduce {target.name} --as scripts")
    return "\n".join(lines)


def _wrapped(text: str, indent: str = "  ") -> str:
    return textwrap.fill(
        text,
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent + "  ",
        break_long_words=False,
        break_on_hyphens=False,
    )
