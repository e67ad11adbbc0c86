"""What a conversion has to know of the base: sizes and heads, from its config.json alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from verilora.errors import ModelError
from verilora.lora.formats.documents import DocumentError, parse_document, read_file

LARGEST = 16 << 20
ATTENTION = ("q_proj", "k_proj", "v_proj", "o_proj")
LLAMA_LIKE = ("llama", "mistral", "gemma", "gemma2", "qwen2", "qwen3")
"""model_type of those whose layers are model.layers.N.self_attn.q_proj and so on."""


@dataclass(frozen=True)
class Architecture:
    """Sizes of a transformer; None where its config does not say."""

    model_type: str
    layers: int | None
    hidden: int | None
    intermediate: int | None
    heads: int | None
    key_value_heads: int | None
    head_size: int | None
    vocabulary: int | None
    labels: int | None
    """Of a classification head."""

    def shape_of(self, name: str) -> tuple[int, int]:
        """(out, in) of a layer's module of a Llama-like model, by its last name.

        Raises ModelError if a size is missing.
        """
        hidden, inner = self._known("hidden"), self._known("intermediate")
        wide, narrow = self.rows_of("q_proj"), self.rows_of("k_proj")
        shapes = {
            "q_proj": (wide, hidden),
            "k_proj": (narrow, hidden),
            "v_proj": (narrow, hidden),
            "o_proj": (hidden, wide),
            "gate_proj": (inner, hidden),
            "up_proj": (inner, hidden),
            "down_proj": (hidden, inner),
        }
        return shapes[name]

    def rows_of(self, name: str) -> int:
        """Rows of q_proj, k_proj or v_proj."""
        return self.heads_of(name) * self._known("head_size")

    def heads_of(self, name: str) -> int:
        """Heads of q_proj, or of k_proj and v_proj, which may be fewer."""
        return self._known("heads" if name == "q_proj" else "key_value_heads")

    def depth(self) -> int:
        """How many layers there are."""
        return self._known("layers")

    def _known(self, field: str) -> int:
        value = getattr(self, field)
        if value is None:
            raise ModelError(
                f"the model's config.json (model_type '{self.model_type}') does not give its "
                f"{field.replace('_', ' ')}; give the base of the adapter with --model",
                id=self.model_type,
            )
        return value


def read_architecture(directory: Path) -> Architecture:
    """From a model's directory (or its config.json). Raises ModelError if that cannot be read."""
    path = directory if directory.is_file() else directory / "config.json"
    try:
        return architecture_of(parse_document(read_file(path, limit=LARGEST)))
    except DocumentError as error:
        raise ModelError(
            f"{path} {error}; a model's config.json is wanted", id=str(path)
        ) from error


def architecture_of(settings: Mapping[str, Any]) -> Architecture:
    """From the content of a config.json; a text model inside another goes by its own part."""
    inner = settings.get("text_config")
    found = {**settings, **inner} if isinstance(inner, dict) else settings
    heads = _first(found, "num_attention_heads", "n_head")
    hidden = _first(found, "hidden_size", "n_embd")
    head_size = _first(found, "head_dim")
    if head_size is None and heads and hidden:
        head_size = hidden // heads
    labels = settings.get("id2label")
    return Architecture(
        model_type=str(found.get("model_type") or "unknown"),
        layers=_first(found, "num_hidden_layers", "n_layer"),
        hidden=hidden,
        intermediate=_first(found, "intermediate_size", "n_inner"),
        heads=heads,
        key_value_heads=_first(found, "num_key_value_heads") or heads,
        head_size=head_size,
        vocabulary=_first(found, "vocab_size"),
        labels=len(labels) if isinstance(labels, dict) else _first(settings, "num_labels"),
    )


def llama_paths(names: tuple[str, ...], layers: int) -> Iterator[str]:
    """The paths of these modules in every layer of a Llama-like model, layer by layer."""
    for index in range(layers):
        for name in names:
            part = "self_attn" if name in ATTENTION else "mlp"
            yield f"model.layers.{index}.{part}.{name}"


def _first(found: Mapping[str, Any], *names: str) -> int | None:
    values = (found.get(name) for name in names)
    return next((v for v in values if isinstance(v, int) and not isinstance(v, bool) and v), None)
