"""LoraConfig: what is adapted, how strongly, from which start. The standard library alone."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from verilora.errors import ConfigError, nearest
from verilora.records.combinations import combination_faults
from verilora.records.forms import LARGEST, form_of, plain

SCALE_RULES = ("lora", "rslora")
INITS = ("kaiming", "gaussian", "orthogonal", "pissa", "olora", "loftq", "eva")
WEIGHT_RULES = ("lora", "dora")
BIASES = ("none", "lora_only", "all")
TIED = ("refuse", "shared", "untie")
DTYPES = ("float32", "bfloat16", "float16")
ALL_LINEAR = "all-linear"
Names = tuple[str, ...]


@dataclass(frozen=True)
class LoraConfig:
    """What `attach` does to a model. Frozen; every fault is told at once by ConfigError.

    Source: Hu et al. 2021, arXiv:2106.09685, section 4 (rank, alpha);
    Kalajdzievski 2023, arXiv:2312.03732 (scale_rule "rslora"); Liu et al. 2024, arXiv:2402.09353
    (weight_rule "dora"). The starts have theirs in `lora/starts/`.
    """

    LATER: ClassVar[frozenset[str]] = frozenset({"loftq_rounds", "rank_spread"})
    """Fields that came after the first form: left out of `to_mapping` at their default."""

    rank: int = 8
    """Columns of B and rows of A."""
    alpha: float = 16
    """Numerator of the scale: alpha / rank, or alpha / sqrt(rank) under "rslora"."""
    dropout: float = 0.0
    """Share of the adapter's input set to zero while training; the base never sees it."""
    target_modules: Names | str = ("query", "value")
    """Module names (last parts of a path), one regular expression, or "all-linear"."""
    exclude_modules: Names | str | None = None
    """Names or a regular expression; what matches is not adapted."""
    modules_to_save: Names = ()
    """Names of modules trained whole and saved with the adapter (a task head)."""
    rank_pattern: Mapping[str, int] = field(default_factory=dict)
    """Name or regular expression of a path -> its own rank; the longest that matches rules."""
    alpha_pattern: Mapping[str, float] = field(default_factory=dict)
    """Name or regular expression of a path -> its own alpha; the longest that matches rules."""
    layers: tuple[int, ...] | None = None
    """Indices of the layers to adapt (the first number in a path); None for all."""
    target_parameters: Names = ()
    """Names of bare 2-D or 3-D parameters, such as the experts' "experts.gate_up_proj"."""
    fused: Mapping[str, Names] = field(default_factory=dict)
    """Fused projection -> the parts of it to adapt, {"c_attn": ("q", "v")}."""
    fused_sizes: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Fused projection -> rows of each part in order; by default from the model's own config."""
    bias: str = "none"
    """Biases trained too: "none", "lora_only" (of the adapted modules), "all" (of the model)."""
    scale_rule: str = "lora"
    init: str = "kaiming"
    """Start of A and B: B zero and A "kaiming" uniform, "gaussian" (deviation 1/rank) or "eva"
    (from the layer's inputs); "orthogonal"; or a part of the weight: "pissa", "olora", "loftq"."""
    weight_rule: str = "lora"
    """What becomes of W + ΔW: "lora" takes it as it is, "dora" gives each row a trained norm."""
    tied: str = "refuse"
    """A targeted weight that another module shares: refuse, "shared" delta, or "untie" first."""
    seed: int = 0
    """With module path and shape, fixes the initial values."""
    dtype: str = "float32"
    """Storage of A and B; they are cast to the activations, never the other way round."""
    loftq_rounds: int = 1
    """Of quantising and decomposing in turn, for init "loftq"."""
    rank_spread: float = 2.0
    """For init "eva": a layer's rank is at most so many times its own; 1 spreads nothing."""

    def __post_init__(self) -> None:
        for item in dataclasses.fields(self):
            object.__setattr__(self, item.name, form_of(item.name, getattr(self, item.name)))
        faults = [fault for check in _CHECKS for fault in check(self)]
        if faults:
            raise ConfigError("LoraConfig", faults)

    def scale(self, path: str) -> float:
        """The factor before BA for the module at `path`: alpha / rank, or alpha / sqrt(rank)."""
        alpha, rank = self.alpha_of(path), self.rank_of(path)
        return alpha / (math.sqrt(rank) if self.scale_rule == "rslora" else rank)

    def rank_of(self, path: str) -> int:
        """The rank for `path`: its own entry, the longest pattern that matches, or `rank`."""
        return _by_pattern(path, self.rank_pattern, default=self.rank)

    def alpha_of(self, path: str) -> float:
        """The alpha for `path`: its own entry, the longest pattern that matches, or `alpha`."""
        return _by_pattern(path, self.alpha_pattern, default=self.alpha)

    def replace(self, **changes: Any) -> LoraConfig:
        """The same config with some fields changed."""
        return dataclasses.replace(self, **changes)

    def to_mapping(self) -> dict[str, Any]:
        """Plain JSON data, lists for tuples; without a field of `LATER` that has its default.

        `fused_sizes` gives [part, rows] pairs: their order is meant, and JSON objects have none.
        """
        data = {
            item.name: plain(getattr(self, item.name))
            for item in dataclasses.fields(self)
            if item.name not in self.LATER or getattr(self, item.name) != item.default
        }
        sizes = self.fused_sizes.items()
        return {**data, "fused_sizes": {key: plain(tuple(part.items())) for key, part in sizes}}

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> LoraConfig:
        """A config from plain data. Unknown fields are a ConfigError with the nearest names."""
        if not isinstance(values, Mapping):
            raise ConfigError(
                "LoraConfig", [f"found {values!r}; a mapping of its fields is wanted"]
            )
        known = {item.name for item in dataclasses.fields(cls)}
        unknown = [
            f"unknown field '{name}'{nearest(str(name), known)}"
            for name in values
            if name not in known
        ]
        kept = {name: value for name, value in values.items() if name in known}
        try:
            config = cls(**kept)
        except ConfigError as error:
            raise ConfigError("LoraConfig", [*unknown, *error.facts["faults"]]) from error
        if unknown:
            raise ConfigError("LoraConfig", unknown)
        return config

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, LoraConfig):
            return NotImplemented
        return self.to_mapping() == other.to_mapping()

    def __hash__(self) -> int:
        return hash((self.rank, self.alpha, self.seed, self.target_modules))

    def __reduce__(self) -> tuple[Callable[..., LoraConfig], tuple[dict[str, Any]]]:
        return LoraConfig.from_mapping, (self.to_mapping(),)


