"""Parts of a fused projection (q, k, v in one matrix): which rows are whose.

Rows follow the model's own config (heads, fewer key/value heads) or the sizes given; a projection
whose parts alternate head by head has no such ranges and is refused.
"""

from __future__ import annotations

from typing import Any

from torch import nn

from verilora.errors import nearest
from verilora.records.adapter import LoraConfig, matches

# In these, the rows of q, k and v alternate head by head, or group by group.
ALTERNATING = {
    *("gpt_neox", "gpt_neox_japanese", "bloom", "falcon", "codegen", "deberta", "persimmon"),
    *("fuyu", "gpt_bigcode", "minimax"),
}


class PartsError(ValueError):
    """One sentence about a fused projection that cannot be split as asked."""


def fused_key(path: str, config: LoraConfig) -> str | None:
    """The entry of `config.fused` that names the module at `path`."""
    return next((key for key in config.fused if matches(key, path)), None)


def part_rows(
    path: str, out_features: int, *, config: LoraConfig, model: nn.Module
) -> dict[str, tuple[int, int]]:
    """Part to adapt -> (first row, row after the last) for the fused projection at `path`.

    Raises PartsError for a part that does not exist or sizes that do not add up.
    """
    key = fused_key(path, config)
    assert key is not None
    given = next((s for k, s in config.fused_sizes.items() if matches(k, path)), None)
    sizes = dict(given) if given else _sizes_of(key, out_features, model=model)
    if sum(sizes.values()) != out_features:
        raise PartsError(
            f"the parts {sizes} of '{key}' add up to {sum(sizes.values())} rows, but {path} has "
            f"{out_features}; give fused_sizes = {{'{key}': {{part: rows, ...}}}}"
        )
    wanted = config.fused[key]
    unknown = [f"'{part}'{nearest(part, sizes)}" for part in wanted if part not in sizes]
    if unknown:
        raise PartsError(f"'{key}' has the parts {', '.join(sizes)}, not {', '.join(unknown)}")
    rows, start = {}, 0
    for part, size in sizes.items():
        rows[part] = (start, start + size)
        start += size
    return {part: rows[part] for part in rows if part in wanted}


def _sizes_of(key: str, out_features: int, *, model: nn.Module) -> dict[str, int]:
    settings = getattr(model, "config", None)
    kind = getattr(settings, "model_type", None)
    if kind in ALTERNATING:
        raise PartsError(
            f"'{key}' of {kind} holds the rows of q, k and v alternating head by head, not one "
            "after the other; adapt it whole"
        )
    sizes = sizes_from(settings, key, rows=out_features)
    if not sizes:
        raise PartsError(
            f"the parts of '{key}' ({out_features} rows) do not follow from the model's config; "
            f"give fused_sizes = {{'{key}': {{part: rows, ...}}}}"
        )
    return sizes


def sizes_from(settings: Any, key: str, *, rows: int) -> dict[str, int]:
    """Sizes of q, k, v (or gate, up) read off the model's config; {} if they do not follow.

    They follow only if the rows are exactly those of all heads, each as wide as the config says.
    """
    if "gate_up" in key and rows % 2 == 0:
        return {"gate": rows // 2, "up": rows // 2}
    heads = _first(settings, "num_attention_heads", "n_head")
    if not heads:
        return {}
    fewer = _first(settings, "num_key_value_heads") or heads
    width = (
        _first(settings, "head_dim") or (_first(settings, "hidden_size", "n_embd") or 0) // heads
    )
    if width * (heads + 2 * fewer) != rows:
        return {}
    return {"q": heads * width, "k": fewer * width, "v": fewer * width}


def _first(settings: Any, *names: str) -> int | None:
    return next((v for v in (getattr(settings, name, None) for name in names) if v), None)
