"""A cell in words: its number, its two accounts side by side, and how to run it."""

from __future__ import annotations

from verilora.cli.targets import WIDTH, number_told, summary_of, table_of, target_told
from verilora.recipes.targets import find_target, target_names

MRPC = find_target("lora/table2/roberta-base/mrpc")
BLEU = find_target("lora/table13/gpt2-medium/bleu")


def line_of(text: str, word: str) -> list[str]:
    return next(line.split() for line in text.splitlines() if line.startswith(f"{word} "))


def test_numbers_as_printed() -> None:
    assert number_told(MRPC) == "89.7 ± 0.7"
    assert number_told(find_target("lora/table3/gpt2-medium/nist")) == "8.85 ± 0.02"
    assert number_told(find_target("lora/table2/roberta-base/avg")) == "87.2"


def test_a_cell_among_others() -> None:
    assert summary_of(MRPC) == {
        "name": MRPC.name,
        "metric": "accuracy",
        "value": 89.7,
        "spread": 0.7,
        "unit": "percent",
        "start": "adapter",
        "runs": True,
        "missing": None,
    }
    lines = table_of([MRPC, BLEU]).splitlines()
    assert lines[0].split() == ["target", "reported", "unit", "runs", "here"]
    assert lines[1].endswith("yes, from an adapter of mnli")
    assert lines[2].endswith("  no (1)")
    assert lines[3].startswith("(1) verilora does not read DART's texts yet")


def test_both_accounts_stand_side_by_side() -> None:
    told = target_told(MRPC)
    assert line_of(told, "alpha") == ["alpha", "8", "16"]
    assert line_of(told, "batch_size") == ["batch_size", "16", "128"]
    assert line_of(told, "weight_decay") == ["weight_decay", "0.1", "*", "0.1"]
    assert line_of(told, "max_length") == ["max_length", "512", "512"]
    assert "scale_rule" not in told


def test_a_cell_tells_where_it_stands_and_how_to_run_it() -> None:
    told = target_told(MRPC)
    assert "Table 2, page 6, row 'RoBbase (LoRA)', column 'MRPC':" in told
    assert f"  {MRPC.citation.quoted_text}\n" in told
    assert "median of 5 runs; what its ± is, it does not say" in told
    assert "an adapter trained on mnli (--start ADAPTER)" in told
    assert "3,668 to train on, 408 to evaluate on" in told
    assert "adapter.alpha: 8 in the paper, 16 in the scripts" in told
    assert "examples/NLU/roberta_base_mrpc.sh" in told
    assert told.endswith(f"verilora reproduce {MRPC.name} --as scripts")


def test_a_cell_without_scripts_is_run_one_way() -> None:
    name = "lora/table2/roberta-large-houlsby/rte"
    assert target_told(find_target(name)).endswith(f"\nverilora reproduce {name}")


def test_a_cell_that_does_not_run_says_why_and_how_it_was_made() -> None:
    told = target_told(BLEU)
    assert "This cell does not run here: verilora does not read DART's texts yet" in told
    assert "learning rate 2e-4" in " ".join(told.split())
    assert "length penalty 0.8, no repeated" in " ".join(told.split())


def test_a_cell_of_text_tells_how_it_is_written() -> None:
    told = target_told(find_target("lora/table3/gpt2-medium/bleu"))
    assert "70.4 ± 0.1 points, BLEU" in told
    assert line_of(told, "beams") == ["beams", "10", "10"]
    assert line_of(told, "length_penalty") == ["length_penalty", "0.9", "0.8"]
    assert line_of(told, "label_smoothing") == ["label_smoothing", "0.1", "0.1"]
    assert "generation.length_penalty: 0.9 in the paper, 0.8 in the scripts" in told


def test_lines_are_no_longer_than_a_page_is_wide() -> None:
    for name in target_names():
        target = find_target(name)
        lines = target_told(target).replace(target.citation.quoted_text or "", "").splitlines()
        assert max(map(len, lines)) <= WIDTH + 4, name
