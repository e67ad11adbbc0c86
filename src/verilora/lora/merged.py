"""What a merge did: weight by weight, and to the answer on a probe."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class MergedWeight:
    """One weight after merging. Errors and sizes are Frobenius norms."""

    name: str
    dtype: str
    update_norm: float
    """‖ΔW‖: of scale · BA, or of what a start's pair and DoRA's norms make of it."""
    rounding_error: float
    """‖merged − (W + ΔW)‖, judged in float64: what the weight's dtype cannot hold."""

    @property
    def lost(self) -> float:
        """Share of the update that rounding took: rounding_error / update_norm."""
        return self.rounding_error / self.update_norm if self.update_norm else 0.0


@dataclass(frozen=True)
class MergeReport:
    """What a merge did, weight by weight, and to the answer on the probe batch."""

    weights: tuple[MergedWeight, ...]
    probe_difference: float | None = None
    """Greatest absolute difference of the answers, divided by the greatest answer."""
    tolerance: float | None = None

    def to_mapping(self) -> dict[str, Any]:
        """Plain JSON data."""
        return {
            "weights": [{**vars(weight), "lost": weight.lost} for weight in self.weights],
            "probe_difference": self.probe_difference,
            "tolerance": self.tolerance,
        }

    def __str__(self) -> str:
        width = max((len(weight.name) for weight in self.weights), default=6)
        lines = [f"{'weight':<{width}}  {'dtype':<8}  {'update':>10}  {'rounding':>10}  lost"]
        lines += [
            f"{w.name:<{width}}  {w.dtype:<8}  {w.update_norm:>10.3e}  "
            f"{w.rounding_error:>10.3e}  {w.lost:.2%}"
            for w in self.weights
        ]
        if self.probe_difference is not None:
            allowed = "" if self.tolerance is None else f" (allowed {self.tolerance:.0e})"
            lines.append(f"probe: {self.probe_difference:.2e}{allowed}")
        return "\n".join(lines)
