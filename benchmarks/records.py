"""Made-up verdicts with the runs behind them, signed: one for each cell of a table."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

from verilora.claims.envelope import sign
from verilora.claims.keys import make_key
from verilora.claims.predicates import statement_of
from verilora.records.measurement import Reported
from verilora.records.protocol import DIMENSIONS, Row
from verilora.records.run import Run
from verilora.records.verdict import Citation, Paper, Plan, VerdictDocument, Verdicts
from verilora.verdict.conclude import Result, Stamp, Work, conclude, preregister

TEMPLATE = Path(__file__).parents[1] / "tests" / "web" / "records.json"
"""Parts of records that the tests make theirs of too."""
SEEDS = 5


def documents(count: int, *, seed: int = 0) -> Iterator[bytes]:
    """Envelopes of so many verdicts, each after the runs that it names."""
    key, chance = make_key("benchmark"), random.Random(seed)
    parts = json.loads(TEMPLATE.read_bytes())
    for number in range(count):
        runs = [
            Run.model_validate({**parts["run"], "seed": one + 100 * number}) for one in range(SEEDS)
        ]
        yield from (sign(statement_of(run), key) for run in runs)
        values = [chance.gauss(89.5, 0.6) for _ in runs]
        yield sign(statement_of(_document(number, values, runs=runs, parts=parts)), key)


def _document(number: int, values: list[float], *, runs: list[Run], parts: dict) -> VerdictDocument:
    arxiv_id = f"2106.{number:05d}"
    cited = {**parts["citation"], "paper_arxiv_id": arxiv_id, "quoted_text": "Bridges 89.7 ± .7"}
    rows = [
        {"dimension": name, "state": "same", "paper": f"their {name}", "ours": f"our {name}"}
        for name in DIMENSIONS
    ]
    pre = preregister(
        Citation.model_validate(cited),
        Reported.model_validate(parts["reported"]),
        plan=Plan.model_validate({**parts["plan"], "seeds": list(range(SEEDS))}),
        protocol=tuple(Row.model_validate({**row, "reason": "made up"}) for row in rows),
        forecast=0.8,
        stamp=Stamp("benchmark", "2026-01-01T00:00:00Z"),
    )
    given = {"trainable": 1000, "losses": (0.7, 0.3), "data": parts["plan"]["data"]}
    results = tuple(
        Result(seed, value, run=run.digest, preregistration=pre.digest, **given)
        for seed, (value, run) in enumerate(zip(values, runs, strict=True))
    )
    post = conclude(pre, Work(results, 408, 408), stamp=Stamp("benchmark", "2026-01-02T00:00:00Z"))
    paper = {**parts["paper"], "arxiv_id": arxiv_id, "title": f"Bridges {number}"}
    return VerdictDocument(
        format="verilora.verdict/1",
        paper=Paper.model_validate(paper),
        verdict=post,
        verdicts=Verdicts(post=post, pre=pre),
    )
