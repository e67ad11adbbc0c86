"""Whatever numbers a document holds, judging it ends with a judgement or a sentence."""

from __future__ import annotations

import math
from typing import Any, get_args

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from verilora.errors import DataError
from verilora.records.measurement import Aggregation, SpreadKind, Unit
from verilora.records.protocol import LEVELS
from verilora.records.reading import record_of
from verilora.records.verdict import Status, VerdictDocument
from verilora.verdict.judge import judge
from verilora.verdict.lower import down_from
from verilora.verdict.protocol import CONFIDENCE

NUMBER = st.one_of(
    st.floats(-(2.0**53) + 1, 2.0**53 - 1),
    st.floats(0, 100),
    st.sampled_from([0.0, 1.0, 89.7, 0.897, 100.0, 1e-300, -0.0]),
)
POSITIVE = NUMBER.map(abs)
COUNT = st.one_of(st.integers(1, 20), st.integers(1, 2**53 - 1))
METRIC = st.sampled_from(["accuracy", "f1", "", "error"])


def maybe(strategy: Any) -> Any:
    return st.none() | strategy


REPORTED = st.fixed_dictionaries(
    {"value": NUMBER, "unit": st.sampled_from(get_args(Unit))},
    optional={
        "spread": maybe(POSITIVE),
        "spread_kind": maybe(st.sampled_from(get_args(SpreadKind))),
        "runs": maybe(st.integers(1, 9)),
        "aggregation": maybe(st.sampled_from(get_args(Aggregation))),
        "decimals": maybe(st.integers(0, 15)),
        "items": maybe(COUNT),
    },
)
MEASURED = st.fixed_dictionaries(
    {"values": st.lists(NUMBER, max_size=6), "unit": st.sampled_from(get_args(Unit))},
    optional={
        "aggregation": maybe(st.sampled_from(get_args(Aggregation))),
        "mean": maybe(NUMBER),
        "sd": maybe(POSITIVE),
        "evaluated": maybe(COUNT),
        "full_size": maybe(COUNT),
        "failed": st.lists(st.integers(0, 9), max_size=2),
    },
)
SANITY = st.fixed_dictionaries(
    {},
    optional={
        "majority": maybe(NUMBER),
        "unit": maybe(st.sampled_from(get_args(Unit))),
        "losses_first": st.lists(NUMBER, max_size=3),
        "losses_last": st.lists(NUMBER, max_size=3),
    },
)
CITATION = st.fixed_dictionaries(
    {},
    optional={
        "reported_value": maybe(NUMBER),
        "reported_metric": maybe(METRIC),
        "quoted_text": maybe(st.sampled_from(["LoRA 89.7", "", "a"])),
        "section": maybe(st.sampled_from(["Table 2", "Section 3", ""])),
        "row": maybe(st.just("LoRA")),
        "column": maybe(st.just("MRPC")),
    },
)
VERDICT = st.fixed_dictionaries(
    {"kind": st.sampled_from(["POST", "PRE"]), "status": st.sampled_from(get_args(Status))},
    optional={
        "score": maybe(st.floats(0, 1)),
        "confidence": maybe(st.floats(0, 1)),
        "claim_citation": maybe(CITATION),
        "protocol_match": maybe(st.sampled_from(LEVELS)),
        "reported": maybe(REPORTED),
        "measured": maybe(MEASURED),
        "sanity": maybe(SANITY),
        "reference_measured": maybe(MEASURED),
        "reference_sanity": maybe(SANITY),
    },
)


@settings(deadline=None, max_examples=300, suppress_health_check=list(HealthCheck))
@given(VERDICT, st.sampled_from([None, "Table 2: LoRA MRPC 89.7", ""]))
def test_anything(verdict: dict, text: str | None) -> None:
    try:
        document = record_of(VerdictDocument, {"verdict": verdict})
        judgement = judge(document, paper_text=text)
    except DataError as error:
        assert len(str(error)) > 20
        return
    assert judgement.status in down_from(verdict["status"])
    assert judgement.status not in ("reproduced", "not_reproduced")
    assert 0 <= judgement.confidence <= CONFIDENCE[judgement.level]
    assert judgement.reasons
    if judgement.score is not None:
        assert 0 <= judgement.score <= 1
    if judgement.statistics is not None:
        assert all(map(math.isfinite, judgement.statistics.interval90))
