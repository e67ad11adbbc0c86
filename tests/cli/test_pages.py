"""Pages are drawn beside the records, and those that are there stay."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from verilora.cli import pages


def test_a_run_gets_curves_and_a_page(write_run: Callable[..., Path]) -> None:
    directory = write_run()
    pages.draw_pages(directory)
    assert (directory / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert "<html" in (directory / "report.html").read_text("utf-8")


def test_a_verdict_gets_a_page_and_so_do_its_runs(
    reproduction: Any, write_run: Callable[..., Path]
) -> None:
    runs = [write_run(f"out/seed-{seed}", seed=seed) for seed in (0, 1)]
    out = runs[0].parent
    (out / "verdict.json").write_bytes(reproduction(89.2, 89.9, 90.4).canonical())
    (runs[0] / "report.html").write_text("drawn before", "utf-8")
    pages.draw_verdict(out)
    assert (out / "verdict.png").read_bytes().startswith(b"\x89PNG")
    assert "<html" in (out / "report.html").read_text("utf-8")
    assert (runs[0] / "report.html").read_text("utf-8") == "drawn before"
    assert (runs[1] / "curves.png").is_file()
