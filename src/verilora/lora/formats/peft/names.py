"""Names of files, and of tensors: `base_model.model.` + path in the model + suffix.

A module whose bare parameters are adapted is wrapped by PEFT, once for each, so that everything
in it lies one `.base_layer` deeper.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

WEIGHTS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"
CARD = "README.md"
SIDECAR = "verilora.json"
PICKLE = "adapter_model.bin"
OWN_FILES = (WEIGHTS, CONFIG, CARD, SIDECAR, PICKLE)

PREFIX = "base_model.model."
WRAPPED = "base_layer"
MAGNITUDE = ".lora_magnitude_vector"
"""Ending of DoRA's norms."""
_SUFFIXES = {
    ".lora_A.weight": ("A", False),
    ".lora_B.weight": ("B", False),
    ".lora_embedding_A": ("A", True),
    ".lora_embedding_B": ("B", True),
}
_UNKNOWN_KINDS = {
    ".lora_A.bias": "a bias of the adapter (lora_bias)",
    ".lora_B.bias": "a bias of the adapter (lora_bias)",
    ".trainable_tokens_delta": "single trained tokens (trainable_token_indices)",
    ".lora_diag": "a diagonal of KaSA",
}


@dataclass(frozen=True)
class FactorName:
    """A tensor's name, taken apart."""

    path: str
    """Of the module in the user's model."""
    depth: int
    """How many wrappers of the same module lie around this one."""
    factor: str
    """"A" or "B"."""
    embedding: bool
    """Named as the factor of an embedding."""


def factor_names(path: str, *, embedding: bool) -> tuple[str, str]:
    """The names of A and B for the module at `path`, its wrappers included."""
    middle, end = ("lora_embedding_", "") if embedding else ("lora_", ".weight")
    return f"{PREFIX}{path}.{middle}A{end}", f"{PREFIX}{path}.{middle}B{end}"


def parse_factor(name: str) -> FactorName | None:
    """The parts of a factor's name; None for any other tensor."""
    for suffix, (factor, embedding) in _SUFFIXES.items():
        if name.startswith(PREFIX) and name.endswith(suffix):
            path = name[len(PREFIX) : -len(suffix)]
            depth = 0
            while path.endswith(f".{WRAPPED}"):
                path, depth = path.removesuffix(f".{WRAPPED}"), depth + 1
            return FactorName(unwrapped(path), depth, factor, embedding)
    return None


def is_update(name: str) -> bool:
    """True for a factor or a magnitude."""
    return name.endswith(MAGNITUDE) or parse_factor(name) is not None


def unknown_kind(name: str) -> str | None:
    """What a tensor is that belongs to something else than plain LoRA; None if it does not."""
    return next((kind for suffix, kind in _UNKNOWN_KINDS.items() if name.endswith(suffix)), None)


def unwrapped(path: str) -> str:
    """The path in the user's model: without the wrappers' `base_layer`."""
    return ".".join(part for part in path.split(".") if part != WRAPPED)


def wrapped(path: str, wrappers: Mapping[str, int]) -> str:
    """The path with `base_layer` after each outer module, as often as it is wrapped."""
    parts: list[str] = []
    walked: list[str] = []
    for part in path.split("."):
        if walked:
            parts += [WRAPPED] * wrappers.get(".".join(walked), 0)
        walked.append(part)
        parts.append(part)
    return ".".join(parts)
