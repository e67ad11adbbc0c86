"""adapter_config.json as read: what it states, and what verilora cannot do yet.

Every key that PEFT 0.21 writes is known here. What changes the meaning of the tensors is refused by
name; what concerned only the training, or this machine's memory, is passed over.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from verilora.errors import nearest
from verilora.lora.formats.documents import DocumentError, parse_document
from verilora.lora.formats.peft.forms import alpha_for
from verilora.lora.formats.peft.patterns import Targeting, value_for, wildness
from verilora.records.adapter import BIASES

LARGEST = 1 << 20
"""Bytes of an adapter_config.json that are read."""

# Said, or passed over, because the tensors mean the same with any value.
_HARMLESS = {
    "auto_mapping",
    "base_model_name_or_path",
    "eva_config",
    "inference_mode",
    "megatron_core",
    "merge_weights",  # PEFT 0.2 and older
    "peft_version",
    "qalora_group_size",
    "revision",
    "runtime_config",
}
# Key -> what it is. Refused unless null, false or empty.
_BEYOND = {
    "alora_invocation_tokens": "activated LoRA, which switches on at certain tokens",
    "arrow_config": "routing among adapters (Arrow)",
    "corda_config": "a start that changes the base (CorDA)",
    "enable_lora": "parts of fused projections, as PEFT 0.2 and older had them",
    "kasa_config": "KaSA, which cuts the base's smallest singular values",
    "layer_replication": "layers repeated to make a deeper model",
    "loftq_config": "a start that changes the base (LoftQ)",
    "lora_bias": "a trained bias in the adapter itself",
    "lora_ga_config": "a start that changes the base (LoRA-GA)",
    "megatron_config": "layers of Megatron",
    "monteclora_config": "Monte Carlo sampling of adapters",
    "trainable_token_indices": "single trained tokens",
    "use_bdlora": "block-diagonal factors",
    "use_qalora": "QA-LoRA's pooled inputs",
    "velora_config": "VeLoRA's compressed activations",
}
_CHANGED_BASE = ("pissa", "olora", "loftq", "corda", "lora_ga")
_PLAIN_STARTS = ("gaussian", "eva", "orthogonal", "mica")
_OFF = (None, False, {}, [], "")


@dataclass(frozen=True)
class Stated:
    """What an adapter_config.json says that matters for its tensors."""

    rank: int
    alpha: float
    dropout: float
    root: bool
    """Scales are alpha / √rank (use_rslora)."""
    tied: bool
    """The updates of tied modules are one update (ensure_weight_tying)."""
    targeting: Targeting
    parameters: tuple[str, ...]
    rank_pattern: Mapping[str, int]
    alpha_pattern: Mapping[str, float]
    gaussian: bool
    bias: str = "none"
    dora: bool = False
    """Rows have trained norms (use_dora)."""
    unknown: tuple[str, ...] = ()
    """Keys that no PEFT up to 0.21 writes; all of them are null, false or empty."""

    def rank_of(self, target: str) -> int:
        """Of the module or parameter that PEFT knows by this path."""
        return value_for(target, self.rank_pattern, default=self.rank)

    def alpha_of(self, target: str) -> float:
        """Of the module or parameter that PEFT knows by this path."""
        return value_for(target, self.alpha_pattern, default=self.alpha)

    def alpha_at(self, target: str, rank: int) -> float:
        """The alpha that gives an update of `rank` the scale that is stated for the target."""
        return alpha_for(
            rank, of=self.alpha_of(target), at_rank=self.rank_of(target), root=self.root
        )

    def scale_of(self, target: str) -> float:
        """alpha / rank, or alpha / √rank."""
        rank = self.rank_of(target)
        return self.alpha_of(target) / (math.sqrt(rank) if self.root else rank)


def read_stated(content: bytes, *, carried: Container[str] = ()) -> Stated:
    """The file's statements. `carried` names keys whose tensors the caller reads itself.

    Raises StatedError with every fault, each one sentence.
    """
    try:
        found = parse_document(content)
    except DocumentError as error:
        raise StatedError([str(error)]) from error
    faults = [*_beyond(found, carried), *_unknown(found), *_malformed(found)]
    if not faults:
        faults += _wild(found)
    if faults:
        raise StatedError(faults)
    return _stated(found)


class StatedError(ValueError):
    """Faults of one adapter_config.json."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


def _beyond(found: Mapping[str, Any], carried: Container[str]) -> Iterator[str]:
    kind = found.get("peft_type")
    if kind != "LORA":
        yield f"peft_type is {kind!r}; 'LORA' is wanted"
    for key, what in _BEYOND.items():
        if found.get(key) and key not in carried:
            yield f"{key} is set: {what}, which verilora does not have yet"
    yield from _start(found.get("init_lora_weights", True))


def _start(start: Any) -> Iterator[str]:
    if start is None or isinstance(start, bool):
        return
    name = start.lower() if isinstance(start, str) else ""
    if name.startswith(_CHANGED_BASE):
        yield (
            f"init_lora_weights is {start!r}, which changes the base before training, so A and B "
            "fit that changed base alone; save it again with PEFT's "
            "save_pretrained(path_initial_model_for_weight_conversion=...)"
        )
    elif name not in _PLAIN_STARTS:
        yield f"init_lora_weights is {start!r}, a start that verilora does not know"


