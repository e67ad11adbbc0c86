"""Magnitudes in the file, in the peer's names and shapes, and back."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from verilora.errors import AdapterFileError
from verilora.lora import attach
from verilora.lora.formats import load_adapter, save_adapter
from verilora.lora.formats.peft.names import WEIGHTS
from verilora.records.adapter import LoraConfig
from verilora.records.digests import digest_file

LAYERS: dict[str, tuple[Callable[[], nn.Module], Tensor]] = {
    "linear": (lambda: nn.Linear(6, 5), torch.randn(3, 6)),
    "embedding": (lambda: nn.Embedding(5, 6), torch.tensor([[1, 4, 0]])),
    "convolution1": (lambda: nn.Conv1d(4, 6, 3), torch.randn(2, 4, 7)),
    "convolution2": (lambda: nn.Conv2d(4, 6, 3), torch.randn(2, 4, 5, 5)),
}
NAME = "base_model.model.0.lora_magnitude_vector"
DORA = LoraConfig(2, 6, target_modules=("0",), weight_rule="dora")


def base(name: str) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(LAYERS[name][0]()).eval()


@pytest.mark.parametrize("name", LAYERS)
def test_are_named_and_shaped_as_the_peers(
    name: str, tmp_path: Path, train: Callable[..., nn.Module]
) -> None:
    save_adapter(train(attach(base(name), DORA)), tmp_path / "ours")
    config: Any = peft.LoraConfig(r=2, lora_alpha=6, target_modules=["0"], use_dora=True)
    peft.get_peft_model(base(name), config).save_pretrained(tmp_path / "theirs")
    shapes = [
        {n: tuple(t.shape) for n, t in load_file(tmp_path / whose / WEIGHTS).items()}
        for whose in ("ours", "theirs")
    ]
    assert shapes[0] == shapes[1]
    assert NAME in shapes[0]


@pytest.mark.parametrize("name", LAYERS)
def test_come_back_from_the_peers_file(name: str, tmp_path: Path) -> None:
    config: Any = peft.LoraConfig(r=2, lora_alpha=6, target_modules=["0"], use_dora=True)
    theirs = peft.get_peft_model(base(name), config).eval()
    with torch.no_grad():
        for parameter in theirs.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn(parameter.shape) * 0.2)
    theirs.save_pretrained(tmp_path / "theirs")
    own, x = load_adapter(base(name), tmp_path / "theirs"), LAYERS[name][1]
    torch.testing.assert_close(own(x), theirs(x), rtol=1e-5, atol=1e-5)
    assert (own(x) - base(name)(x)).abs().max() > 0.01


def fused() -> LoraConfig:
    sizes = {"0": {"q": 2, "k": 2, "v": 2}}
    return DORA.replace(fused={"0": ("q", "v")}, fused_sizes=sizes)


def test_outputs_of_no_part_get_the_bases_norms(
    tmp_path: Path, train: Callable[..., nn.Module]
) -> None:
    torch.manual_seed(0)
    net: Any = nn.Sequential(nn.Linear(6, 6)).eval()
    norms, x = net[0].weight.norm(dim=1), torch.randn(3, 6)
    state = {name: value.clone() for name, value in net.state_dict().items()}
    output = train(attach(net, fused()))(x)
    save_adapter(net, tmp_path / "a")
    found = load_file(tmp_path / "a" / WEIGHTS)[NAME]
    torch.testing.assert_close(found[2:4], norms[2:4])
    assert not torch.isclose(found[:2], norms[:2]).any()
    fresh = nn.Sequential(nn.Linear(6, 6)).eval()
    fresh.load_state_dict(state)
    assert torch.equal(load_adapter(fresh, tmp_path / "a")(x), output)


def test_another_output_that_is_rescaled_is_refused(tmp_path: Path) -> None:
    net = attach(nn.Sequential(nn.Linear(6, 6)), fused())
    save_adapter(net, tmp_path / "a")
    tensors = load_file(tmp_path / "a" / WEIGHTS)
    tensors[NAME][2] = 3.0
    save_file(tensors, tmp_path / "a" / WEIGHTS, metadata={"format": "pt"})
    sidecar = tmp_path / "a" / "verilora.json"
    recorded = json.loads(sidecar.read_bytes())
    recorded["files"][WEIGHTS] = digest_file(tmp_path / "a" / WEIGHTS)
    sidecar.write_text(json.dumps(recorded))
    before = {name: value.clone() for name, value in net.state_dict().items()}
    with pytest.raises(AdapterFileError, match="rescales outputs outside the parts"):
        load_adapter(net, tmp_path / "a")
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
