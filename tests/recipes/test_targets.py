"""Every cell is a whole target: its number as printed, its citation, a runner or a reason."""

from __future__ import annotations

import json
from statistics import fmean

import pytest

from verilora.errors import RecipeError
from verilora.recipes.targets import find_target, target_names
from verilora.records.target import Target
from verilora.records.verdict import Verdict
from verilora.verdict.case import Case
from verilora.verdict.citation import check_complete, check_headers, check_quote
from verilora.verdict.plausibility import possible
from verilora.verdict.readings import is_share

TASKS = ("mnli", "sst2", "mrpc", "cola", "qnli", "qqp", "rte", "stsb")
ITEMS = (19_647, 872, 408, 1_043, 5_463, 40_430, 277, 1_500)
TRAIN_ROWS = (392_702, 67_349, 3_668, 8_551, 104_743, 363_846, 2_490, 5_749)
# Hu et al. 2021, table 2, as printed.
TABLE_2 = {
    "roberta-base": (
        (87.5, 95.1, 89.7, 63.4, 93.3, 90.8, 86.6, 91.5, 87.2),
        (0.3, 0.2, 0.7, 1.2, 0.3, 0.1, 0.7, 0.2),
    ),
    "roberta-large": (
        (90.6, 96.2, 90.9, 68.2, 94.9, 91.6, 87.4, 92.6, 89.0),
        (0.2, 0.5, 1.2, 1.9, 0.3, 0.1, 2.5, 0.2),
    ),
    "roberta-large-houlsby": (
        (90.6, 96.2, 90.2, 68.2, 94.8, 91.6, 85.2, 92.3, 88.6),
        (0.2, 0.5, 1.0, 1.9, 0.3, 0.2, 1.1, 0.5),
    ),
    "deberta-xxl": (
        (91.9, 96.9, 92.6, 72.4, 96.0, 92.9, 94.9, 93.0, 91.3),
        (0.2, 0.2, 0.6, 1.1, 0.1, 0.1, 0.4, 0.2),
    ),
}


def cell(row: str, column: str, table: str = "table2") -> Target:
    return find_target(f"lora/{table}/{row}/{column}")


def refused(name: str) -> str:
    with pytest.raises(RecipeError) as caught:
        find_target(name)
    return str(caught.value)


@pytest.mark.parametrize("row", TABLE_2)
def test_table_2_is_as_printed(row: str) -> None:
    values, spreads = TABLE_2[row]
    for number, column in enumerate((*TASKS, "avg")):
        reported = cell(row, column).reported
        assert (reported.value, reported.unit, reported.decimals) == (values[number], "percent", 1)
        assert (reported.runs, reported.aggregation) == (5, "median")
        if column == "avg":
            assert (reported.spread, reported.spread_kind, reported.items) == (None, None, None)
        else:
            assert (reported.spread, reported.spread_kind) == (spreads[number], "unknown")
            assert reported.items == ITEMS[number]
            assert cell(row, column).train_rows == TRAIN_ROWS[number]


@pytest.mark.parametrize("row", TABLE_2)
def test_the_averages_are_those_of_their_cells(row: str) -> None:
    mean = fmean(cell(row, column).reported.value for column in TASKS)
    # Each value is rounded, so that their mean may be off by half a digit, as may the average.
    assert abs(mean - cell(row, "avg").reported.value) <= 0.05 + 1e-9


@pytest.mark.parametrize("name", target_names())
def test_every_target_is_whole(name: str) -> None:
    target = find_target(name)
    assert target.name == name
    assert Target.model_validate(json.loads(target.canonical())) == target
    assert bool(target.accounts) != bool(target.missing)
    assert target.paper.arxiv_id == target.citation.paper_arxiv_id == "2106.09685"
    assert target.citation.reported_value == target.reported.value
    assert target.bases and target.shape


@pytest.mark.parametrize("name", target_names())
def test_every_share_is_possible_for_its_items(name: str) -> None:
    target = find_target(name)
    if target.reported.items and is_share(target.citation.reported_metric):
        answer = possible(target.reported, target.reported.items)
        assert answer.passed is True, answer.detail
    else:
        assert target.metric != "accuracy"


