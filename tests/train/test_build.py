from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from transformers import AutoModelForSequenceClassification

from verilora.errors import ModelError, RecipeError, TargetError
from verilora.lora import base_digests
from verilora.records.canonical import digest_of
from verilora.records.recipe import Recipe
from verilora.train.build import Build, build, count_parameters, trained_parameters


def head_of(made: Build) -> dict[str, torch.Tensor]:
    state = made.model.state_dict()
    return {name: value for name, value in state.items() if name.startswith("classifier.")}


@pytest.fixture
def copy(base: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(base, tmp_path / "copy"))


def test_the_base_is_the_files_and_in_float32(
    make_recipe: Callable[..., Recipe], base: Path
) -> None:
    made = build(make_recipe())
    stored = safetensors.torch.load_file(base / "model.safetensors")
    state = made.model.state_dict()
    assert all(torch.equal(state[f"bert.{name}"], value) for name, value in stored.items())
    assert {p.dtype for p in made.model.parameters()} == {torch.float32}


def test_the_head_depends_on_the_seed_alone(make_recipe: Callable[..., Recipe]) -> None:
    torch.manual_seed(1)
    first = head_of(build(make_recipe(seed=3)))
    torch.rand(100)
    again = head_of(build(make_recipe(seed=3, method="head")))
    other = head_of(build(make_recipe(seed=4)))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["classifier.weight"], other["classifier.weight"])


def test_the_global_random_state_is_not_touched(make_recipe: Callable[..., Recipe]) -> None:
    before = torch.get_rng_state()
    build(make_recipe())
    assert torch.equal(torch.get_rng_state(), before)


def test_the_adapters_seed_is_the_recipes(make_recipe: Callable[..., Recipe]) -> None:
    first, second = (
        dict(build(make_recipe(seed=seed, adapter={"seed": 9})).model.named_parameters())
        for seed in (0, 1)
    )
    (name, *_) = (name for name in first if name.endswith(".A"))
    assert not torch.equal(first[name], second[name])


@pytest.mark.parametrize(
    ("method", "trained"),
    [("lora", {"A", "B", "weight", "bias"}), ("head", {"weight", "bias"}), ("full", None)],
)
def test_the_method_says_what_is_trained(
    make_recipe: Callable[..., Recipe], method: str, trained: set[str] | None
) -> None:
    model = build(make_recipe(method=method)).model
    names = trained_parameters(model)
    if trained is None:
        assert len(names) == len(list(model.parameters()))
        return
    assert {name.rpartition(".")[2] for name in names} == trained
    whole = {name for name in names if name.endswith((".weight", ".bias"))}
    assert whole == {"classifier.weight", "classifier.bias"}


def test_parameters_are_counted(make_recipe: Callable[..., Recipe]) -> None:
    # Two layers, query and value, rank 2 in a width of 16; a head of 16 x 2 + 2.
    made = build(make_recipe())
    counts = count_parameters(made.model, made.head)
    assert (counts.adapter, counts.head, counts.trainable) == (2 * 2 * 2 * 32, 34, 256 + 34)
    full = build(make_recipe(method="full"))
    counts = count_parameters(full.model, full.head)
    assert (counts.adapter, counts.head) == (0, 34)
    assert counts.trainable == counts.total == sum(p.numel() for p in full.model.parameters())


def test_a_head_that_is_not_named_is_found_and_that_is_said(
    make_recipe: Callable[..., Recipe],
) -> None:
    made = build(make_recipe())
    assert made.head == ("classifier",)
    assert any("classifier" in note for note in made.notes)
    named = build(make_recipe(adapter={"modules_to_save": ["classifier"]}))
    assert not any("classifier" in note for note in named.notes)


def test_a_head_left_to_its_random_values_is_refused(make_recipe: Callable[..., Recipe]) -> None:
    with pytest.raises(RecipeError, match=r"leaves out classifier\.weight"):
        build(make_recipe(adapter={"modules_to_save": ["bert.pooler"]}))


