"""combine: Σ wᵢ ΔWᵢ exactly, for any mix of ranks and scales, by stacking the factors.

[B₁ B₂] [A₁; A₂] = B₁A₁ + B₂A₂: weights and scales go into B, and nothing is mixed that does not
belong together. Recompressed in the small space where a rank is asked for.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor

from verilora.atomic import refuse_occupied, write_directory
from verilora.errors import AdapterFileError, ConfigError
from verilora.lora.algebra.agreement import combined_whole, notes_on_bases, refuse_disagreement
from verilora.lora.algebra.combined import Combination, CombinedLayer
from verilora.lora.algebra.small import factorise, recompress, singular_values
from verilora.lora.algebra.sparse import EXACT, Method
from verilora.lora.formats.adapter import Adapter, Pair, Record, narrowest
from verilora.lora.formats.dialects import read_adapter
from verilora.lora.formats.peft.neutral import is_peft
from verilora.lora.formats.peft.neutral_write import write_peft

Term = tuple[float, Pair]
CANCELLED = 1e-13
"""Relative to ‖A‖ · ‖B‖ of the stacked factors: a sum as small as this is zero."""


def combine(  # limit: the order of arguments is an interface
    adapters: Sequence[str | os.PathLike[str]],
    weights: Sequence[float],
    out: str | os.PathLike[str],
    rank: int | None = None,
    *,
    method: Method | str = EXACT,
) -> Combination:
    """Writes one PEFT directory for the weighted sum of adapters, each in any format that is read.

    An adapter that lacks a module counts as zero there. With `rank` each module is brought down to
    it, with the error told; "ties", "dare", "dare-ties" and "magnitude" (a Method has their density
    and seed) work on the dense ΔW of one module at a time and always end with a decomposition.
    The same input gives the same bytes. Raises BaseMismatch if recorded bases differ, ShapeError,
    ConfigError, AdapterFileError for DoRA and for heads that do not add up; OutputError.
    """
    refuse_occupied(Path(out), way="")
    chosen = Method(method) if isinstance(method, str) else method
    read = [_read(Path(path)) for path in adapters]
    found = combined(read, weights, rank=rank, method=chosen)
    write_directory(Path(out), write_peft(found.adapter))
    return found


def _read(path: Path) -> Adapter:
    """The adapter at `path`; what its files lack is given to a conversion, not here."""
    try:
        return read_adapter(path)
    except AdapterFileError as error:
        if any(is_peft(place) for place in (path, path / "adapter")):
            raise
        told = f"{error}; convert it first: verilora convert {path} --to peft"
        raise AdapterFileError(told, faults=error.facts["faults"]) from error


def combined(
    adapters: Sequence[Adapter],
    weights: Sequence[float],
    *,
    rank: int | None = None,
    method: Method | None = None,
) -> Combination:
    """The same in memory."""
    method = method or Method()
    if rank is not None and rank < 1:
        raise ConfigError("combine", [f"rank is {rank}; a whole number of at least 1 is wanted"])
    refuse_disagreement(adapters, weights)
    exact = method.name == EXACT
    paths = dict.fromkeys(path for one in adapters for path in one.pairs)
    pairs, layers = {}, []
    for path in paths:
        terms = [
            (weight, one.pairs[path])
            for one, weight in zip(adapters, weights, strict=True)
            if path in one.pairs
        ]
        made = _sum(terms, rank=rank) if exact else _dense(terms, method, path=path, rank=rank)
        pairs[path], norm, error = made
        layers.append(CombinedLayer(path, len(terms), pairs[path].rank, norm, error))
    notes = tuple(notes_on_bases(adapters))
    return Combination(
        adapter=_assembled(adapters, weights, pairs=pairs, exact=exact).noting(*notes),
        layers=tuple(layers),
        method=asdict(method) if not exact else {"name": EXACT},
        weights=tuple(weights),
        notes=notes,
    )


def _sum(terms: Sequence[Term], *, rank: int | None) -> tuple[Pair, float, float]:
    """(pair, ‖Σ‖, error): stacked, and brought down to the rank or the matrix's own size."""
    like, unit = terms[0][1], _unit(terms)
    a = torch.cat([pair.a.double() for _, pair in terms], dim=-2)
    b = torch.cat([pair.b.double() * (w * pair.scale / unit) for w, pair in terms], dim=-1)
    norm = float(torch.linalg.vector_norm(singular_values(a, b, scale=unit)))
    if norm <= CANCELLED * float(a.norm() * b.norm()) * unit:
        # What is left of terms that cancel is float64's noise, and no update.
        none = like.replace(a=like.a[..., :1, :] * 0, b=like.b[..., :1] * 0, scale=1.0)
        return none, 0.0, norm
    limit = min(like.shape) if rank is None else min(rank, *like.shape)
    dtype = narrowest(*(pair.b.dtype for _, pair in terms), *(p.a.dtype for _, p in terms))
    if a.shape[-2] <= limit:
        made = like.replace(a=a.to(dtype), b=_stored(b, dtype), scale=unit)
        made = made.replace(a=made.a.to(made.b.dtype))
    else:
        small_a, small_b, _ = recompress(a, b * unit, rank=limit)
        made = _plain(like, small_a, b=small_b, dtype=dtype)
    return made, norm, _distance(made, a, b=b * unit)


