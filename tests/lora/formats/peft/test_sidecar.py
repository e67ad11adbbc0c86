"""verilora.json: written canonically, read with suspicion."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from verilora import LoraConfig, attach, save_adapter
from verilora.lora import base_digests
from verilora.lora.formats.peft.inventory import attached_inventory
from verilora.lora.formats.peft.sidecar import (
    FORMAT,
    SidecarError,
    digest_of_base,
    layer_faults,
    read_sidecar,
    sidecar_of,
)
from verilora.records.digests import digest_bytes

CONFIG = {"rank": 2, "target_modules": ["c_attn"], "fused": {"c_attn": ["q", "v"]}}


@pytest.fixture
def written(tiny: SimpleNamespace, tmp_path: Path) -> dict[str, Any]:
    model = attach(tiny.gpt2(), LoraConfig(**CONFIG))
    save_adapter(model, tmp_path / "adapter", {"loss": 0.5})
    return json.loads((tmp_path / "adapter" / "verilora.json").read_text("utf-8"))


def test_what_it_holds(written: dict[str, Any], tiny: SimpleNamespace, tmp_path: Path) -> None:
    assert written["format"] == FORMAT
    assert LoraConfig.from_mapping(written["config"]) == LoraConfig(**CONFIG)
    assert written["results"] == {"loss": 0.5}
    assert written["trained"] is False
    base = written["base"]
    digests = base_digests(attach(tiny.gpt2(), LoraConfig(**CONFIG)))
    assert base["tensors"] == digests
    assert base["digest"] == digest_of_base(dict(reversed(digests.items())))
    assert (base["class"], base["dtypes"], base["name"]) == ("GPT2LMHeadModel", ["float32"], None)
    for name, digest in written["files"].items():
        assert digest == digest_bytes((tmp_path / "adapter" / name).read_bytes())
    updates = written["layers"]["transformer.h.1.attn.c_attn"]["updates"]
    assert updates["v"]["rows"] == [32, 48]
    assert updates["q"]["rank"] == 2


def test_what_is_written_is_read(written: dict[str, Any]) -> None:
    sidecar = read_sidecar(json.dumps(written).encode())
    assert sidecar.config == LoraConfig(**CONFIG)
    assert sidecar.base == written["base"]["tensors"]


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "another format": ({"format": "verilora.adapter/2"}, "format is 'verilora.adapter/2'"),
    "no format": ({"format": ...}, "format is None"),
    "unknown key": ({"resluts": 1}, "unknown key 'resluts'; did you mean 'results'"),
    "missing key": ({"layers": ...}, "the key 'layers' is missing"),
    "config as list": ({"config": []}, "config is no object"),
    "unknown field": ({"config": {"rnak": 8}}, "unknown field 'rnak'; did you mean 'rank'"),
    "alpha 0": ({"config": {"alpha": 0}}, "alpha is 0"),
    "fields of another type": ({"config": {"target_modules": 5}}, "target_modules is 5"),
    "wild targets": ({"config": {"target_modules": "(a+)+"}}, "repeats a group"),
    "wild pattern": ({"config": {"rank_pattern": {"(a|a)*": 2}}}, "repeats a group"),
    "wild exclusion": ({"config": {"exclude_modules": ["(a+)+"]}}, "repeats a group"),
    "no digests": ({"files": {"adapter_model.safetensors": "abc"}}, "files gives no digests"),
    "another file": ({"files": {"x": "sha256:" + "0" * 64}}, "files gives no digests"),
    "base as text": ({"base": "x"}, "base gives no digest of each tensor"),
    "edited base": ({"base": {"tensors": {}, "dtypes": []}}, "base.digest is not that"),
    "no dtypes": ({"base": {"tensors": {}, "dtypes": [3]}}, "no list of dtypes"),
    "layers as list": ({"layers": []}, "layers is no object"),
    "trained as number": ({"trained": 1}, "trained is neither"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(case: str, written: dict[str, Any]) -> None:
    changes, told = REFUSED[case]
    content = {key: value for key, value in {**written, **changes}.items() if value is not ...}
    with pytest.raises(SidecarError) as caught:
        read_sidecar(json.dumps(content).encode())
    assert told in str(caught.value)


def test_layers_that_are_not_the_model_s(written: dict[str, Any], tiny: SimpleNamespace) -> None:
    model = attach(tiny.gpt2(), LoraConfig(**CONFIG))
    sites = attached_inventory(model).sites
    assert layer_faults(read_sidecar(json.dumps(written).encode()), sites) == []
    layers = written["layers"]
    moved = layers.pop("transformer.h.0.attn.c_attn")
    layers["transformer.h.1.attn.c_attn"]["updates"]["v"]["rows"] = [16, 32]
    layers["elsewhere"] = moved
    told = "\n".join(layer_faults(read_sidecar(json.dumps(written).encode()), sites))
    assert "has no layer 'transformer.h.0.attn.c_attn'" in told
    assert "records 'transformer.h.1.attn.c_attn' as" in told
    assert "has the layer 'elsewhere', which is not adapted here" in told


def test_the_digests_are_of_the_files_given(tiny: SimpleNamespace) -> None:
    model = attach(tiny.gpt2(), LoraConfig(**CONFIG))
    found = sidecar_of(
        model, attached_inventory(model), files={"x": b"1"}, trained=True, results={}
    )
    assert found["files"] == {"x": digest_bytes(b"1")}
