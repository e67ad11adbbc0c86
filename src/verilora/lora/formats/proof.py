"""Proof of a conversion: what was written is read again, and ΔW compared module by module.

Both ΔW are made dense in float64, a piece at a time. What may differ is bounded by the rounding
of B where a scale had to be folded into it: ‖ΔW − ΔW'‖ ≤ eps · scale · ‖A‖ · ‖B‖.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from verilora.errors import AdapterFileError
from verilora.lora.algebra.small import dense_pieces
from verilora.lora.formats.adapter import Adapter, Pair
from verilora.lora.formats.faults import refuse

# Relative to scale · ‖A‖ · ‖B‖, for sums in float64 in another order.
FLOAT64 = 1e-12


@dataclass(frozen=True)
class LayerProof:
    """One module: its update before and after."""

    path: str
    equal: bool
    """To the bit."""
    norm: float
    """‖ΔW‖, Frobenius."""
    error: float
    """‖ΔW − ΔW'‖."""
    bound: float
    """What `error` may be."""


@dataclass(frozen=True)
class Proof:
    """Every module of a conversion."""

    layers: tuple[LayerProof, ...]
    tensors: int
    """Tensors trained whole, biases and magnitudes, all equal to the bit."""

    @property
    def equal(self) -> bool:
        """True if every update is the same to the bit."""
        return all(layer.equal for layer in self.layers)

    @property
    def relative_error(self) -> float:
        """The greatest ‖ΔW − ΔW'‖ / ‖ΔW‖."""
        return max((one.error / one.norm for one in self.layers if one.norm), default=0.0)

    def to_mapping(self) -> dict[str, Any]:
        """Plain JSON data."""
        return {
            "equal": self.equal,
            "relative_error": self.relative_error,
            "tensors": self.tensors,
            "layers": [asdict(layer) for layer in self.layers],
        }

    def __str__(self) -> str:
        if self.equal:
            told = "every ΔW is equal to the bit"
        else:
            same = sum(layer.equal for layer in self.layers)
            told = (
                f"{same} of {len(self.layers)} ΔW are equal to the bit, the rest differ by at most "
                f"{self.relative_error:.1e} of ‖ΔW‖ (rounding of B, within its bound)"
            )
        return f"{told}; {self.tensors} other tensors are equal" if self.tensors else told


def prove(before: Adapter, after: Adapter) -> Proof:
    """Holds an adapter against itself as read again; a module that only one has counts as zero.

    Raises AdapterFileError with every module that differs by more than its bound, and every other
    tensor that is not the same.
    """
    paths = [*before.pairs, *(path for path in after.pairs if path not in before.pairs)]
    layers = tuple(_layer(p, before.pairs.get(p), after=after.pairs.get(p)) for p in paths)
    faults = [
        f"the update of '{one.path}' would differ by {one.error:.3e} (its norm is {one.norm:.3e}, "
        f"the bound {one.bound:.3e})"
        for one in layers
        if not one.error <= one.bound
    ]
    kept = dict(_others(before))
    faults += _different(kept, dict(_others(after)))
    if faults:
        refuse("the conversion is wrong, and nothing was written", faults)
    return Proof(layers, len(kept))


def _layer(path: str, before: Pair | None, *, after: Pair | None) -> LayerProof:
    first = before or after
    assert first is not None
    if before and after and before.shape != after.shape:
        raise AdapterFileError(
            f"the conversion is wrong: '{path}' has ΔW {before.shape} before and {after.shape} "
            "after; nothing was written",
            faults=(path,),
        )
    norms, errors, equal = [0.0], [0.0], True
    for x, y in zip(_dense(before, first), _dense(after, first), strict=True):
        norms.append(float(torch.linalg.vector_norm(x)))
        errors.append(float(torch.linalg.vector_norm(x - y)))
        equal = equal and torch.equal(x, y)
    return LayerProof(path, equal, _total(norms), _total(errors), _bound(before, after))


def _dense(pair: Pair | None, like: Pair) -> Iterator[Tensor]:
    """The rows of ΔW in pieces; of a module that is not there, zeros."""
    if pair is None:
        pair = like.replace(a=torch.zeros_like(like.a), b=torch.zeros_like(like.b))
    return dense_pieces(pair.a, pair.b, scale=pair.scale)


def _bound(before: Pair | None, after: Pair | None) -> float:
    if before is None or after is None:
        return 0.0
    eps = torch.finfo(after.b.dtype).eps
    size = before.scale * float(before.a.double().norm()) * float(before.b.double().norm())
    # Folding rounds B once; without it both products are of the same numbers.
    folded = before.scale != after.scale
    return (eps if folded else FLOAT64) * size


def _total(norms: list[float]) -> float:
    return float(torch.tensor(norms, dtype=torch.float64).norm())


def _others(adapter: Adapter) -> Iterator[tuple[str, Tensor]]:
    yield from adapter.whole.items()
    yield from adapter.biases.items()
    for path, pair in adapter.pairs.items():
        if pair.magnitude is not None:
            yield f"magnitude of {path}", pair.magnitude


def _different(before: Mapping[str, Tensor], after: Mapping[str, Tensor]) -> list[str]:
    faults = [f"'{name}' would be lost" for name in before if name not in after]
    faults += [f"'{name}' would be new" for name in after if name not in before]
    return faults + [
        f"'{name}' would have other values"
        for name, value in before.items()
        if name in after and not _same(value, after[name])
    ]


def _same(x: Tensor, y: Tensor) -> bool:
    return x.shape == y.shape and x.dtype == y.dtype and torch.equal(x, y)