def paper_text(target: Target) -> str:
    """A made-up paper with the target's line, as an extraction may leave it."""
    citation = target.citation
    line = (citation.quoted_text or "").replace("±", " ±").replace(" ", "\n", 1)
    return (
        f"Some words before. {citation.section}: Ours. Method Trained {citation.column} and more\n"
        f"{citation.notes or ''}\n{line}\nTable 99: Other things."
    )


@pytest.mark.parametrize("name", target_names())
def test_the_citation_passes_the_gates_on_a_text_that_has_it(name: str) -> None:
    target = find_target(name)
    verdict = Verdict(
        kind="PRE", status="pending", claim_citation=target.citation, reported=target.reported
    )
    case = Case(verdict, paper_text=paper_text(target))
    for check in (check_complete, check_quote, check_headers):
        answer = check(case)
        assert answer.passed is True, answer.detail
    other = Case(verdict, paper_text=paper_text(target).replace("LoRA", "Bridges"))
    assert check_quote(other).passed is False


@pytest.mark.parametrize(
    ("table", "row", "values"),
    [
        ("table3", "gpt2-medium", (70.4, 8.85, 46.8, 71.8, 2.53)),
        ("table3", "gpt2-large", (70.4, 8.89, 46.8, 72.0, 2.47)),
        ("table13", "gpt2-medium", (47.1, 0.39, 0.46)),
        ("table13", "gpt2-large", (47.5, 0.39, 0.45)),
        ("table14", "gpt2-medium", (46.7, 62.1, 55.3, 0.38, 0.44, 0.41, 0.46, 0.33, 0.39)),
        ("table14", "gpt2-large", (48.4, 64.0, 57.0, 0.39, 0.45, 0.42, 0.45, 0.32, 0.38)),
    ],
)
def test_the_tables_of_gpt_2(table: str, row: str, values: tuple[float, ...]) -> None:
    names = [name for name in target_names() if name.startswith(f"lora/{table}/{row}/")]
    found = [find_target(name) for name in names]
    assert tuple(one.reported.value for one in found) == values
    assert {(one.reported.runs, one.reported.aggregation) for one in found} == {(3, "mean")}
    assert {one.reported.unit for one in found} == {"points"}
    assert all(one.reported.items == (4_693 if table == "table3" else None) for one in found)
    if table == "table3":
        assert all(one.missing is None for one in found)
    else:
        assert all("text" in (one.missing or "") for one in found)
        assert all("learning rate 2e-4" in (one.citation.notes or "") for one in found)


def test_the_spreads_of_table_3() -> None:
    found = [cell("gpt2-medium", column, "table3").reported for column in ("nist", "rouge-l")]
    assert [(one.spread, one.decimals) for one in found] == [(0.02, 2), (0.1, 1)]


def test_three_tasks_started_from_mnli_but_for_the_dagger_row() -> None:
    for row in TABLE_2:
        started = {column for column in TASKS if cell(row, column).start == "adapter"}
        assert started == (set() if row.endswith("houlsby") else {"mrpc", "rte", "stsb"})
        assert {cell(row, column).start_task for column in started} <= {"mnli"}


def test_averages_and_generation_say_why_they_do_not_run() -> None:
    assert "eight cells" in (cell("roberta-base", "avg").missing or "")
    assert "eight cells" in (cell("deberta-xxl", "avg").missing or "")


def test_names_that_are_not_there_meet_the_nearest() -> None:
    near = "did you mean 'lora/table2/roberta-base/mrpc'"
    assert near in refused("lora/table2/roberta-base/mprc")
    assert near in refused("lora/tabel2/roberta-bse/mrpc")
    assert f"{near}?" in refused("table2/roberta-base/mrpc")
    assert f"{near} or 'lora/table2/roberta-large/mrpc'" in refused("MRPC")
    assert "'lora/table2/deberta-xxl/mrpc'" in refused("lora/table2/deberta/mrpc")
    within = "it holds 9 of them, such as 'lora/table2/deberta-xxl/mnli'"
    assert within in refused("lora/table2/deberta-xxl")
    message = refused("nothing-like-it")
    assert "did you mean" not in message
    assert "verilora recipes list" in message


def test_names_are_listed_once_with_the_smallest_table_first() -> None:
    names = target_names()
    assert len(names) == len(set(names)) == 4 * 9 + 2 * 5 + 2 * 3 + 2 * 9
    assert names[0] == "lora/table2/roberta-base/mnli"
    assert names[-1] == "lora/table14/gpt2-large/ter-all"
