"""Bytes depend on the adapter alone."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from verilora import load_adapter, merge, save_adapter

Saved = Callable[..., tuple[nn.Module, Path]]
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "head and patterns": (
        "roberta",
        {
            "target_modules": {"value", "query", "key"},
            "modules_to_save": ["classifier"],
            "rank_pattern": {"query": 2, "layer.1.attention.self.key": 3},
            "alpha_pattern": {"value": 0.1},
            "dropout": 0.1,
        },
    ),
    "rslora in half": ("roberta", {"scale_rule": "rslora", "alpha": 3, "dtype": "bfloat16"}),
    "fused": (
        "gpt2",
        {"rank": 3, "target_modules": ["c_attn", "wpe"], "fused": {"c_attn": ["q", "v"]}},
    ),
    "experts": (
        "mixtral",
        {
            "rank": 2,
            "target_modules": ["q_proj"],
            "target_parameters": ["experts.gate_up_proj", "experts.down_proj"],
        },
    ),
    "bare matrix": (
        "gpt2",
        {"rank": 2, "target_modules": [], "target_parameters": ["c_attn.weight"]},
    ),
    "shared": ("tied", {"target_modules": ["lm_head", "q_proj"], "tied": "shared"}),
    "shared, whole": (
        "tied",
        {"target_modules": ["q_proj"], "modules_to_save": ["lm_head"], "tied": "shared"},
    ),
    "untied": ("tied", {"target_modules": ["embed_tokens"], "tied": "untie"}),
    "attention": (
        "attention",
        {"rank": 2, "target_modules": ["out_proj"], "target_parameters": ["in_proj_weight"]},
    ),
    "grouped": ("grouped", {"rank": 2, "target_modules": ["0", "1"], "scale_rule": "rslora"}),
}
SCRIPT = """
import hashlib, sys, torch
from pathlib import Path
from torch import nn
from verilora import LoraConfig, attach, save_adapter
torch.manual_seed(0)
layers = {name: nn.Linear(8, 8) for name in ("query", "key", "value", "head", "other")}
model = nn.ModuleDict({"first": nn.ModuleDict(layers), "second": nn.Linear(8, 8)})
config = LoraConfig(
    rank=2, target_modules={"query", "key", "value", "second"}, modules_to_save={"head", "other"},
    rank_pattern={"query": 3, "value": 4}, alpha_pattern={"second": 5}, exclude_modules={"key"},
)
attach(model, config)
for parameter in model.parameters():
    parameter.data.normal_()
save_adapter(model, Path(sys.argv[1]), {"b": 1, "a": {"d": 0.1, "c": None}})
"""


def _make(tiny: SimpleNamespace, maker: str) -> nn.Module:
    if maker == "tied":
        return tiny.llama(tied=True)
    if maker == "grouped":
        return tiny.seeded(
            lambda: nn.Sequential(nn.Conv2d(4, 6, 3, groups=2), nn.Conv2d(6, 4, 2, dilation=2))
        )
    return getattr(tiny, maker)()


def _files(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(directory.iterdir())}


@pytest.mark.parametrize("case", CASES)
def test_what_is_loaded_and_saved_again_has_the_same_bytes(
    case: str, tiny: SimpleNamespace, saved: Saved, tmp_path: Path
) -> None:
    maker, config = CASES[case]
    model, directory = saved(_make(tiny, maker), **config)
    again = load_adapter(_make(tiny, maker), directory)
    save_adapter(again, tmp_path / "again")
    assert _files(tmp_path / "again") == _files(directory)
    own, other = dict(model.named_parameters()), dict(again.named_parameters())
    assert own.keys() == other.keys()
    for name, parameter in own.items():
        assert parameter.dtype == other[name].dtype
        assert torch.equal(parameter, other[name])
        assert parameter.requires_grad == other[name].requires_grad


@pytest.mark.parametrize("case", ["head and patterns", "fused", "shared"])
def test_merged_or_not_makes_no_difference(
    case: str, tiny: SimpleNamespace, saved: Saved, tmp_path: Path
) -> None:
    maker, config = CASES[case]
    model, directory = saved(_make(tiny, maker), **config)
    merge(model)
    save_adapter(model, tmp_path / "merged")
    assert _files(tmp_path / "merged") == _files(directory)


def test_the_same_in_another_process_and_hash_seed(tmp_path: Path) -> None:
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "OMP_NUM_THREADS": "1"}
        subprocess.run(
            [sys.executable, "-c", SCRIPT, str(tmp_path / seed)], check=True, env=environment
        )
    assert _files(tmp_path / "1") == _files(tmp_path / "2")


def test_no_time_path_or_version(tiny: SimpleNamespace, saved: Saved) -> None:
    _, directory = saved(tiny.roberta(), rank=2)
    content = b"".join(_files(directory).values())
    assert str(directory.parent).encode() not in content
    assert str(Path.home()).encode() not in content
    assert torch.__version__.encode() not in content
    assert re.search(rb"20[2-9]\d-\d\d-\d\d", content) is None
