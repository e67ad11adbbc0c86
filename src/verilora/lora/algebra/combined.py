"""What a combination is: module by module, how large, and how far from what was asked for."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from verilora.lora.formats.adapter import Adapter


@dataclass(frozen=True)
class CombinedLayer:
    """One module. Norms are Frobenius."""

    path: str
    terms: int
    """How many of the adapters have it; the others count as zero."""
    rank: int
    norm: float
    """Of the update that was asked for."""
    error: float
    """Of what is written, against that: what the rank leaves out, and rounding."""

    @property
    def relative_error(self) -> float:
        """error / norm."""
        return self.error / self.norm if self.norm else 0.0


@dataclass(frozen=True)
class Combination:
    """One adapter of several; prints as a table."""

    adapter: Adapter
    layers: tuple[CombinedLayer, ...]
    method: Mapping[str, Any]
    weights: tuple[float, ...]
    notes: tuple[str, ...] = ()

    @property
    def relative_error(self) -> float:
        """Over all modules together: √Σ error² / √Σ norm²."""
        norm = math.hypot(*(layer.norm for layer in self.layers))
        return math.hypot(*(layer.error for layer in self.layers)) / norm if norm else 0.0

    def to_mapping(self) -> dict[str, Any]:
        """Plain JSON data."""
        return {
            "method": dict(self.method),
            "weights": list(self.weights),
            "relative_error": self.relative_error,
            "layers": [{**asdict(x), "relative_error": x.relative_error} for x in self.layers],
            "notes": list(self.notes),
        }

    def __str__(self) -> str:
        width = max((len(layer.path) for layer in self.layers), default=6)
        lines = [f"{'module':<{width}}  terms  rank  {'‖ΔW‖':>10}  error"]
        lines += [
            f"{x.path:<{width}}  {x.terms:>5}  {x.rank:>4}  {x.norm:>10.3e}  {x.relative_error:.1e}"
            for x in self.layers
        ]
        lines.append(f"{len(self.layers)} modules, error in all {self.relative_error:.1e} of ‖ΔW‖")
        return "\n".join([*lines, *(f"note: {note}" for note in self.notes)])
