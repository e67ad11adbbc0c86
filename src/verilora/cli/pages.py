"""The pictures and pages that a command leaves beside the records."""

from __future__ import annotations

from pathlib import Path


def draw_pages(directory: Path) -> None:
    """Leaves curves.png and report.html in the directory of a finished run."""
    from verilora.charts import write_curves
    from verilora.report import write_report

    write_curves(directory)
    write_report(directory)


def draw_verdict(directory: Path) -> None:
    """Leaves verdict.png and report.html beside a verdict, and a page with each of its runs."""
    from verilora.charts import write_verdict
    from verilora.report import write_verdict_report

    for record in sorted(directory.glob("*/run.json")):
        if not (record.parent / "report.html").exists():
            draw_pages(record.parent)
    write_verdict(directory)
    write_verdict_report(directory)