def _dense(
    terms: Sequence[Term], method: Method, *, path: str, rank: int | None
) -> tuple[Pair, float, float]:
    like = terms[0][1]
    matrices = [pair.scale * (pair.b.double() @ pair.a.double()) for _, pair in terms]
    wanted = method.apply(matrices, [weight for weight, _ in terms], path=path)
    limit = rank if rank is not None else sum(pair.rank for _, pair in terms)
    a, b, _ = factorise(wanted, min(limit, *like.shape))
    dtype = narrowest(torch.float32, *(pair.b.dtype for _, pair in terms))
    made = _plain(like, a, b=b, dtype=dtype)
    error = wanted - made.b.double() @ made.a.double()
    return made, float(wanted.norm()), float(error.norm())


def _unit(terms: Sequence[Term]) -> float:
    """The greatest |weight · scale|: that B stays as it is, and no other grows."""
    return max(abs(weight) * pair.scale for weight, pair in terms) or 1.0


def _stored(b: Tensor, dtype: torch.dtype) -> Tensor:
    """B in the adapters' dtype if that holds it exactly, else in float32 at least."""
    narrow = b.to(dtype)
    return narrow if torch.equal(narrow.double(), b) else b.to(narrowest(dtype, torch.float32))


def _plain(like: Pair, a: Tensor, *, b: Tensor, dtype: torch.dtype) -> Pair:
    wide = narrowest(dtype, torch.float32)
    return like.replace(a=a.to(wide).contiguous(), b=b.to(wide).contiguous(), scale=1.0)


def _distance(made: Pair, a: Tensor, *, b: Tensor) -> float:
    """‖scale · B'A' − BA‖, as the norm of one stacked product."""
    stacked_a = torch.cat([made.a.double(), a], dim=-2)
    stacked_b = torch.cat([made.b.double() * made.scale, -b], dim=-1)
    if torch.equal(made.a.double(), a) and torch.equal(made.b.double() * made.scale, b):
        return 0.0
    return float(torch.linalg.vector_norm(singular_values(stacked_a, stacked_b)))


def _assembled(
    adapters: Sequence[Adapter], weights: Sequence[float], *, pairs: dict[str, Pair], exact: bool
) -> Adapter:
    first = adapters[0]
    alike = all(
        one.targets == first.targets and one.pairs.keys() == first.pairs.keys() for one in adapters
    )
    return Adapter(
        pairs=pairs,
        whole=combined_whole([dict(one.whole) for one in adapters], weights, exact=exact),
        biases=combined_whole([dict(one.biases) for one in adapters], weights, exact=exact),
        record=_record(adapters),
        base=first.base if len({one.base for one in adapters}) == 1 else None,
        task_type=first.task_type if len({one.task_type for one in adapters}) == 1 else None,
        targets=first.targets if alike else None,
        parameters=next((one.parameters for one in adapters if one.parameters), ()),
        heads=tuple(dict.fromkeys(name for one in adapters for name in one.heads)),
    )


def _record(adapters: Sequence[Adapter]) -> Record | None:
    """What is known of the base, if every adapter knows it: then it is the same."""
    records = [one.record for one in adapters if one.record is not None]
    alike = all(one.base_digests == adapters[0].base_digests for one in adapters)
    if len(records) < len(adapters) or not alike:
        return None
    layers = {path: facts for one in reversed(records) for path, facts in one.layers.items()}
    return Record(records[0].base, layers)
