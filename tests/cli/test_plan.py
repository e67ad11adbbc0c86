"""plan: the parameters of the run that would follow, and memory by phase."""

from __future__ import annotations

import json

from verilora.charts.panels import read_run


def test_the_plan_has_the_parameters_of_the_run(verilora, recipe_file, trained):
    told = verilora("plan", recipe_file, "--json")
    assert told.status == 0
    found = json.loads(told.out)
    run = read_run(trained)
    assert found["parameters"] == run.parameters.to_mapping()
    assert found["steps"] == run.steps
    assert found["memory"]["peak"] > found["memory"]["weights"] > 0


def test_words_and_overrides(verilora, recipe_file):
    told = verilora("plan", recipe_file, "--set", "adapter.rank=4", "--set", "training.max_steps=3")
    assert told.status == 0
    assert "planning tiny" in told.err
    assert "adapter" in told.out
    assert "memory" in told.out
    assert any(line.split()[:2] == ["steps", "3"] for line in told.out.splitlines())


def test_a_rank_above_the_layers_size_is_a_sentence(verilora, recipe_file):
    told = verilora("plan", recipe_file, "--set", "adapter.rank=400")
    assert (told.status, told.out) == (1, "")
    assert "rank" in told.err
    assert "Traceback" not in told.err


def test_a_target_is_planned_with_the_chance_of_a_decision(verilora, tiny_base, tmp_path):
    head = "Quality\t#1 ID\t#2 ID\t#1 String\t#2 String\n"
    for name in ("train", "dev"):
        rows = "".join(f"{n % 2}\t{n}\t{n}\ta good day\ta bad day\n" for n in range(4))
        (tmp_path / f"{name}.tsv").write_text(head + rows, "utf-8")
    cell = ["lora/table2/roberta-base/mrpc", "--model", tiny_base, "--data", tmp_path]
    short = ["--set", "training.epochs=1", "--seeds", "0,1,2", "--measure"]
    told = verilora("plan", *cell, *short)
    assert told.status == 0, told.err
    assert "The most that can come of it with 3 seeds: partial." in told.out
    assert "found same" in told.out
    assert [line.split()[0] for line in told.out.splitlines()[-4:]] == ["3", "5", "8", "10"]
    assert "measuring the pace" in told.err
    found = json.loads(verilora("plan", *cell, *short, "--json").out)
    assert [chance["runs"] for chance in found["chances"]] == [3, 5, 8, 10]
    assert all(chance["seconds"] > 0 for chance in found["chances"])
    assert found["highest"] == "partial"
    assert sorted(item.name for item in tmp_path.iterdir()) == ["dev.tsv", "train.tsv"]


def test_what_is_for_targets_is_not_for_recipes(verilora, recipe_file):
    told = verilora("plan", recipe_file, "--seeds", "0,1", "--limit", "3")
    assert told.status == 2
    assert "--seeds, --limit" in told.err
