"""A made-up reproduction, whole and sound, that each test bends in the place it is about."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from verilora.records.measurement import Measured, Reported
from verilora.records.protocol import DIMENSIONS, Row
from verilora.records.verdict import Citation, Gate, Plan, Verdict
from verilora.verdict.conclude import Result, Stamp, Work, conclude, preregister
from verilora.verdict.decide import Evidence
from verilora.verdict.limits import SANITY

DATA = "sha256:" + "d" * 64
PAPER = """Results. Table 1: The sizes of the models.
Encoder-small has 14M parameters, and fewer are
trained. See below.
Table 2: Accuracy on the develop-
ment sets; ± is the standard deviation of five runs.
Method Trained RTE MRPC
Encoder-small (full) 14M 85.0±.3 90.2±.4
Encoder-small (Bridges) 0.3M 86.6 ± .7 89.7 ± .7
Table 3: Ablations. Encoder-small (Bridges) at width two gives 88.1.
"""


class Kit:
    """Makers of every part; keywords change what they make."""

    paper = PAPER
    before = Stamp("test-1", "2026-01-01T00:00:00Z")
    after = Stamp("test-1", "2026-01-02T00:00:00Z")

    def reported(self, **changes: Any) -> Reported:
        given = {
            "value": 89.7,
            "unit": "percent",
            "spread": 0.7,
            "spread_kind": "sd",
            "runs": 5,
            "aggregation": "mean",
            "decimals": 1,
        }
        return Reported.model_validate({**given, **changes})

    def values(self, centre: float, *, sd: float = 0.6, runs: int = 5) -> tuple[float, ...]:
        """Runs whose mean and median are `centre` and whose standard deviation is `sd`."""
        steps = np.linspace(-1, 1, runs)
        return tuple(float(x) for x in centre + sd * steps / (steps.std(ddof=1) if sd else 1))

    def measured(self, *values: float, **changes: Any) -> Measured:
        return Measured.model_validate({"values": values, "unit": "percent", **changes})

    def rows(self, **states: str) -> tuple[Row, ...]:
        return tuple(self.row(name, states.get(name, "same")) for name in DIMENSIONS)

    def row(self, name: str, state: str) -> Row:
        filled = {"silent_before": "before", "silent_after": "after"}.get(state)
        given = "paper_silent" if filled else state
        return Row.model_validate(
            {"dimension": name, "state": given, "ours": "this", "reason": "why", "filled": filled}
        )

    def gates(self, **passed: bool | None) -> tuple[Gate, ...]:
        given: dict[str, bool | None] = dict.fromkeys(SANITY, True)
        given |= {rule.replace("_", "-"): value for rule, value in passed.items()}
        return tuple(Gate(rule=rule, passed=value, detail=rule) for rule, value in given.items())

    def evidence(self, centre: float = 89.5, **changes: Any) -> Evidence:
        reported = changes.pop("reported", self.reported())
        measured = changes.pop("measured", self.measured(*self.values(centre)))
        given = {
            "metric": "accuracy",
            "margin": 1.4,
            "margin_source": "test",
            "level": "exact",
            "registered": True,
            "gates": self.gates(),
        }
        return Evidence(reported, measured, **{**given, **changes})

    def citation(self, **changes: Any) -> Citation:
        given = {
            "paper_arxiv_id": "9912.01234",
            "section": "Table 2",
            "row": "Encoder-small (Bridges)",
            "column": "MRPC",
            "reported_value": 89.7,
            "reported_metric": "accuracy",
            "quoted_text": "Encoder-small (Bridges) 0.3M 86.6 ± .7 89.7 ± .7",
        }
        return Citation.model_validate({**given, **changes})

    def plan(self, **changes: Any) -> Plan:
        given = {
            "target": "bridges/table2/encoder-small/mrpc",
            "seeds": [0, 1, 2, 3, 4],
            "margin": 1.4,
            "unit": "percent",
            "margin_source": "twice the standard deviation of the paper's runs",
            "aggregation": "mean",
            "selection": "last epoch, as in the paper",
            "failed_run": "a loss that is not finite",
            "trainable": 1000,
            "data": DATA,
            "majority": 68.38,
        }
        return Plan.model_validate({**given, **changes})

    def pre(self, **changes: Any) -> Verdict:
        plan = changes.pop("plan", self.plan())
        given = {"protocol": self.rows(), "forecast": 0.8, "stamp": self.before, **changes}
        citation = given.pop("citation", self.citation())
        reported = given.pop("reported", self.reported())
        return preregister(citation, reported, plan=plan, **given)

    def results(self, *values: float | None, pre: Verdict, **changes: Any) -> tuple[Result, ...]:
        given = {"trainable": 1000, "losses": (0.7, 0.3), "data": DATA, **changes}
        named = {"preregistration": pre.digest, **given}
        return tuple(
            Result(seed, value, run=f"sha256:{seed:064x}", **named)
            for seed, value in enumerate(values)
        )

    def post(self, *values: float | None, pre: Verdict | None = None, **changes: Any) -> Verdict:
        """The verdict on runs with these values, on all 408 items unless said otherwise."""
        made = pre or self.pre()
        work = {"evaluated": 408, "full_size": 408}
        work |= {name: changes.pop(name) for name in ("evaluated", "protocol") if name in changes}
        text = changes.pop("paper_text", None)
        results = self.results(*(values or self.items(365)), pre=made, **changes)
        return conclude(made, Work(results, **work), stamp=self.after, paper_text=text)

    def concluded(self, results: tuple[Result, ...], *, pre: Verdict) -> Verdict:
        """The verdict on these results, on all 408 items."""
        return conclude(pre, Work(results, 408, 408), stamp=self.after)

    def versus(self, **changes: Any) -> Verdict:
        """A preregistration of a comparison: both sides are measured, three seeds each."""
        reference = {"name": "full fine-tuning", "seeds": [0, 1, 2], "trainable": 9000}
        own = {"seeds": [0, 1, 2], "margin": 1.5, "reference": reference, "share_below": 1.0}
        quoted = {"quoted_text": "Encoder-small has 14M parameters", "section": "Results"}
        claim = self.citation(**quoted).replace(reported_value=None, row=None, column=None)
        plan = changes.pop("plan", self.plan(**own | changes.pop("planned", {})))
        return self.pre(plan=plan, citation=claim, reported=None, **changes)

    def compared(
        self, ours: tuple, theirs: tuple, *, pre: Verdict | None = None, **changes: Any
    ) -> Verdict:
        """The verdict on two sides with these values, on all 408 items."""
        made = pre or self.versus()
        counts = {"adapter": 73, "encoder": 9000, **changes}
        text, there = counts.pop("paper_text", None), counts.pop("inputs_there", None)
        results = self.results(*ours, pre=made, **counts)
        reference = self.results(*theirs, pre=made, trainable=9000, inputs=there)
        work = Work(results, 408, 408, reference=reference)
        return conclude(made, work, stamp=self.after, paper_text=text)

    def items(self, centre: int, *, step: int = 2, runs: int = 5) -> tuple[float, ...]:
        """Accuracies that 408 items can give, around `centre` right ones."""
        counts = [centre + step * (i - runs // 2) for i in range(runs)]
        return tuple(100 * count / 408 for count in counts)


@pytest.fixture(scope="session")
def kit() -> Kit:
    return Kit()
