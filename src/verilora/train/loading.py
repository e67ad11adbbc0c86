"""The base's weights: the right class for the task, and nothing that no checkpoint filled unseen.

A classifier gets a new head, whose initial values depend on the seed alone. A causal language model
needs none: its head came with it, and a checkpoint without one is refused.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import nn
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    PreTrainedModel,
)

from verilora.data.tasks import CAUSAL, Task
from verilora.errors import ModelError
from verilora.records.recipe import Recipe
from verilora.train.base_dropout import set_base_dropout, verify_base_dropout
from verilora.train.head import set_head_dropout, verify_head_dropout
from verilora.train.material import Material
from verilora.train.objective import REGRESSION
from verilora.train.quiet import quiet_transformers

MANUAL_ATTENTION_LENGTH = 128
"""Up to so many tokens, plain matrix products beat the CPU's fused attention: it falls back to
them under dropout, and in bfloat16 it takes twice their time."""


def load_model(material: Material, device: torch.device) -> tuple[PreTrainedModel, tuple[str, ...]]:
    """The base in float32 with a head for the task, and the paths of what is new in it."""
    recipe, directory, task = material.recipe, material.directory, material.dataset.task
    config = model_config(material, device)
    try:
        with quiet_transformers(), seeded(recipe.training.seed):
            model, info = model_class(task).from_pretrained(
                directory,
                config=config,
                dtype=torch.float32,
                local_files_only=True,
                use_safetensors=True,
                ignore_mismatched_sizes=True,
                output_loading_info=True,
            )
    except Exception as error:
        what = "a causal language model" if task.kind == CAUSAL else "a classifier"
        kinds = "A decoder" if task.kind == CAUSAL else "An encoder or decoder"
        raise ModelError(
            f"the base '{recipe.model.id}' in {directory} cannot be loaded as {what}: {error}\n"
            f"{kinds} that transformers knows, with safetensors weights, is wanted",
            id=recipe.model.id,
        ) from error
    mismatched = {item[0] for item in info["mismatched_keys"]}
    new = sorted({*info["missing_keys"], *mismatched})
    _refuse_other_architecture(recipe, model, new=new)
    if task.kind == CAUSAL:
        _refuse_headless(recipe, new=new)
        verify_base_dropout(model, recipe)
        return model, ()
    verify_head_dropout(model, recipe)
    return model, head_paths(model, new)


def empty_model(material: Material, device: torch.device) -> tuple[Any, tuple[str, ...]]:
    """As `load_model`, without reading a weight: for what asks for shapes alone."""
    task = material.dataset.task
    with quiet_transformers():
        model = model_class(task).from_config(model_config(material, device), dtype=torch.float32)
    return model, () if task.kind == CAUSAL else head_paths(model)


def model_class(task: Task) -> Any:
    """The class of transformers that loads a base for the task."""
    return AutoModelForCausalLM if task.kind == CAUSAL else AutoModelForSequenceClassification


def model_config(material: Material, device: torch.device) -> Any:
    """The base's configuration, set to the task's labels where it has any."""
    recipe, task = material.recipe, material.dataset.task
    try:
        config = AutoConfig.from_pretrained(material.directory, local_files_only=True)
    except Exception as error:
        raise ModelError(
            f"{material.directory}/config.json describes no model that transformers knows: {error}",
            id=recipe.model.id,
        ) from error
    if task.kind != CAUSAL:
        _set_labels(config, task)
        set_head_dropout(config, recipe)
        if config.pad_token_id is None:
            config.pad_token_id = material.tokenizer.pad_token_id
    else:
        set_base_dropout(config, recipe)
    if device.type == "cpu" and recipe.training.max_length <= MANUAL_ATTENTION_LENGTH:
        config._attn_implementation = "eager"
    return config


def _set_labels(config: Any, task: Task) -> None:
    names = ("score",) if task.kind == REGRESSION else task.labels
    config.id2label = dict(enumerate(names))
    config.label2id = {name: number for number, name in enumerate(names)}
    config.problem_type = REGRESSION if task.kind == REGRESSION else "single_label_classification"


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """The CPU's global generator at `seed` inside, as it was afterwards."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


def head_paths(model: nn.Module, new: Iterable[str] = ()) -> tuple[str, ...]:
    """The modules with weights beside the base, and those inside it whose weights are new."""
    inner = getattr(model, "base_model_prefix", "")
    paths = [
        name
        for name, child in model.named_children()
        if name != inner and any(True for _ in child.parameters())
    ]
    for name in new:
        owner = name.rpartition(".")[0]
        if not any(owner == path or owner.startswith(f"{path}.") for path in paths):
            paths.append(owner)
    return tuple(paths)


def _refuse_other_architecture(recipe: Recipe, model: PreTrainedModel, *, new: list[str]) -> None:
    inner = f"{model.base_model_prefix}."
    missing = [name for name in new if name.startswith(inner)]
    total = sum(name.startswith(inner) for name in model.state_dict())
    if len(missing) * 5 > total:
        raise ModelError(
            f"the weights of '{recipe.model.id}' do not fit its config.json: {len(missing)} of "
            f"{total} tensors of {type(model).__name__} are not in them (first: {missing[0]}); "
            "a directory as save_pretrained writes it is wanted",
            id=recipe.model.id,
            missing=tuple(missing),
        )


def _refuse_headless(recipe: Recipe, *, new: list[str]) -> None:
    if new:
        raise ModelError(
            f"the weights of '{recipe.model.id}' are not all of a causal language model: "
            f"{', '.join(new[:3])} {'is' if len(new) == 1 else 'are'} not in them, and random "
            "values would stay there; a checkpoint saved with its language-model head is wanted",
            id=recipe.model.id,
            missing=tuple(new),
        )
