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
