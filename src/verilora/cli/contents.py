"""What the files of an adapter say by themselves, without a base."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from verilora.cli.summary import aligned, columns
from verilora.errors import AdapterFileError
from verilora.lora.algebra.small import effective_rank, numerical_rank, singular_values
from verilora.lora.formats.documents import DocumentError, parse_document, read_file
from verilora.lora.formats.peft.names import (
    CONFIG,
    MAGNITUDE,
    OWN_FILES,
    SIDECAR,
    WEIGHTS,
    parse_factor,
)
from verilora.lora.formats.peft.sidecar import LARGEST as LARGEST_SIDECAR
from verilora.lora.formats.peft.stated import LARGEST, Stated, StatedError, read_stated
from verilora.lora.formats.tensorfile import Entry, read_header, read_tensors
from verilora.records.digests import digest_file


@dataclass(frozen=True)
class Strength:
    """How strongly an update acts, told without its base."""

    norm: float
    """‖ΔW‖, Frobenius."""
    effective_rank: float
    numerical_rank: int


@dataclass(frozen=True)
class Factors:
    """One adapted module as its two tensors show it."""

    path: str
    rank: int
    scale: float
    shapes: tuple[tuple[int, ...], ...]
    dtype: str
    strength: Strength | None = None
    """None for a form whose ΔW does not follow from the two tensors alone."""


@dataclass(frozen=True)
class Contents:
    """An adapter directory, read but not applied."""

    directory: str
    files: tuple[tuple[str, int, str], ...]
    """Name, bytes, sha256."""
    layers: tuple[Factors, ...]
    whole: tuple[tuple[str, tuple[int, ...]], ...]
    """Tensors of modules trained whole: name, shape."""
    parameters: int
    """Scalars in all factors and magnitudes."""
    magnitudes: int
    """DoRA's trained norms: how many modules have them."""
    base: Mapping[str, Any]
    """What verilora.json says of the base: name, class, dtypes, digest, number of tensors."""
    results: Mapping[str, Any]
    task_type: str | None = None
    """PEFT's word for the kind of model."""
    norms: Mapping[str, Any] | None = None
    """What `explain` said at the end of the run, for a run directory."""
    unknown: tuple[str, ...] = ()
    """Keys of adapter_config.json that are not known, all of them off."""

    def to_mapping(self) -> dict[str, Any]:
        """Plain JSON data."""
        files = [{"name": n, "bytes": b, "digest": d} for n, b, d in self.files]
        whole = [{"name": name, "shape": list(shape)} for name, shape in self.whole]
        return {**asdict(self), "files": files, "whole": whole}


def adapter_directory(path: Path) -> Path:
    """The adapter in `path`: itself, or the one of a run. Raises AdapterFileError if neither."""
    for place in (path, path / "adapter"):
        if (place / CONFIG).is_file():
            return place
    found = sorted(item.name for item in path.iterdir())[:5] if path.is_dir() else []
    raise AdapterFileError(
        f"{path} holds no adapter (found: {', '.join(found) or 'nothing'}); "
        f"a directory with {CONFIG}, or of a run of method lora, is wanted; of another program's "
        "form, verilora convert makes one",
        path=path,
        faults=(),
    )


def read_contents(path: Path) -> Contents:
    """Reads the adapter in `path`. Raises AdapterFileError for what cannot be understood."""
    directory = adapter_directory(path)
    try:
        config = read_file(directory / CONFIG, limit=LARGEST)
        stated = read_stated(config)
        entries = read_header(directory / WEIGHTS)
        tensors = read_tensors((directory / WEIGHTS).read_bytes())
        sidecar = _optional(directory / SIDECAR)
        norms = _optional(path / "explain.json")
    except (DocumentError, StatedError) as error:
        raise AdapterFileError(
            f"the adapter in {directory} cannot be read as PEFT's: {error}; if another program "
            f"wrote it, convert it first: verilora convert {directory} --to peft --out DIR",
            path=directory,
            faults=(str(error),),
        ) from error
    layers, beside = _sorted_out(entries, stated, tensors=tensors)
    norms_of_dora = [shape for name, shape in beside if name.endswith(MAGNITUDE)]
    results = sidecar.get("results")
    return Contents(
        directory=str(directory),
        files=tuple(_files(directory)),
        layers=tuple(layers),
        whole=tuple(one for one in beside if not one[0].endswith(MAGNITUDE)),
        parameters=sum(
            _count(shape)
            for shapes in (*(layer.shapes for layer in layers), norms_of_dora)
            for shape in shapes
        ),
        magnitudes=len(norms_of_dora),
        base=_base(sidecar),
        results=results if isinstance(results, dict) else {},
        task_type=parse_document(config).get("task_type"),
        norms=norms or None,
        unknown=stated.unknown,
    )


