"""From a recipe to a model ready to train: base loaded, head new, adapter attached.

Nothing here draws from the global random state, and nothing is printed; what is worth saying
stands in `Build.notes`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel

from verilora.data.dataset import Dataset
from verilora.data.encode import Encoded
from verilora.data.tasks import Task
from verilora.errors import ModelError, RecipeError, nearest
from verilora.lora import attach
from verilora.lora.attach import attach_blank
from verilora.lora.fingerprint import tensor_digest
from verilora.lora.quantised.reading import scalars
from verilora.lora.update import LowRankUpdate
from verilora.records.canonical import digest_of
from verilora.records.recipe import Recipe
from verilora.records.run import Parameters
from verilora.train.device import pick_device
from verilora.train.loading import load_model
from verilora.train.material import Material, gather
from verilora.train.quantised import keep_base, packed_digests
from verilora.train.recall import Recall
from verilora.train.start import find_start, first_batches, told, told_ranks


@dataclass(frozen=True)
class Build:
    """Everything that training needs, in one place."""

    recipe: Recipe
    model: PreTrainedModel
    tokenizer: Any
    dataset: Dataset
    train: Encoded
    validation: Encoded
    head: tuple[str, ...]
    """Paths of the modules that the base's checkpoint does not fill for this task."""
    base_digests: dict[str, str]
    """State name -> digest of each of the base's tensors, the head left out."""
    notes: tuple[str, ...]
    device: torch.device
    start: str | None = None
    """Digest of the adapter that the training starts from."""
    recall: Recall = field(default_factory=Recall)
    packed: dict[str, str] = field(default_factory=dict)
    """State name -> digest of what the layers of a quantised base consist of."""

    @property
    def base_digest(self) -> str:
        """One digest of all the base's tensors."""
        return digest_of(self.base_digests)

    @property
    def task(self) -> Task:
        """The dataset's task."""
        return self.dataset.task


def build(recipe: Recipe, *, material: Material | None = None, device: str | None = None) -> Build:
    """Base, head, adapter and data of the recipe, on the CPU unless a GPU is there.

    The head's initial values depend on the recipe's seed alone, the adapter's on it, path and
    shape. Raises ModelError, DataError, RecipeError, TargetError.
    """
    material = material or gather(recipe)
    place = pick_device(device)
    model, head = load_model(material, place)
    _refuse_other_tokenizer(material, model)
    digests = digests_of_base(model, head)
    kept = keep_base(model, recipe, head=head)
    packed = packed_digests(model)
    chosen = choose_trained(model, recipe, head=head, batches=first_batches(material))
    notes = [*kept, *chosen, *_truncated(material)]
    start = find_start(recipe, model, head=head)
    if start is not None:
        start.fill()
        notes.append(told(start))
    nn.Module.to(model, place)
    made = assemble(material, model, head=head, base_digests=digests, notes=notes)
    return replace(made, start=start and start.digest, packed=packed)


def assemble(
    material: Material,
    model: PreTrainedModel,
    *,
    head: tuple[str, ...],
    base_digests: dict[str, str],
    notes: Iterable[str] = (),
) -> Build:
    """A Build of its parts; it runs where the model lies."""
    return Build(
        recipe=material.recipe,
        model=model,
        tokenizer=material.tokenizer,
        dataset=material.dataset,
        train=material.train,
        validation=material.validation,
        head=head,
        base_digests=base_digests,
        notes=tuple(notes),
        device=next(model.parameters()).device,
    )


def trained_parameters(model: nn.Module) -> dict[str, nn.Parameter]:
    """Name -> parameter of all that training changes, in the model's order."""
    return {name: p for name, p in model.named_parameters() if p.requires_grad}


def count_parameters(model: nn.Module, head: Iterable[str]) -> Parameters:
    """Scalars in all, trained, and of these in the adapter and in the head."""
    updates = [module for module in model.modules() if isinstance(module, LowRankUpdate)]
    trained = trained_parameters(model)
    return Parameters(
        total=sum(scalars(model).values()),
        trainable=sum(p.numel() for p in trained.values()),
        adapter=sum(p.numel() for update in updates for p in update.parameters()),
        head=sum(p.numel() for name, p in trained.items() if within(name, head)),
    )


def within(name: str, paths: Iterable[str]) -> bool:
    """True if the parameter or module `name` lies at or under one of the module paths."""
    return any(name == path or name.startswith(f"{path}.") for path in paths)


def _refuse_other_tokenizer(material: Material, model: PreTrainedModel) -> None:
    rows = model.get_input_embeddings().weight.shape[0]  # type: ignore[union-attr]
    highest = max(max(ids) for part in (material.train, material.validation) for ids in part.ids)
    if highest >= rows:
        raise ModelError(
            f"the tokenizer in {material.directory} gives ids up to {highest}, and the base "
            f"'{material.recipe.model.id}' has {rows} embeddings: they are not of one model",
            id=material.recipe.model.id,
        )


def digests_of_base(model: nn.Module, head: tuple[str, ...]) -> dict[str, str]:
    """State name -> digest of every tensor that is not the head's; of a model not yet adapted."""
    return {
        name: tensor_digest(tensor)
        for name, tensor in model.state_dict().items()
        if not within(name, head)
    }


def choose_trained(
    model: nn.Module,
    recipe: Recipe,
    *,
    head: tuple[str, ...],
    batches: Iterable[Any] | None = None,
) -> list[str]:
    """Attaches the adapter, or marks what trains without one; returns what is worth saying.

    Without `batches`, which a start from data reads, the adapter has its shapes and no values.
    """
    method = recipe.training.method
    if method == "lora":
        return _attach(model, recipe, head=head, batches=batches)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(method == "full" or within(name, head))
    return []


def _attach(
    model: nn.Module, recipe: Recipe, *, head: tuple[str, ...], batches: Iterable[Any] | None
) -> list[str]:
    config = recipe.adapter.replace(seed=recipe.training.seed)
    notes = []
    if head and not config.modules_to_save:
        config = config.replace(modules_to_save=head)
        notes.append(f"trained whole and saved with the adapter: {', '.join(head)} (the new head)")
    if batches is None:
        attach_blank(model, config)
    else:
        attach(model, config, batches=batches)
        notes += told_ranks(model)
    frozen = [
        name
        for name, parameter in model.named_parameters()
        if within(name, head) and not parameter.requires_grad
    ]
    if frozen:
        names = ", ".join(config.modules_to_save)
        raise RecipeError(
            f"recipe '{recipe.name}'",
            [
                f"adapter.modules_to_save ({names}) leaves out {', '.join(frozen)}, which no "
                f"checkpoint fills: random values would stay{nearest(frozen[0], head)}; name "
                f"{', '.join(head)}, or leave modules_to_save out"
            ],
        )
    return notes


def _truncated(material: Material) -> list[str]:
    limit, notes = material.recipe.training.max_length, []
    pieces = material.dataset.task.columns == material.dataset.task.text_columns
    for name, encoded in (("training", material.train), ("validation", material.validation)):
        cut = f"were cut into pieces, {len(encoded.ids)} in all" if pieces else "were cut"
        if encoded.truncated:
            notes.append(
                f"{encoded.truncated} of {len(encoded.examples)} {name} texts are longer than "
                f"{limit} tokens and {cut}"
            )
        for reason, count in encoded.dropped.items():
            notes.append(f"{count} {name} texts are left out: {reason} ({limit} tokens)")
    return [*notes, *material.train.notes]