def test_a_misspelt_target_is_a_target_error(make_recipe: Callable[..., Recipe]) -> None:
    with pytest.raises(TargetError, match="did you mean 'query'"):
        build(make_recipe(adapter={"target_modules": ["qeury"]}))


def test_labels_are_the_tasks(
    make_recipe: Callable[..., Recipe], regression: Callable[..., Recipe]
) -> None:
    config = build(make_recipe()).model.config
    assert config.id2label == {0: "bad", 1: "good"}
    values = build(regression()).model.config
    assert (values.num_labels, values.problem_type) == (1, "regression")


def test_the_bases_digest_is_the_same_for_every_method(make_recipe: Callable[..., Recipe]) -> None:
    made = {method: build(make_recipe(method=method)) for method in ("lora", "head", "full")}
    assert len({one.base_digest for one in made.values()}) == 1
    assert made["lora"].base_digest == digest_of(base_digests(made["lora"].model))
    assert not any(name.startswith("classifier") for name in made["lora"].base_digests)


def test_a_head_of_another_task_is_begun_anew(
    make_recipe: Callable[..., Recipe], copy: Path
) -> None:
    model = AutoModelForSequenceClassification.from_pretrained(copy, num_labels=3)
    model.save_pretrained(copy)
    made = build(make_recipe().replace(model={"id": str(copy)}))
    fresh = build(make_recipe())
    assert made.model.classifier.weight.shape == (2, 16)
    assert made.base_digest == fresh.base_digest


def test_new_weights_inside_the_base_are_trained_too(
    make_recipe: Callable[..., Recipe], copy: Path
) -> None:
    _drop(copy, "pooler.")
    made = build(make_recipe().replace(model={"id": str(copy)}))
    assert set(made.head) == {"classifier", "bert.pooler.dense"}
    assert made.model.bert.pooler.dense.weight.requires_grad


def test_weights_of_another_architecture_are_refused(
    make_recipe: Callable[..., Recipe], copy: Path
) -> None:
    _drop(copy, "encoder.layer.1")
    with pytest.raises(ModelError, match=r"do not fit its config\.json: 16 of"):
        build(make_recipe().replace(model={"id": str(copy)}))


@pytest.mark.parametrize(
    ("name", "content"),
    [("config.json", "{}"), ("config.json", "{"), ("model.safetensors", "no tensors")],
)
def test_damaged_files_are_a_model_error(
    make_recipe: Callable[..., Recipe], copy: Path, name: str, content: str
) -> None:
    (copy / name).write_text(content)
    with pytest.raises(ModelError):
        build(make_recipe().replace(model={"id": str(copy)}))


def test_pickled_weights_are_not_loaded(make_recipe: Callable[..., Recipe], copy: Path) -> None:
    torch.save({}, copy / "pytorch_model.bin")
    (copy / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="safetensors"):
        build(make_recipe().replace(model={"id": str(copy)}))


def test_a_tokenizer_of_another_base_is_refused(
    make_recipe: Callable[..., Recipe], copy: Path
) -> None:
    path = copy / "tokenizer.json"
    told = json.loads(path.read_text())
    told["model"]["vocab"]["house"] = 99
    path.write_text(json.dumps(told))
    with pytest.raises(ModelError, match=r"ids up to 99, and the base .* has 24 embeddings"):
        build(make_recipe().replace(model={"id": str(copy)}))


def test_cut_texts_are_told(make_recipe: Callable[..., Recipe]) -> None:
    notes = build(make_recipe(max_length=6)).notes
    assert any("of 60 training texts are longer than 6 tokens" in note for note in notes)


def _drop(directory: Path, part: str) -> None:
    path = directory / "model.safetensors"
    kept: dict[str, Any] = {
        name: value
        for name, value in safetensors.torch.load_file(path).items()
        if not name.startswith(part)
    }
    safetensors.torch.save_file(kept, path, metadata={"format": "pt"})
    assert json.loads((directory / "config.json").read_text())