def _unknown(found: Mapping[str, Any]) -> Iterator[str]:
    for key in _not_known(found):
        # A newer PEFT's features are off when null, false or empty; anything else may matter.
        if found[key] not in _OFF:
            yield f"unknown key '{key}' with the value {found[key]!r}{nearest(key, _known())}"


def _not_known(found: Mapping[str, Any]) -> list[str]:
    return sorted(set(found) - _known())


def _known() -> set[str]:
    return {*_FIELDS, *_HARMLESS, *_BEYOND, "peft_type", "init_lora_weights"}


def _malformed(found: Mapping[str, Any]) -> Iterator[str]:
    for key, (valid, wanted) in _FIELDS.items():
        if key in found and not valid(found[key]):
            yield f"{key} is {found[key]!r}; {wanted} is wanted"
    for key in ("r", "lora_alpha"):
        if key not in found:
            yield f"{key} is missing"
    if "target_modules" not in found and "target_parameters" not in found:
        yield "target_modules and target_parameters are missing"


def _wild(found: Mapping[str, Any]) -> Iterator[str]:
    """Strings that PEFT uses as regular expressions and that must not run."""
    for key in ("target_modules", "exclude_modules"):
        if isinstance(found.get(key), str):
            yield from _wildness(key, found[key])
    for key in ("rank_pattern", "alpha_pattern", "modules_to_save", "layers_pattern"):
        value = found.get(key) or ()
        for pattern in (value,) if isinstance(value, str) else value:
            yield from _wildness(key, pattern)


def _wildness(key: str, pattern: str) -> Iterator[str]:
    fault = wildness(pattern)
    if fault:
        yield f"{key}: {pattern!r} {fault}"


def _stated(found: Mapping[str, Any]) -> Stated:
    layers = found.get("layers_to_transform")
    if layers == [] or layers is None:
        chosen = None
    else:
        chosen = tuple(layers) if isinstance(layers, list) else (layers,)
    targeting = Targeting(
        names=_names_or_rule(found.get("target_modules")),
        excluded=_names_or_rule(found.get("exclude_modules")) or (),
        saved=tuple(found.get("modules_to_save") or ()),
        layers=chosen,
        layers_pattern=_names(found.get("layers_pattern")),
    )
    return Stated(
        rank=found["r"],
        alpha=found["lora_alpha"],
        dropout=float(found.get("lora_dropout") or 0.0),
        root=bool(found.get("use_rslora")),
        tied=bool(found.get("ensure_weight_tying")),
        targeting=targeting,
        parameters=tuple(found.get("target_parameters") or ()),
        rank_pattern=found.get("rank_pattern") or {},
        alpha_pattern=found.get("alpha_pattern") or {},
        gaussian=found.get("init_lora_weights") == "gaussian",
        bias=found.get("bias") or "none",
        dora=bool(found.get("use_dora")),
        unknown=tuple(_not_known(found)),
    )


def _names(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) and value else tuple(value or ())


def _names_or_rule(value: Any) -> tuple[str, ...] | str | None:
    return tuple(value) if isinstance(value, list) else value


def _rank(value: Any) -> bool:
    return type(value) is int and 1 <= value < 2**31


def _alpha(value: Any) -> bool:
    return type(value) in (int, float) and 0 < value < 2**53


def _strings(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(v, str) and v for v in value)


def _flag(value: Any) -> bool:
    return value is None or isinstance(value, bool)


def _index(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**31


def _indices(value: Any) -> bool:
    listed = isinstance(value, list) and all(_index(v) for v in value)
    return value is None or _index(value) or listed


def _maybe_names(value: Any) -> bool:
    return value is None or _strings(value)


def _maybe_text(value: Any) -> bool:
    return value is None or isinstance(value, str)


def _rule_or_names(value: Any) -> bool:
    return _maybe_text(value) or _strings(value)


def _by_pattern(valid: Callable[[Any], bool]) -> Callable[[Any], bool]:
    def check(value: Any) -> bool:
        return value is None or (isinstance(value, dict) and all(map(valid, value.values())))

    return check


# Key -> (what is valid, in words).
_FIELDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "alpha_pattern": (_by_pattern(_alpha), "numbers above 0 by name"),
    "bias": (lambda v: v is None or v in BIASES, 'one of "none", "lora_only", "all"'),
    "ensure_weight_tying": (_flag, "true or false"),
    "exclude_modules": (_rule_or_names, "a list of names or a regular expression"),
    "fan_in_fan_out": (_flag, "true or false"),
    "layers_pattern": (_rule_or_names, "a name or a list of names"),
    "layers_to_transform": (_indices, "a list of whole numbers from 0"),
    "lora_alpha": (_alpha, "a number above 0 (0 adapts nothing)"),
    "lora_dropout": (lambda v: v is None or (type(v) in (int, float) and 0 <= v < 1), "0 up to 1"),
    "modules_to_save": (_maybe_names, "a list of names"),
    "r": (_rank, "a whole number of at least 1"),
    "rank_pattern": (_by_pattern(_rank), "whole numbers of at least 1 by name"),
    "target_modules": (_rule_or_names, "a list of names or a regular expression"),
    "target_parameters": (_maybe_names, "a list of names"),
    "task_type": (_maybe_text, "a name"),
    "use_dora": (_flag, "true or false"),
    "use_rslora": (_flag, "true or false"),
}
