"""verilora.json for an adapter that was made of others, without a model: bound to the same base.

Only where all that it must say is known: digests of the base, and of each module how its parameter
lies in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from verilora.errors import ConfigError
from verilora.lora.formats.adapter import Adapter, alpha_for_scale, narrowest
from verilora.lora.formats.documents import document_bytes
from verilora.lora.formats.peft.naming import patterns_by_path
from verilora.lora.formats.peft.sidecar import FORMAT
from verilora.records.adapter import DTYPES, LoraConfig
from verilora.records.digests import digest_bytes


def bound_sidecar(
    adapter: Adapter, files: Mapping[str, bytes], *, defaults: tuple[int, float], bias: str
) -> bytes | None:
    """The content of verilora.json, or None where it cannot be known.

    `defaults` are the rank and alpha of adapter_config.json, `bias` its word for trained biases.
    """
    record = adapter.record
    if record is None or not all(_is_plain(record.layers.get(path)) for path in adapter.pairs):
        return None
    config = _config(adapter, defaults, bias=bias)
    if config is None:
        return None
    content = {
        "format": FORMAT,
        "config": config.to_mapping(),
        "files": {name: digest_bytes(value) for name, value in files.items()},
        "base": dict(record.base),
        "layers": {path: _facts(adapter, path) for path in sorted(adapter.pairs)},
        "trained": any(bool(p.a.any()) and bool(p.b.any()) for p in adapter.pairs.values()),
        "results": {},
    }
    return document_bytes(content)


def _is_plain(facts: Any) -> bool:
    """True for one update of a whole weight, shared with no other module."""
    if not isinstance(facts, dict) or facts.get("tied") or set(facts["updates"]) != {"weight"}:
        return False
    own = facts["updates"]["weight"]
    return not own["rows"] and not own["experts"]


def _facts(adapter: Adapter, path: str) -> dict[str, Any]:
    assert adapter.record is not None
    pair, own = adapter.pairs[path], adapter.record.layers[path]["updates"]["weight"]
    kept = {key: own[key] for key in ("parameter", "shape", "rows", "experts", "transposed")}
    alpha = alpha_for_scale(pair.scale, pair.rank)
    return {
        "updates": {"weight": {**kept, "rank": pair.rank, "alpha": alpha, "scale": pair.scale}},
        "tied": [],
    }


def _config(adapter: Adapter, defaults: tuple[int, float], *, bias: str) -> LoraConfig | None:
    rank, alpha = defaults
    pairs = adapter.pairs
    ranks = {path: pair.rank for path, pair in pairs.items()}
    alphas = {path: alpha_for_scale(pair.scale, pair.rank) for path, pair in pairs.items()}
    widest = narrowest(*(tensor.dtype for pair in pairs.values() for tensor in (pair.a, pair.b)))
    dtype = str(widest).removeprefix("torch.")
    targets = adapter.targets if isinstance(adapter.targets, tuple) else tuple(sorted(pairs))
    try:
        return LoraConfig(
            rank=rank,
            alpha=alpha,
            dropout=adapter.dropout,
            target_modules=targets,
            modules_to_save=tuple(sorted(adapter.heads)),
            rank_pattern=patterns_by_path(ranks, rank),
            alpha_pattern=patterns_by_path(alphas, alpha),
            bias=bias,
            weight_rule="dora" if adapter.has_magnitudes else "lora",
            dtype=dtype if dtype in DTYPES else "float32",
        )
    except ConfigError:  # such as names that PEFT takes and a LoraConfig does not
        return None
