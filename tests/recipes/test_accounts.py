"""Two accounts of a cell, one recipe: what the scripts change, and what both leave open."""

from __future__ import annotations

import math

import pytest

from verilora.recipes import catalog
from verilora.recipes.accounts import Cell, accounts_of, disagreements_of, shown, stated
from verilora.recipes.paper_table import tables
from verilora.recipes.targets import find_target, target_names
from verilora.records.target import Disagreement, Target

RUN = [name for name in target_names() if find_target(name).accounts]
BOTH = [name for name in RUN if "scripts" in find_target(name).accounts]
DEBERTA = "lora/table2/deberta-xxl"
# microsoft/LoRA @ c4593f0, examples/NLU/*.sh: batch on all devices, learning rate, epochs, length.
SCRIPTS = {
    "roberta-base/mnli": (128, 5e-4, 30, 512),
    "roberta-base/sst2": (128, 5e-4, 60, 512),
    "roberta-base/mrpc": (128, 4e-4, 30, 512),
    "roberta-base/cola": (64, 4e-4, 80, 512),
    "roberta-base/qnli": (256, 4e-4, 25, 512),
    "roberta-base/qqp": (128, 5e-4, 25, 512),
    "roberta-base/rte": (256, 5e-4, 80, 512),
    "roberta-base/stsb": (128, 4e-4, 40, 512),
    "roberta-large/mnli": (32, 3e-4, 10, 128),
    "roberta-large/sst2": (64, 4e-4, 10, 512),
    "roberta-large/mrpc": (32, 3e-4, 20, 512),
    "roberta-large/cola": (32, 3e-4, 20, 128),
    "roberta-large/qnli": (32, 2e-4, 10, 512),
    "roberta-large/qqp": (32, 3e-4, 20, 512),
    "roberta-large/rte": (64, 4e-4, 20, 512),
    "roberta-large/stsb": (32, 3e-4, 10, 128),
    "deberta-xxl/mnli": (64, 1e-4, 5, 256),
    "deberta-xxl/sst2": (64, 6e-5, 16, 128),
    "deberta-xxl/mrpc": (256, 2e-4, 30, 128),
    "deberta-xxl/cola": (32, 1.3e-4, 10, 64),
    "deberta-xxl/qnli": (48, 1e-4, 8, 512),
    "deberta-xxl/qqp": (64, 1e-4, 11, 320),
    "deberta-xxl/rte": (32, 2.6e-4, 11, 320),
    "deberta-xxl/stsb": (32, 2e-4, 10, 128),
}
WARMUP_STEPS = {
    "mnli": 1000,
    "sst2": 1000,
    "cola": 100,
    "qnli": 500,
    "qqp": 10_000,
    "rte": 50,
    "stsb": 100,
}


def disputed(target: Target) -> dict[str, Disagreement]:
    return {one.field: one for one in target.disagreements}


@pytest.mark.parametrize("name", RUN)
def test_the_papers_account_is_the_shipped_recipe(name: str) -> None:
    _, table, row, column = name.split("/")
    account = find_target(name).accounts["paper"]
    task = "e2e" if table == "table3" else column
    assert account.recipe == catalog.load(f"lora-{row}-{task}")
    assert account.recipe.model.id == find_target(name).bases[0]
    assert account.recipe.training.select == "best"


@pytest.mark.parametrize("name", RUN)
def test_what_an_account_leaves_open_is_a_field_of_its_recipe(name: str) -> None:
    for account in find_target(name).accounts.values():
        recipe = account.recipe.to_mapping()
        for field in account.silent:
            section, key = field.split(".")
            assert key in recipe[section]
            assert field not in stated(account)
        assert {"base", "start", "training_data", "evaluation", "metric"} <= set(account.told)
        assert account.told["environment"]


@pytest.mark.parametrize("place", SCRIPTS)
def test_the_scripts_account(place: str) -> None:
    account = find_target(f"lora/table2/{place}").accounts["scripts"]
    training = account.recipe.training
    found = (training.batch_size, training.learning_rate, training.epochs, training.max_length)
    assert found == SCRIPTS[place]
    row, column = place.split("/")
    adapter = account.recipe.adapter
    assert (adapter.rank, adapter.alpha) == ((16, 32) if row == "deberta-xxl" else (8, 16))
    assert adapter.init == "kaiming"
    assert account.source.endswith(f"_{column}.sh")
    assert account.recipe.name == f"lora-{row}-{column}-as-scripts"
    assert account.silent == ("training.select",)


