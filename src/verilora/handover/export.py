"""A base with an adapter merged into it, as a directory that transformers loads without verilora.

It proves itself: what was written is read again, and must be the merged model, tensor by tensor,
and answer a probe as base and adapter did.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from verilora.atomic import refuse_occupied, staged_directory
from verilora.errors import ConfigError, MergeError, OutputError
from verilora.lora import MergeReport, merge
from verilora.lora.merge import TOLERANCES
from verilora.lora.probe import answer, difference
from verilora.lora.quantised.quantise import refuse_packed
from verilora.train.quiet import quiet_transformers

SHARD = "5GB"
"""No file of weights is larger, unless one weight alone is."""
WIDEST = max(TOLERANCES.values())
_SHARD = re.compile(r"[1-9][0-9]{0,5}[KMGT]?B", re.IGNORECASE)


@dataclass(frozen=True)
class Export:
    """A merged directory, and how near it answers to base and adapter."""

    merge: MergeReport
    files: tuple[tuple[str, int], ...]
    """Name and bytes of each."""
    tensors: int
    """How many were compared, bit by bit, after being read again."""
    difference: float | None
    """Greatest absolute difference of the answers to the probe, after being read again."""
    share: float | None
    """As a share of the greatest answer; the tensor of the answer that fares worst."""
    tolerance: float | None
    """Of that share."""

    def to_mapping(self) -> dict[str, Any]:
        """Plain JSON data."""
        files = [{"name": name, "bytes": size} for name, size in self.files]
        return {**vars(self), "files": files, "merge": self.merge.to_mapping()}

    def __str__(self) -> str:
        told = f"read again: {self.tensors} tensors equal to the bit"
        if self.difference is None:
            return f"{told}; no probe batch is known for this model"
        return (
            f"{told}; the probe is answered within {self.difference:.2e} of base and adapter "
            f"({self.share:.2e} of the greatest answer, {self.tolerance:.0e} is allowed)"
        )


def export_merged(
    model: Any,
    directory: str | os.PathLike[str],
    *,
    tokenizer: Any = None,
    probe: Any = None,
    overwrite: bool = False,
    shard: str = SHARD,
) -> Export:
    """Merges the model's adapter and writes it as a Hugging Face directory, whole or not at all.

    `model` is a transformers model with an adapter; it is left merged. Holds config, weights
    (safetensors, in files of at most `shard`, in the model's dtype), generation settings and the
    tokenizer where there are any. Needs memory for a second model. `overwrite` replaces a
    directory with a model in it, nothing else.
    Raises MergeError, with nothing written, if what is read again is another model or answers the
    probe otherwise than base and adapter did; OutputError if `directory` is occupied; ConfigError
    for a `shard` that is no size.
    """
    if not _SHARD.fullmatch(shard):
        raise ConfigError("files of weights", [f"shard is {shard!r}; a size such as 5GB is wanted"])
    path = Path(directory)
    _refuse_foreign(path, overwrite=overwrite)
    refuse_packed(model)
    before = None if probe is None else answer(model, probe)
    report = merge(model)
    with staged_directory(path, overwrite=overwrite) as stage:
        _write(model, tokenizer, stage=stage, shard=shard)
        again = _read(model, stage)
        tensors = _refuse_other(model, again)
        found = None if before is None else _compare(before, answer(again, probe), model=model)
        files = tuple((file.name, file.stat().st_size) for file in sorted(stage.iterdir()))
    return Export(report, files, tensors, *(found or (None, None, None)))


def _refuse_foreign(directory: Path, *, overwrite: bool) -> None:
    refuse_occupied(directory, overwrite=overwrite)
    if directory.is_dir() and any(directory.iterdir()) and not _holds_model(directory):
        raise OutputError(
            f"{directory} holds no model (config.json and *.safetensors), and what it holds would "
            "be lost; choose another directory",
            path=directory,
        )


def _holds_model(directory: Path) -> bool:
    return (directory / "config.json").is_file() and any(directory.glob("*.safetensors"))


def _write(model: Any, tokenizer: Any, *, stage: Path, shard: str) -> None:
    with quiet_transformers():
        model.save_pretrained(stage, max_shard_size=shard)
        if tokenizer is not None:
            tokenizer.save_pretrained(stage)
    # safetensors makes its file for the owner alone; the config has the user's own rights.
    mode = (stage / "config.json").stat().st_mode
    for path in stage.iterdir():
        if path.is_file():
            path.chmod(mode)


def _read(model: Any, stage: Path) -> Any:
    """The model of the directory, as anyone loads it."""
    with quiet_transformers(), torch.random.fork_rng(devices=[]):
        again, info = type(model).from_pretrained(
            stage, dtype="auto", local_files_only=True, output_loading_info=True
        )
    faults = sorted({*info["missing_keys"], *info["unexpected_keys"]})
    if faults:
        raise _refused(f"{len(faults)} of its tensors have no place (first: {faults[0]})")
    return again.to(model.device).eval()


def _refuse_other(model: nn.Module, again: nn.Module) -> int:
    """How many tensors were compared. Raises MergeError for the first that differs."""
    wanted = dict(_tensors(model))
    found = dict(_tensors(again))
    if wanted.keys() != found.keys():
        raise _refused(f"it has other tensors: {sorted(wanted.keys() ^ found.keys())[0]}")
    for name, tensor in wanted.items():
        if found[name].dtype != tensor.dtype or not torch.equal(found[name], tensor):
            raise _refused(f"{name} came back as {found[name].dtype} with other values")
    return len(wanted)


def _tensors(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    state = model.state_dict()
    yield from ((name, value) for name, value in state.items() if isinstance(value, Tensor))


def _compare(
    before: list[Tensor], after: list[Tensor], *, model: Any
) -> tuple[float, float, float]:
    share, tolerance = difference(before, after), TOLERANCES.get(model.dtype, WIDEST)
    # Written so that a difference that is not a number is refused too.
    if not share <= tolerance:
        raise _refused(
            f"it answers the probe otherwise than base and adapter: by {share:.2e} of the greatest "
            f"answer, {tolerance:.0e} is allowed"
        )
    apart = [(b - a).abs().nan_to_num(0.0, posinf=0.0) for b, a in zip(before, after, strict=True)]
    return max(float(one.max()) for one in apart if one.numel()), share, tolerance


def _refused(why: str) -> MergeError:
    return MergeError(f"the merged model was read again after writing, and {why}; nothing is left")