def told(contents: Contents) -> str:
    """The contents for a person."""
    parts = [aligned(_head(contents))]
    parts.append(_with_norms(contents.norms) if contents.norms else _by_shape(contents))
    if contents.whole:
        rows = [(name, " × ".join(map(str, shape))) for name, shape in contents.whole]
        parts.append("trained whole\n" + aligned(rows, indent="  "))
    if contents.results:
        rows = [(n, _short(value)) for n, value in contents.results.items() if n != "training"]
        parts.append("results, as written beside it\n" + aligned(rows, indent="  "))
    rows = [(name, f"{size:>11,} bytes  {digest}") for name, size, digest in contents.files]
    parts.append("files\n" + aligned(rows, indent="  "))
    return "\n\n".join(parts)


def _head(contents: Contents) -> list[tuple[str, str]]:
    base = contents.base
    name = ", ".join(str(base[key]) for key in ("name", "class") if base.get(key))
    bound = f"by the digests of {base['tensors']} tensors" if base else "no (made elsewhere)"
    return [
        ("adapter", contents.directory),
        ("adapted modules", f"{len(contents.layers):,}"),
        ("adapter parameters", f"{contents.parameters:,}"),
        *([("DoRA's norms", f"in {contents.magnitudes:,} modules")] if contents.magnitudes else []),
        *([("base", name)] if base else []),
        ("bound to its base", bound),
        *([("keys not known", ", ".join(contents.unknown))] if contents.unknown else []),
    ]


def _by_shape(contents: Contents) -> str:
    rows = [("module", "rank", "eff.", "num.", "scale", "‖ΔW‖", "A", "B", "dtype")]
    rows += [
        (
            layer.path,
            str(layer.rank),
            *_told_ranks(layer.strength),
            f"{layer.scale:g}",
            f"{layer.strength.norm:.3e}" if layer.strength else "-",
            *(" × ".join(map(str, shape)) for shape in layer.shapes),
            layer.dtype,
        )
        for layer in contents.layers
    ]
    return columns(rows) + "\n\nGive --base MODEL to see how strongly each one acts."


def _told_ranks(strength: Strength | None) -> tuple[str, str]:
    if strength is None:
        return "-", "-"
    return f"{strength.effective_rank:.2f}", str(strength.numerical_rank)


def _with_norms(norms: Mapping[str, Any]) -> str:
    rows = [("module", "rank", "scale", "‖ΔW‖/‖W‖", "rule")]
    rows += [
        (
            str(layer["path"]),
            str(layer["rank"]),
            f"{layer['scale']:g}",
            f"{layer['relative_norm']:.4f}",
            str(layer["rule"]),
        )
        for layer in norms["layers"]
    ]
    return columns(rows)


def _sorted_out(
    entries: Mapping[str, Entry], stated: Stated, *, tensors: Mapping[str, Tensor]
) -> tuple[list[Factors], list[tuple[str, tuple[int, ...]]]]:
    pairs: dict[tuple[str, int], dict[str, tuple[Entry, Tensor]]] = {}
    whole = []
    for name, entry in entries.items():
        factor = parse_factor(name)
        if factor is None:
            whole.append((name, entry.shape))
        else:
            pairs.setdefault((factor.path, factor.depth), {})[factor.factor] = entry, tensors[name]
    layers = [
        Factors(
            path,
            stated.rank_of(path),
            stated.scale_of(path),
            tuple(pair[factor][0].shape for factor in sorted(pair)),
            str(next(iter(pair.values()))[0].dtype).removeprefix("torch."),
            _strength([pair[factor][1] for factor in sorted(pair)], path, stated=stated),
        )
        for (path, _), pair in pairs.items()
    ]
    return layers, whole


def _strength(factors: Sequence[Tensor], path: str, *, stated: Stated) -> Strength | None:
    if len(factors) != 2 or min(factor.dim() for factor in factors) < 2:
        return None
    a, b = (factor.flatten(1) for factor in factors)
    # Experts in one parameter, and convolutions in groups, have another form.
    if not a.shape[0] == b.shape[1] == stated.rank_of(path):
        return None
    values = singular_values(a, b, scale=stated.scale_of(path))
    if not bool(values.isfinite().all()):
        return None
    size = max(a.shape[1], b.shape[0])
    rank = numerical_rank(values, size=size, dtype=a.dtype)
    return Strength(float(values.norm()), effective_rank(values), rank)


def _files(directory: Path) -> list[tuple[str, int, str]]:
    present = [directory / name for name in OWN_FILES if (directory / name).is_file()]
    return [(path.name, path.stat().st_size, digest_file(path)) for path in present]


def _base(sidecar: Mapping[str, Any]) -> dict[str, Any]:
    base = sidecar.get("base")
    if not isinstance(base, dict) or not isinstance(base.get("tensors"), dict):
        return {}
    return {**base, "tensors": len(base["tensors"])}


def _optional(path: Path) -> dict[str, Any]:
    return parse_document(read_file(path, limit=LARGEST_SIDECAR)) if path.is_file() else {}


def _count(shape: tuple[int, ...]) -> int:
    total = 1
    for size in shape:
        total *= size
    return total


def _short(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_short(item)}" for name, item in value.items())
    if isinstance(value, float):
        return f"{value:.4f}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