def matches(name: str, path: str) -> bool:
    """True if `name` is the path, its last dotted parts, or a regular expression of all of it."""
    if path == name or path.endswith(f".{name}"):
        return True
    try:
        return re.fullmatch(name, path) is not None
    except re.error:
        return False


def _by_pattern(path: str, patterns: Mapping[str, Any], *, default: Any) -> Any:
    # A whole path decides at once: adapters of large models have one for each of their layers.
    if path in patterns:
        return patterns[path]
    return next((value for key, value in patterns.items() if matches(key, path)), default)


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= LARGEST


def _number(value: Any) -> bool:
    plain_number = isinstance(value, int | float) and not isinstance(value, bool)
    return plain_number and abs(value) <= LARGEST


def _check_numbers(config: LoraConfig) -> list[str]:
    faults = []
    if not _whole(config.rank) or config.rank < 1:
        faults.append(f"rank is {config.rank!r}; a whole number of at least 1 is wanted")
    if not _number(config.alpha) or config.alpha <= 0:
        faults.append(f"alpha is {config.alpha!r}; a number above 0 is wanted (0 adapts nothing)")
    if not _number(config.dropout) or not 0 <= config.dropout < 1:
        faults.append(f"dropout is {config.dropout!r}; a number from 0 up to, not with, 1")
    if not _whole(config.seed) or config.seed < 0:
        faults.append(f"seed is {config.seed!r}; a whole number from 0 to 2^53 - 1 is wanted")
    if not _whole(config.loftq_rounds) or config.loftq_rounds < 1:
        faults.append(f"loftq_rounds is {config.loftq_rounds!r}; a whole number of at least 1")
    if not _number(config.rank_spread) or config.rank_spread < 1:
        faults.append(f"rank_spread is {config.rank_spread!r}; a number of at least 1 is wanted")
    return faults