@pytest.mark.parametrize("column", WARMUP_STEPS)
def test_steps_of_warm_up_become_the_share_that_gives_them(column: str) -> None:
    target = find_target(f"{DEBERTA}/{column}")
    training = target.accounts["scripts"].recipe.training
    assert target.train_rows is not None
    steps = math.ceil(target.train_rows / training.batch_size) * training.epochs
    assert math.ceil(training.warmup_ratio * steps) == WARMUP_STEPS[column]


def test_the_dagger_row_has_no_script() -> None:
    target = find_target("lora/table2/roberta-large-houlsby/mrpc")
    assert set(target.accounts) == {"paper"}
    assert target.disagreements == ()


@pytest.mark.parametrize("name", BOTH)
def test_what_both_state_differently_is_a_disagreement(name: str) -> None:
    target = find_target(name)
    found, (ours, theirs) = disputed(target), map(stated, target.accounts.values())
    for field in set(ours) & set(theirs):
        assert (field in found) == (ours[field] != theirs[field])
    scripts = "generation.length_penalty" if "table3" in name else "training.batch_size"
    assert {"adapter.init", scripts, "seeds"} <= set(found)
    assert ("start" in found) == (target.start == "adapter")


def test_disagreements_that_are_known() -> None:
    base = disputed(find_target("lora/table2/roberta-base/mrpc"))
    alpha = base["adapter.alpha"]
    assert (alpha.paper, alpha.scripts) == ("8", "16")
    assert "66.55 %" in alpha.note
    assert base["training.batch_size"].scripts == "128 (16 on each of 8 devices)"
    assert "294,912" in base["trainable parameters"].note
    assert "classifier.out_proj" in base["start"].note
    large = disputed(find_target("lora/table2/roberta-large/stsb"))
    fields = ("batch_size", "epochs", "learning_rate", "max_length")
    found = [large[f"training.{field}"].scripts for field in fields]
    assert found == ["32 (4 on each of 8 devices)", "10", "0.0003", "128"]
    deberta = disputed(find_target(f"{DEBERTA}/cola"))
    assert "4,718,592" in deberta["adapter.rank"].note
    assert deberta["training.warmup_ratio"].scripts.endswith("(100 steps)")
    assert deberta["training.learning_rate"].scripts == "0.00013"
    assert "training.weight_decay" not in deberta


def test_a_cell_without_a_recipe_has_no_account() -> None:
    cell = Cell(tables()["lora/table13"], "gpt2-medium", "bleu")
    assert accounts_of(cell) == {}
    assert disagreements_of(cell, {}) == ()


@pytest.mark.parametrize("column", ["bleu", "nist", "meteor", "rouge-l", "cider"])
def test_the_cells_of_table_3_share_one_recipe(column: str) -> None:
    # Hu et al. 2021, table 11; microsoft/LoRA @ c4593f0, examples/NLG/README.md.
    target = find_target(f"lora/table3/gpt2-medium/{column}")
    paper, scripts = (target.accounts[teller].recipe for teller in ("paper", "scripts"))
    assert paper == find_target("lora/table3/gpt2-medium/bleu").accounts["paper"].recipe
    assert (paper.task.name, paper.task.validation) == ("e2e", "test")
    adapter, training, writing = paper.adapter, paper.training, paper.generation
    assert (adapter.rank, adapter.alpha, adapter.dropout) == (4, 32, 0.1)
    assert adapter.fused == {"c_attn": ("q", "v")}
    assert (training.epochs, training.batch_size, training.learning_rate) == (5, 8, 2e-4)
    assert (training.weight_decay, training.label_smoothing) == (0.01, 0.1)
    assert training.max_gradient_norm is None
    assert target.train_rows == 42_061
    steps = math.ceil(target.train_rows / 8) * 5
    assert (steps, math.ceil(training.warmup_ratio * steps)) == (26_290, 500)
    assert writing is not None and scripts.generation is not None
    assert (writing.beams, writing.no_repeat_ngram_size, writing.max_new_tokens) == (10, 4, 64)
    assert (writing.length_penalty, scripts.generation.length_penalty) == (0.9, 0.8)
    assert (adapter.init, scripts.adapter.init) == ("gaussian", "kaiming")
    assert set(find_target(f"lora/table3/gpt2-large/{column}").accounts) == {"paper"}


def test_values_in_words() -> None:
    assert [shown(value) for value in (None, 8, 4e-4, (0.9, 0.999), ["a"], {})] == [
        "none",
        "8",
        "0.0004",
        "0.9, 0.999",
        "a",
        "",
    ]
    assert shown({"c_attn": ("q", "v"), "b": ["k"]}) == "c_attn: q, v; b: k"
