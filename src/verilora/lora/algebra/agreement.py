"""Whether adapters can be added at all: one base, one shape of each module, nothing but ΔW."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from verilora.errors import AdapterFileError, BaseMismatch, ConfigError, ShapeError, told_together
from verilora.lora.formats.adapter import Adapter
from verilora.lora.formats.faults import few


def refuse_disagreement(adapters: Sequence[Adapter], weights: Sequence[float]) -> None:
    """Raises ConfigError for weights, BaseMismatch, ShapeError or AdapterFileError for adapters."""
    found = f"adapters: {len(adapters)}, weights: {len(weights)}; one weight for each is wanted"
    faults = [found] if len(adapters) != len(weights) or not adapters else []
    faults += [
        f"the weight {weight!r} is no number; a finite one is wanted"
        for weight in weights
        if not _plain(weight)
    ]
    if faults:
        raise ConfigError("combine", faults)
    differing = sorted(_differing(adapters))
    if differing:
        raise BaseMismatch(
            f"the adapters were made on different bases: {len(differing)} tensors have other "
            f"digests ({few(differing)}); their updates mean nothing together",
            differing=tuple(differing),
        )
    magnitudes = [str(i + 1) for i, one in enumerate(adapters) if one.has_magnitudes]
    if magnitudes:
        raise AdapterFileError(
            f"adapter {', '.join(magnitudes)} is DoRA, whose magnitudes do not add up: the update "
            "depends on the base; merge it into its base instead",
            faults=tuple(magnitudes),
        )
    parameters = {one.parameters for one in adapters if one.parameters}
    if len(parameters) > 1:
        raise AdapterFileError(
            "the adapters name other bare parameters (target_parameters), and their files do not "
            "say which update is whose",
            faults=tuple(str(names) for names in parameters),
        )
    shapes = list(_shape_faults(adapters))
    if shapes:
        raise ShapeError(told_together("the adapters do not fit each other", shapes))


def _differing(adapters: Sequence[Adapter]) -> set[str]:
    """Names under which two of the adapters record different tensors of their base."""
    first: dict[str, str] = {}
    found = set()
    for one in adapters:
        for name, digest in one.base_digests.items():
            if first.setdefault(name, digest) != digest:
                found.add(name)
    return found


def notes_on_bases(adapters: Sequence[Adapter]) -> Iterator[str]:
    """What is not known of the bases."""
    names = {one.base for one in adapters} - {None}
    if len(names) > 1:
        yield f"the bases go by {len(names)} names ({', '.join(sorted(map(str, names)))})"
    if not all(one.base_digests for one in adapters):
        yield "not every adapter records digests of its base, so that nobody knows if it is one"


def combined_whole(
    tensors: Sequence[dict[str, Tensor]], weights: Sequence[float], *, exact: bool
) -> dict[str, Tensor]:
    """Σ wᵢ Wᵢ of modules trained whole (or biases), which is right only if the base cancels.

    Σ wᵢ (Wᵢ − W₀) + W₀ has no W₀ left where the weights add up to 1 and every adapter has the
    tensor. One that is the same in all is kept. Raises AdapterFileError otherwise.
    """
    found, faults = {}, []
    for name in dict.fromkeys(name for own in tensors for name in own):
        values = [own[name] for own in tensors if name in own]
        alike = all(value.shape == values[0].shape for value in values)
        if len(values) == len(tensors) and all(_same(value, values[0]) for value in values):
            found[name] = values[0]
        elif len(values) < len(tensors) or not alike or not exact:
            faults.append(f"'{name}' {_why(len(values), len(tensors), alike=alike)}")
        elif not math.isclose(sum(weights), 1.0, rel_tol=1e-9):
            faults.append(
                f"'{name}' is trained whole, and the weights add up to {sum(weights):g}: only with "
                "1 does the base's own value cancel"
            )
        else:
            total = sum((w * v.double() for w, v in zip(weights, values, strict=True)))
            found[name] = torch.as_tensor(total).to(values[0].dtype)
    if faults:
        told = told_together("what is trained whole cannot be combined", faults[:20])
        raise AdapterFileError(told, faults=tuple(faults))
    return found


def _why(have: int, total: int, *, alike: bool) -> str:
    if have < total:
        return f"is trained whole in {have} of {total} adapters, and the base's value is not known"
    if not alike:
        return "is trained whole, and has another shape in each adapter (another task's head?)"
    return "is trained whole and differs, and this method is for updates alone; use the sum"


def _shape_faults(adapters: Sequence[Adapter]) -> Iterator[str]:
    for path in dict.fromkeys(path for one in adapters for path in one.pairs):
        pairs = [one.pairs[path] for one in adapters if path in one.pairs]
        kinds = {(pair.shape, pair.experts, pair.embedding, pair.kernel) for pair in pairs}
        if len(kinds) > 1:
            told = ", ".join(str(shape) for shape in dict.fromkeys(pair.shape for pair in pairs))
            yield f"'{path}' has updates of the shapes {told}"


def _plain(weight: float) -> bool:
    return isinstance(weight, int | float) and math.isfinite(weight)


def _same(x: Tensor, y: Tensor) -> bool:
    return x.shape == y.shape and x.dtype == y.dtype and torch.equal(x, y)
