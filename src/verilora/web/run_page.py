"""A run's page: its figures, its curves, and what it was made of."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from verilora.charts import svg
from verilora.charts.panels import panels
from verilora.charts.words import metric_told
from verilora.registry.views import RunView, VerdictView
from verilora.report.tables import data_told, figures, measured, results
from verilora.web.links import Links, envelope_path, run_path
from verilora.web.standing import SIGNATURES, history_of, notices_told
from verilora.web.verdict_page import item_of


def run_facts(
    view: RunView, links: Links, *, verdicts: Sequence[VerdictView], places: Mapping[str, str]
) -> dict[str, Any]:
    """What templates/run.html tells. Each single step is in the run's own files."""
    run, path = view.run, run_path(view.entry.digest)
    main = run.metrics[run.main_metric]
    return {
        "run": run,
        "entry": view.entry,
        "path": path,
        "twin": f"{path}.json",
        "headline": f"{metric_told(run.main_metric, main.value)}, seed {run.seed}",
        "notices": notices_told(view.notices, places),
        "figures": figures(run),
        "results": results(run),
        "measured": measured(run),
        "drawings": [svg.lay_out(panel) for panel in panels(run, ())],
        "box": svg,
        "data": data_told(run),
        "verdicts": [item_of(one) for one in verdicts],
        "checks": _checks(view, links),
        "digests": [(name, value) for name, value in run.digests.to_mapping().items() if value],
        "history": history_of(view.entry, view.notices),
        "signature_words": SIGNATURES,
        "here": "/verdicts",
    }


def _checks(view: RunView, links: Links) -> list[tuple[str, str]]:
    name = f"{view.entry.digest.removeprefix('sha256:')[:12]}.dsse.json"
    signed = shlex.quote(links.outside(envelope_path(view.entry.digest)))
    told = "Fetch the signed record, and check the signature with the keys that you trust:"
    return [
        (told, f"curl -sSfo {name} \\\n{signed}\nverilora verify {name} --trust trust.dsse.json")
    ]