def _check_choices(config: LoraConfig) -> list[str]:
    choices = {
        "bias": BIASES,
        "scale_rule": SCALE_RULES,
        "init": INITS,
        "weight_rule": WEIGHT_RULES,
        "tied": TIED,
        "dtype": DTYPES,
    }
    faults = []
    for name, valid in choices.items():
        value = getattr(config, name)
        if value not in valid:
            listed = ", ".join(f'"{choice}"' for choice in valid)
            faults.append(f"{name} is {value!r}; one of {listed} is wanted")
    return faults


def _check_names(config: LoraConfig) -> list[str]:
    faults = []
    for name in ("target_modules", "exclude_modules"):
        value = getattr(config, name)
        if isinstance(value, str) and value != ALL_LINEAR:
            faults.extend(_check_regex(name, value))
    for name in ("target_modules", "exclude_modules", "modules_to_save", "target_parameters"):
        value = getattr(config, name)
        if isinstance(value, str) or value is None:
            continue
        if not isinstance(value, tuple) or not all(isinstance(n, str) and n for n in value):
            faults.append(f"{name} is {value!r}; a list of names that are not empty is wanted")
        elif ALL_LINEAR in value:
            faults.append(f'{name} lists "{ALL_LINEAR}"; it stands alone, not in a list')
    if not config.target_modules and not config.target_parameters:
        faults.append("target_modules and target_parameters are empty: nothing would be adapted")
    return faults


def _check_regex(field_name: str, value: str) -> list[str]:
    try:
        re.compile(value)
    except re.error as error:
        return [f"{field_name} {value!r} is not a regular expression ({error})"]
    return []


def _parts(value: Any) -> bool:
    named = isinstance(value, tuple) and all(isinstance(part, str) and part for part in value)
    return named and bool(value) and len(set(value)) == len(value)


def _check_key(field_name: str, key: Any) -> list[str]:
    if not isinstance(key, str) or not key:
        return [f"{field_name} has the key {key!r}; a name is wanted"]
    return _check_regex(field_name, key)


def _check_patterns(config: LoraConfig) -> list[str]:
    faults = []
    rules = {
        "rank_pattern": (lambda v: _whole(v) and v >= 1, "whole numbers of at least 1"),
        "alpha_pattern": (lambda v: _number(v) and v > 0, "numbers above 0"),
        "fused": (_parts, "lists of different parts"),
        "fused_sizes": (
            lambda v: isinstance(v, Mapping) and v and all(_whole(n) and n > 0 for n in v.values()),
            "numbers of rows by part, in order,",
        ),
    }
    for name, (valid, wanted) in rules.items():
        value = getattr(config, name)
        if not isinstance(value, Mapping):
            faults.append(f"{name} is {value!r}; a mapping from names to {wanted} is wanted")
            continue
        for key, item in value.items():
            faults.extend(_check_key(name, key))
            if not valid(item):
                faults.append(f"{name}[{key!r}] is {plain(item)!r}; {wanted} are wanted")
    return faults


def _check_layers(config: LoraConfig) -> list[str]:
    layers = config.layers
    if layers is None:
        return []
    if isinstance(layers, tuple) and layers and all(_whole(i) and i >= 0 for i in layers):
        return []
    return [f"layers is {layers!r}; a list of whole numbers from 0 is wanted, or None"]


_CHECKS = (
    *(_check_numbers, _check_choices, _check_names, _check_patterns, _check_layers),
    combination_faults,
)
