from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from verilora.data.dataset import Example
from verilora.data.findings import Findings
from verilora.data.rows import class_labelling, own_labelling, spell, to_examples, value_labelling
from verilora.data.tasks import GLUE, Task
from verilora.errors import DataError

YES_NO = class_labelling({"no": 0, "yes": 1})
OWN = Task("own", "classification", ("text",), "label", labels=("no", "yes"), metrics=())


def examples(*rows: tuple[Any, ...], **options: Any) -> list[Example]:
    findings = Findings(Path("a.tsv"))
    numbered = enumerate(rows, 2)
    return to_examples(numbered, findings, labelling=YES_NO, prefix="train", **options)


def test_rows_become_examples_with_ids_by_their_place() -> None:
    assert examples(("a ", "yes"), (" b", "no")) == [
        Example("train-0", ("a ",), 1),
        Example("train-1", (" b",), 0),
    ]


def test_of_a_pair_one_text_may_be_empty() -> None:
    assert examples(("a", "", "yes"))[0].texts == ("a", "")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (("a", "0"), "line 2: label '0' is unknown (wanted: 'no', 'yes')"),
        (("a", "yess"), "label 'yess' is unknown; did you mean 'yes'?"),
        (("a", ""), "line 2: the label is missing"),
        (("a", None), "line 2: the label is missing"),
        (("a", ["yes"]), "the label is ['yes']"),
        ((None, "yes"), "line 2: a text is missing"),
        ((3, "yes"), "line 2: a text is 3; a string is wanted"),
        ((" ", "", "yes"), "line 2: the text is empty"),
    ],
)
def test_faults(row: tuple[Any, ...], said: str) -> None:
    with pytest.raises(DataError) as caught:
        examples(row)
    assert said in str(caught.value)


def test_all_faults_of_a_file_are_told_at_once() -> None:
    with pytest.raises(DataError) as caught:
        examples(("a", "x"), ("b", "yes"), ("", "no"))
    assert (caught.value.facts["count"], caught.value.facts["line"]) == (2, 2)
    assert "line 4: the text is empty" in str(caught.value)


def test_no_rows_are_a_fault() -> None:
    with pytest.raises(DataError, match=r"a\.tsv holds no rows"):
        examples()


def test_rows_without_a_label_by_design_are_counted() -> None:
    findings = Findings(Path("a.tsv"))
    rows = enumerate([("a", "-"), ("b", "no")], 2)
    unlabelled = {"-": "no gold label"}
    found = to_examples(rows, findings, labelling=YES_NO, prefix="v", unlabelled=unlabelled)
    assert found == [Example("v-0", ("b",), 0)]
    assert findings.dropped == {"no gold label": 1}


@pytest.mark.parametrize(
    ("value", "spelt"), [(1, "1"), (1.0, "1"), (0.5, "0.5"), (True, "true"), ("1.0", "1.0")]
)
def test_labels_are_spelt_as_json_spells_them(value: Any, spelt: str) -> None:
    assert spell(value) == spelt


def test_values_are_finite_and_in_range() -> None:
    value_of = value_labelling((0.0, 5.0))
    assert [value_of(x) for x in ("3.20", 5, 0.25, "1e-1")] == [3.2, 5.0, 0.25, 0.1]
    assert isinstance(value_of("5"), float)
    for bad in ("nan", "inf", "high", True, float("nan")):
        with pytest.raises(ValueError, match="no finite number"):
            value_of(bad)
    for bad in ("5.01", -1):
        with pytest.raises(ValueError, match="outside 0 to 5"):
            value_of(bad)
    assert value_labelling()("-1e6") == -1e6


def test_own_labels_are_names_and_glue_takes_the_hubs_numbers_too() -> None:
    assert own_labelling(OWN)("yes") == 1
    with pytest.raises(ValueError, match="label '1' is unknown"):
        own_labelling(OWN)(1)
    rte = own_labelling(GLUE["rte"])
    assert rte(1) == rte("1") == rte("not_entailment") == 1
    assert own_labelling(GLUE["stsb"])("2.5") == 2.5
