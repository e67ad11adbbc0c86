from __future__ import annotations

import pytest

from verilora.data.metrics import LANGUAGE_MEASURES, MEASURES
from verilora.data.tasks import GLUE, METRICS, find_task, task_names
from verilora.errors import RecipeError
from verilora.records.recipe import TaskSection
from verilora.scores.measure import SCORES

OWN = {"train": "t.csv", "validation": "v.csv", "text_columns": ["a"], "label_column": "b"}


def own(**fields: object) -> TaskSection:
    return TaskSection.model_validate({"kind": "classification", **OWN, **fields})


def test_all_nine_are_there_with_the_hubs_label_order() -> None:
    labels = {name: task.labels for name, task in GLUE.items()}
    assert labels == {
        "cola": ("unacceptable", "acceptable"),
        "sst2": ("negative", "positive"),
        "mrpc": ("not_equivalent", "equivalent"),
        "stsb": (),
        "qqp": ("not_duplicate", "duplicate"),
        "mnli": ("entailment", "neutral", "contradiction"),
        "qnli": ("entailment", "not_entailment"),
        "rte": ("entailment", "not_entailment"),
        "wnli": ("not_entailment", "entailment"),
    }


def test_metrics_are_those_of_glue_the_main_one_first() -> None:
    metrics = {name: task.metrics for name, task in GLUE.items()}
    assert metrics == {
        **dict.fromkeys(("sst2", "mnli", "qnli", "rte", "wnli"), ("accuracy",)),
        **dict.fromkeys(("mrpc", "qqp"), ("accuracy", "f1")),
        "cola": ("matthews",),
        "stsb": ("pearson", "spearman"),
    }


def test_single_sentences_and_pairs() -> None:
    columns = {name: len(task.text_columns) for name, task in GLUE.items()}
    assert {name for name, count in columns.items() if count == 1} == {"cola", "sst2"}
    assert [GLUE[name].outputs for name in ("cola", "mnli", "stsb")] == [2, 3, 1]


def test_every_metric_is_measured() -> None:
    assert list(METRICS) == [*MEASURES, *LANGUAGE_MEASURES, *SCORES]
    assert [name for name, facts in METRICS.items() if facts.written] == list(SCORES)
    assert [name for name, facts in METRICS.items() if facts.lower_is_better] == ["perplexity"]


def test_a_name_brings_everything() -> None:
    assert find_task(TaskSection(name="rte")) == GLUE["rte"]
    assert find_task(TaskSection(name="mrpc", metrics=("f1",))).metrics == ("f1",)
    assert "stdlib-pairs" in task_names()


def test_a_misspelt_name_gets_the_nearest() -> None:
    with pytest.raises(RecipeError, match="no task 'mprc'; did you mean 'mrpc'"):
        find_task(TaskSection(name="mprc"))


def test_own_files_get_the_usual_metrics_of_their_kind() -> None:
    assert find_task(own(labels=["no", "yes"])).metrics == ("accuracy", "f1")
    assert find_task(own(labels=["a", "b", "c"])).metrics == ("accuracy", "macro_f1")
    values = find_task(own(kind="regression"))
    assert values.metrics == ("pearson", "spearman")
    assert (values.labels, values.outputs) == ((), 1)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "labels names 0 classes"),
        ({"labels": ["a"]}, "labels names 1 classes"),
        ({"labels": ["a", "b", "a"]}, "labels names 'a' twice"),
        ({"kind": "regression", "labels": ["a", "b"]}, "labels are for classification"),
        ({"labels": ["a", "b"], "metrics": ["acuracy"]}, "did you mean 'accuracy'"),
        ({"labels": ["a", "b"], "metrics": ["pearson"]}, "'pearson' is for regression"),
        ({"labels": ["a", "b", "c"], "metrics": ["f1"]}, "'macro_f1' takes any number"),
        ({"labels": ["a", "b"], "metrics": []}, "metrics is empty"),
    ],
)
def test_what_cannot_be_is_refused(fields: dict[str, object], said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        find_task(own(**fields))


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(RecipeError) as caught:
        find_task(own(labels=["a", "a"], metrics=["pearson", "sparman"]))
    assert len(caught.value.facts["faults"]) == 3


def test_a_named_task_keeps_its_labels_and_its_number_of_texts() -> None:
    with pytest.raises(RecipeError, match="has its own labels"):
        find_task(TaskSection(name="rte", labels=("not_entailment", "entailment")))
    with pytest.raises(RecipeError, match="wants 2 text_columns"):
        find_task(TaskSection(name="rte", text_columns=("sentence",)))


def causal(**fields: object) -> TaskSection:
    files = {"kind": "causal-lm", "train": "t.jsonl", "validation": "v.jsonl"}
    return TaskSection.model_validate({**files, **fields})


def test_a_causal_task_reads_texts_prompts_or_conversations() -> None:
    texts = find_task(causal(text_columns=["text"]))
    assert (texts.columns, texts.metrics) == (("text",), ("perplexity", "token_accuracy"))
    pairs = find_task(causal(text_columns=["mr"], label_column="ref"))
    assert pairs.columns == ("mr", "ref")
    talks = find_task(causal(messages_column="messages", metrics=["token_accuracy"]))
    assert (talks.columns, talks.metrics) == (("messages",), ("token_accuracy",))


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"messages_column": "m", "label_column": "c"}, "leave one of them out"),
        ({"text_columns": ["a", "b"]}, "text_columns names 2 columns; one is wanted"),
        ({"text_columns": ["a"], "labels": ["x", "y"]}, "labels are for classification"),
        ({"text_columns": ["a"], "metrics": ["accuracy"]}, "'accuracy' is for classification"),
    ],
)
def test_a_causal_task_that_cannot_be(fields: dict[str, object], told: str) -> None:
    with pytest.raises(RecipeError, match=told):
        find_task(causal(**fields))


def test_conversations_are_for_causal_tasks() -> None:
    with pytest.raises(RecipeError, match="messages_column is for kind 'causal-lm'"):
        find_task(own(labels=["x", "y"], messages_column="m"))
    with pytest.raises(RecipeError, match="messages_column is for kind 'causal-lm'"):
        find_task(TaskSection(name="mrpc", messages_column="m"))


def test_e2e_is_measured_while_it_trains_and_when_it_has_written() -> None:
    task = find_task(TaskSection(name="e2e"))
    assert (task.kind, task.columns, task.separated) == ("causal-lm", ("mr", "ref"), True)
    assert task.foretold == ("perplexity", "token_accuracy")
    assert task.written == ("bleu", "nist", "meteor_exact_stem", "rouge_l", "cider")
    assert find_task(TaskSection(name="mrpc")).written == ()


def test_what_is_measured_at_the_end_cannot_choose() -> None:
    with pytest.raises(RecipeError, match="metrics begins with 'bleu', measured when"):
        find_task(TaskSection(name="e2e", metrics=("bleu", "perplexity")))
