"""The base of an adapter: found, and loaded as the kind of model that the adapter was made on."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import torch
import transformers
from torch import nn

from verilora.cli.contents import Contents
from verilora.errors import ModelError
from verilora.lora.formats.documents import parse_document, read_file
from verilora.lora.formats.peft.names import PREFIX
from verilora.lora.formats.peft.stated import LARGEST
from verilora.lora.quantised.quantise import round_as_packed
from verilora.records.recipe import ModelSection
from verilora.train.locate import locate
from verilora.train.quiet import quiet_transformers

KINDS = {
    "SEQ_CLS": "AutoModelForSequenceClassification",
    "CAUSAL_LM": "AutoModelForCausalLM",
    "SEQ_2_SEQ_LM": "AutoModelForSeq2SeqLM",
    "TOKEN_CLS": "AutoModelForTokenClassification",
    "QUESTION_ANS": "AutoModelForQuestionAnswering",
    "FEATURE_EXTRACTION": "AutoModel",
}
"""PEFT's task_type -> the class of transformers that it stands for."""
HEADS = ("classifier", "score", "classification_head")


def load_base(base: str, contents: Contents) -> tuple[Any, Any]:
    """The base on the CPU, and its tokenizer (None where it has none).

    `base` is a hub id, a directory or "package:NAME/FOLDER". The class follows what the adapter
    says of itself: a head trained whole makes a classifier with as many labels as it has rows. So
    does the dtype, which its digests of the base are of; by default it is the checkpoint's own.
    Raises ModelError.
    """
    directory = located(base)
    kind, settings = _kind(directory, contents)
    try:
        with quiet_transformers(), torch.random.fork_rng(devices=[]):
            model, info = getattr(transformers, kind).from_pretrained(
                directory,
                dtype=_dtype(contents),
                local_files_only=True,
                output_loading_info=True,
                **settings,
            )
    except (OSError, ValueError, RuntimeError, ImportError, AttributeError) as error:
        raise ModelError(
            f"the base '{base}' in {directory} cannot be loaded as {kind}: {error}", id=base
        ) from error
    _refuse_new_weights(base, kind, missing=info["missing_keys"], contents=contents)
    return model.eval(), _tokenizer(directory)


def located(base: str, *, option: str = "--base", weights: bool = True) -> Path:
    """The directory of a base that `option` names. Raises ModelError."""
    try:
        return locate(ModelSection(id=base), weights=weights)
    except ModelError as error:  # says how to go on in the words of a recipe
        told = str(error).replace("--set model.id=", f"{option} ")
        raise ModelError(told.replace("model.id is", f"{option} is"), id=base) from error


def _refuse_new_weights(base: str, kind: str, *, missing: Any, contents: Contents) -> None:
    """What neither the checkpoint nor the adapter fills would be random."""
    filled = {name.removeprefix(PREFIX) for name, _ in contents.whole}
    random = sorted(set(missing) - filled)
    if random:
        raise ModelError(
            f"{len(random)} tensors of {kind} are neither in the base '{base}' nor in the adapter "
            f"(first: {random[0]}): it is not the base that the adapter was made on",
            id=base,
            missing=tuple(random),
        )


def put_onto(model: nn.Module, contents: Contents, *, onto: str | None) -> tuple[str, str]:
    """("dequantised" or "original", a sentence) for the adapted model, whose base lies whole.

    Where the adapter was made on a quantised base, its layers get the values that the adapter was
    trained with, unless `onto` is "original". Raises ModelError for "dequantised" elsewhere.
    """
    kept = contents.base.get("kept") or {}
    schemes = " and ".join(sorted(set(kept.values())))
    if not kept and onto == "dequantised":
        raise ModelError(
            "the adapter was made on a base that was kept whole, so that there is nothing to "
            "dequantise; leave --onto out"
        )
    if not kept:
        return "original", ""
    if onto == "original":
        return "original", (
            f"\nThe adapter was trained on the base in {schemes}, and lies now on the base's own "
            "weights: what was measured does not hold for this model. Measure it.\n"
        )
    round_as_packed(model, kept)
    return "dequantised", (
        f"\nThe adapter was trained on the base in {schemes}: it is merged into the values of "
        "those codes, as it was measured. --onto original takes the base's own weights.\n"
    )


def probe_for(model: nn.Module) -> dict[str, torch.Tensor] | None:
    """One small batch that the model answers; None if none is known."""
    for batch in (getattr(model, "dummy_inputs", None), {"input_ids": torch.arange(8)[None]}):
        if not isinstance(batch, dict):
            continue
        first = {name: value[:1] for name, value in batch.items() if torch.is_tensor(value)}
        with contextlib.suppress(Exception), torch.no_grad():
            model(**first)
            return first
    return None


def _kind(directory: Path, contents: Contents) -> tuple[str, dict[str, Any]]:
    labels, own = _labels(contents), _model_class(contents.base.get("class"))
    if own:
        return own, {"num_labels": labels} if labels else {}
    named = KINDS.get(contents.task_type or "")
    if labels and named in (None, KINDS["SEQ_CLS"]):
        return KINDS["SEQ_CLS"], {"num_labels": labels}
    if named:
        return named, {}
    settings = parse_document(read_file(directory / "config.json", limit=LARGEST))
    return _model_class(*(settings.get("architectures") or [])[:1]) or "AutoModel", {}


def _model_class(name: Any = None) -> str | None:
    """The name if it is that of a model in transformers; names come from files of others."""
    found = getattr(transformers, name, None) if isinstance(name, str) else None
    known = isinstance(found, type) and issubclass(found, transformers.PreTrainedModel)
    return str(name) if known else None


def _dtype(contents: Contents) -> Any:
    made_on = contents.base.get("dtypes") or ()
    found = getattr(torch, str(made_on[0]), None) if len(made_on) == 1 else None
    return found if isinstance(found, torch.dtype) else "auto"


def _labels(contents: Contents) -> int | None:
    """Rows of the last weight of a classification head among the modules trained whole."""
    rows = None
    for name, shape in contents.whole:
        parts = name.removeprefix(PREFIX).split(".")
        if parts[0] in HEADS and parts[-1] == "weight":
            rows = shape[0]
    return rows


def _tokenizer(directory: Path) -> Any:
    with contextlib.suppress(Exception), quiet_transformers():
        return transformers.AutoTokenizer.from_pretrained(directory, local_files_only=True)
    return None
