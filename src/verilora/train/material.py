"""What a run works on before there is a model: the base's place, tokenizer, encoded data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer

from verilora.data.dataset import Dataset
from verilora.data.encode import Encoded, encode
from verilora.data.load import load_dataset, task_of
from verilora.data.tasks import CAUSAL, Task, find_task
from verilora.errors import ModelError, RecipeError
from verilora.records.recipe import Recipe
from verilora.scores.measure import refuse_unready
from verilora.train.locate import locate
from verilora.train.quantised import refuse_unkept
from verilora.train.quiet import quiet_transformers


@dataclass(frozen=True)
class Material:
    """A recipe with all that it reads but the weights."""

    recipe: Recipe
    directory: Path
    """Where the base lies."""
    tokenizer: Any
    dataset: Dataset
    train: Encoded
    validation: Encoded


def gather(recipe: Recipe, *, weights: bool = True) -> Material:
    """Finds the base, reads and encodes the data; no tensor is loaded.

    With `weights` the base's tensors must be there too (a hub model is fetched whole).
    Raises ModelError, DataError, RecipeError; MissingExtraError for a score that needs one.
    """
    refuse_unkept(recipe)
    task = task_of(recipe.task)
    _refuse_misplaced(recipe, task)
    _refuse_unscored(recipe, task)
    directory = locate(recipe.model, weights=weights)
    tokenizer = load_tokenizer(directory, recipe)
    dataset = load_dataset(recipe.task)
    limits = {"max_length": recipe.training.max_length, "task": dataset.task}
    train = encode(dataset.train, tokenizer, **limits)
    validation = encode(dataset.validation, tokenizer, **limits)
    return Material(recipe, directory, tokenizer, dataset, train, validation)


def load_tokenizer(directory: Path, recipe: Recipe) -> Any:
    """The base's tokenizer, with a padding token. Raises ModelError or RecipeError."""
    try:
        with quiet_transformers():
            tokenizer = AutoTokenizer.from_pretrained(directory, local_files_only=True)
    except Exception as error:
        raise ModelError(
            f"the tokenizer in {directory} cannot be loaded: {error}; "
            "tokenizer.json (or the vocabulary files) must lie beside config.json",
            id=recipe.model.id,
        ) from error
    if len(tokenizer) <= len(tokenizer.all_special_ids):
        # transformers makes a tokenizer of special tokens alone where it finds no vocabulary.
        raise ModelError(
            f"{directory} holds no vocabulary: every word would be unknown; tokenizer.json (or "
            "the vocabulary files) must lie beside config.json",
            id=recipe.model.id,
        )
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    if tokenizer.pad_token is None and find_task(recipe.task).kind != CAUSAL:
        # What fills a row of a causal language model is masked; a classifier over a decoder finds
        # the end of a text by its padding.
        raise ModelError(
            f"the tokenizer in {directory} has neither a padding token nor an end token; set "
            "pad_token in its tokenizer_config.json",
            id=recipe.model.id,
        )
    limit = tokenizer.model_max_length
    if recipe.training.max_length > limit:
        raise RecipeError(
            f"recipe '{recipe.name}'",
            [
                f"training.max_length is {recipe.training.max_length} tokens, and the base "
                f"'{recipe.model.id}' reads at most {limit}; set training.max_length to {limit} "
                "or less"
            ],
        )
    return tokenizer


def _refuse_unscored(recipe: Recipe, task: Task) -> None:
    """Scores of what is written, where nothing would be written or nothing is there to score it."""
    faults = []
    if not task.written:
        return
    told = f"task.metrics names {', '.join(task.written)}, measured"
    if not task.label_column:
        faults.append(f"{told} against completions: name their column in label_column")
    if recipe.generation is None:
        faults.append(
            f"{told} on what the model writes: say how it writes "
            "(--set generation.max_new_tokens=64), or name other metrics"
        )
    if faults:
        raise RecipeError(f"recipe '{recipe.name}'", faults)
    refuse_unready(task.written)


def _refuse_misplaced(recipe: Recipe, task: Task) -> None:
    """Settings that the recipe's task could only ignore."""
    training, causal = recipe.training, task.kind == CAUSAL
    prompts = causal and (bool(task.label_column) or task.messages_column is not None)
    wrong = {
        "training.packing puts texts of a causal-lm into one row": training.packing and not causal,
        "training.label_smoothing spreads a target over classes or tokens, and a regression has "
        "none": training.label_smoothing and task.kind == "regression",
        "[generation] is for a causal-lm": recipe.generation and not causal,
        "[generation] writes after prompts, and plain text has none (label_column names "
        "completions, messages_column conversations)": recipe.generation and causal and not prompts,
        "training.head_dropout is for a new head, and a causal-lm has its own": causal
        and training.head_dropout is not None,
        "training.base_dropout is for the base of a causal-lm": not causal
        and training.base_dropout is not None,
        'training.method "head" trains a new head, and a causal-lm has its own': causal
        and training.method == "head",
    }
    faults = [f"{told}; leave it out" for told, value in wrong.items() if value]
    if faults:
        raise RecipeError(f"recipe '{recipe.name}'", faults)
