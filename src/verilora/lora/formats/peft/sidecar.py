"""verilora.json: what PEFT's files do not say. Format "verilora.adapter/1".

| key | holds |
|---|---|
| format | "verilora.adapter/1" |
| config | every field of the LoraConfig |
| files | name -> digest, of adapter_model.safetensors and adapter_config.json |
| base | name (hub id or null), class, dtypes, digest over all, and a digest of each tensor;
| | where it was quantised here also kept: path of each such layer -> scheme |
| layers | path -> its updates (parameter, shape, rows, rank, alpha, scale ...) and tied modules |
| trained | false if every update is zero |
| results | as given to save_adapter |
| replaced | only where the start replaced weights (LoftQ): name -> digest of what stood there |
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

from verilora.errors import ConfigError, nearest
from verilora.lora.attachment import base_tensors
from verilora.lora.digests import base_digests, replaced_digests
from verilora.lora.formats.documents import DocumentError, compact_bytes, parse_document
from verilora.lora.formats.peft.config import base_name
from verilora.lora.formats.peft.inventory import Inventory
from verilora.lora.formats.peft.names import CONFIG, WEIGHTS
from verilora.lora.formats.peft.naming import readable_config, wild_expressions
from verilora.lora.formats.peft.sites import Site
from verilora.lora.quantised.packing import SCHEMES
from verilora.lora.quantised.reading import dtype_told, schemes
from verilora.records.adapter import LoraConfig
from verilora.records.digests import digest_bytes

FORMAT = "verilora.adapter/1"
LARGEST = 64 << 20
"""Bytes of a verilora.json that are read: a line for each tensor of the base."""
_KEYS = {"format", "config", "files", "base", "layers", "trained", "results"}
_MAY_BE = {"replaced"}
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class Sidecar:
    """A verilora.json, read and found well formed."""

    config: LoraConfig
    files: Mapping[str, str]
    base: Mapping[str, str]
    """State name -> digest of each tensor of the base."""
    dtypes: tuple[str, ...]
    layers: Mapping[str, Any]
    replaced: Mapping[str, str]
    """State name -> digest of each weight that the start put in the place of the base's."""


class SidecarError(ValueError):
    """Faults of one verilora.json."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = tuple(faults)


def sidecar_of(
    model: nn.Module,
    inventory: Inventory,
    *,
    files: Mapping[str, bytes],
    trained: bool,
    results: Any,
) -> dict[str, Any]:
    """The content of verilora.json for the adapter on the model. Hashes the whole base."""
    digests = base_digests(model)
    replaced = replaced_digests(model)
    kept = schemes(model)
    return {
        "format": FORMAT,
        "config": readable_config(model, inventory).to_mapping(),
        "files": {name: digest_bytes(content) for name, content in files.items()},
        "base": {
            "name": base_name(model),
            "class": type(model).__name__,
            "dtypes": sorted({dtype_told(model, n, tensor=t) for n, t in base_tensors(model)}),
            "digest": digest_of_base(digests),
            "tensors": digests,
            **({"kept": kept} if kept else {}),
        },
        "layers": {site.path: site.facts() for site in inventory.sites},
        "trained": trained,
        "results": results,
        **({"replaced": replaced} if replaced else {}),
    }


def digest_of_base(digests: Mapping[str, str]) -> str:
    """One digest for a base: over its tensors' names and digests, sorted by name."""
    return digest_bytes(compact_bytes(dict(digests)))


def read_sidecar(content: bytes) -> Sidecar:
    """A verilora.json. Raises SidecarError with every fault, each one sentence."""
    try:
        found = parse_document(content)
    except DocumentError as error:
        raise SidecarError([str(error)]) from error
    if found.get("format") != FORMAT:
        raise SidecarError([f"format is {found.get('format')!r}; {FORMAT!r} is wanted"])
    unknown = sorted(set(found) - _KEYS - _MAY_BE)
    faults = [f"unknown key '{key}'{nearest(key, _KEYS)}" for key in unknown]
    faults += [f"the key '{key}' is missing" for key in sorted(_KEYS - set(found))]
    faults = faults or list(_malformed(found))
    if faults:
        raise SidecarError(faults)
    base = found["base"]
    config = _config(found["config"])
    return Sidecar(
        config,
        found["files"],
        base["tensors"],
        tuple(base["dtypes"]),
        found["layers"],
        found.get("replaced", {}),
    )


def layer_faults(sidecar: Sidecar, sites: Sequence[Site]) -> list[str]:
    """Where the recorded layers are not those of the model, one sentence each."""
    faults = []
    for site in sites:
        recorded = sidecar.layers.get(site.path)
        if recorded is None:
            faults.append(f"verilora.json has no layer '{site.path}', which the adapter covers")
        elif not _alike(recorded, site.facts()):
            faults.append(
                f"verilora.json records '{site.path}' as {recorded!r}, but on this model it is "
                f"{site.facts()!r}"
            )
    gone = sorted(set(sidecar.layers) - {site.path for site in sites})
    faults += [f"verilora.json has the layer '{path}', which is not adapted here" for path in gone]
    return faults


def _malformed(found: Mapping[str, Any]) -> Iterator[str]:
    base = found["base"]
    if not isinstance(found["config"], dict):
        yield "config is no object"
    if not _digests(found["files"]) or set(found["files"]) != {WEIGHTS, CONFIG}:
        yield f"files gives no digests of {WEIGHTS} and {CONFIG}"
    if not isinstance(base, dict) or not _digests(base.get("tensors")):
        yield "base gives no digest of each tensor"
    elif not _names(base.get("dtypes")):
        yield "base gives no list of dtypes"
    elif not _schemes(base.get("kept", {})):
        yield f"base.kept gives no scheme ({', '.join(SCHEMES)}) for each quantised layer"
    elif base.get("digest") != digest_of_base(base["tensors"]):
        yield "base.digest is not that of the tensors listed with it; the file was edited"
    if not isinstance(found["layers"], dict):
        yield "layers is no object"
    if not _digests(found.get("replaced", {})):
        yield "replaced gives no digests"
    if not isinstance(found["trained"], bool):
        yield "trained is neither true nor false"


def _config(found: Mapping[str, Any]) -> LoraConfig:
    try:
        config = LoraConfig.from_mapping(found)
    except (ConfigError, TypeError, ValueError, RecursionError) as error:
        faults = error.facts["faults"] if isinstance(error, ConfigError) else [str(error)]
        raise SidecarError([f"config: {fault}" for fault in faults]) from error
    wild = wild_expressions(config)
    if wild:
        raise SidecarError([f"config: {fault}" for fault in wild])
    return config


def _alike(recorded: Any, own: Any) -> bool:
    """Equal data; numbers equal to rounding."""
    if isinstance(recorded, dict) and isinstance(own, dict):
        return recorded.keys() == own.keys() and all(_alike(recorded[k], own[k]) for k in own)
    numbers: list[Any] = [v for v in (recorded, own) if type(v) in (int, float)]
    if len(numbers) == 2:
        return math.isclose(numbers[0], numbers[1], rel_tol=1e-9)
    return type(recorded) is type(own) and recorded == own


def _digests(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(v, str) and _DIGEST.fullmatch(v) for v in value.values()
    )


def _schemes(value: Any) -> bool:
    return isinstance(value, dict) and all(v in SCHEMES for v in value.values() if v is not None)


def _names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(v, str) for v in value)
