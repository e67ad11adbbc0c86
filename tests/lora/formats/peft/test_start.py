from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from verilora import LoraConfig, adapter_parameters, attach, save_adapter
from verilora.errors import AdapterFileError, BaseMismatch, StateError
from verilora.lora.formats import open_start

CONFIG = LoraConfig(4, alpha=8, target_modules=["q", "v"], modules_to_save=["head"])
WEIGHTS = "adapter_model.safetensors"


class Tower(nn.Module):
    """Two layers with projections, a norm and a head of so many classes."""

    def __init__(self, classes: int, seed: int = 0) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.q, self.v, self.o = (nn.Linear(6, 6) for _ in range(3))
            self.norm = nn.LayerNorm(6)
            torch.manual_seed(seed + classes)
            self.head = nn.Linear(6, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(self.o(self.q(x).relu() + self.v(x)))


def adapted(classes: int = 3, config: LoraConfig = CONFIG, *, seed: int = 0) -> nn.Module:
    return attach(Tower(classes, seed), config)


def trained(directory: Path, config: LoraConfig = CONFIG) -> nn.Module:
    """A model of three classes with an adapter with values, which is saved."""
    model = adapted(3, config)
    draw = torch.Generator().manual_seed(1)
    for parameter in adapter_parameters(model):
        parameter.data = torch.randn(parameter.shape, generator=draw).to(parameter.dtype)
    save_adapter(model, directory)
    return model


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    trained(tmp_path / "start")
    return tmp_path / "start"


def outputs(model: nn.Module) -> torch.Tensor:
    return model(torch.linspace(-1, 1, 30).reshape(5, 6))


def test_the_factors_are_taken_and_the_head_is_not(tmp_path: Path) -> None:
    first = trained(tmp_path / "start")
    model = adapted(2)
    head = model.head.weight.detach().clone()
    start = open_start(model, tmp_path / "start", head=["head"])
    assert start.differences == ()
    assert start.left_out == ("head",)
    assert not torch.equal(outputs(model), outputs(first))
    start.fill()
    assert torch.equal(outputs(model), outputs(first))
    assert torch.equal(model.head.weight, head)
    assert start.digest.startswith("sha256:")


def test_without_a_sidecar_it_is_the_same(saved: Path) -> None:
    (saved / "verilora.json").unlink()
    model = adapted(2)
    open_start(model, saved, head=["head"]).fill()
    tensors = load_file(saved / WEIGHTS)
    assert torch.equal(model.q.lora["weight"].A, tensors["base_model.model.q.lora_A.weight"])


def test_what_trains_keeps_the_dtype_asked_for(tmp_path: Path) -> None:
    trained(tmp_path / "start", CONFIG.replace(dtype="bfloat16"))
    model = adapted(2)
    open_start(model, tmp_path / "start", head=["head"]).fill()
    factors = model.q.lora["weight"]
    assert factors.A.dtype == factors.B.dtype == torch.float32


def test_all_differences_are_told(saved: Path) -> None:
    other = LoraConfig(
        2,
        alpha=16,
        target_modules=["q", "o"],
        modules_to_save=["head", "norm"],
        scale_rule="rslora",
    )
    start = open_start(adapted(2, other), saved, head=["head"])
    assert start.differences == (
        "an adapter of 'o' is asked for, and the file has none",
        "the file has an adapter of 'v', where none is asked for",
        "'norm' is to be trained whole, and the file has no values of it",
        "rank 4 is in the file, and 2 is asked for ('q', 'o')",
        "alpha 8 is in the file, and 16 is asked for ('q', 'o')",
        "the scale is alpha / rank in the file, and alpha / sqrt(rank) is asked for",
    )
    with pytest.raises(ValueError, match="rank 4 is in the file"):
        start.fill()


def test_a_module_trained_whole_beside_the_head_is_taken_or_told(tmp_path: Path) -> None:
    both = CONFIG.replace(modules_to_save=("head", "norm"))
    first = trained(tmp_path / "start", both)
    model = adapted(2, both)
    open_start(model, tmp_path / "start", head=["head"]).fill()
    assert torch.equal(outputs(model), outputs(first))
    (told,) = open_start(adapted(2), tmp_path / "start", head=["head"]).differences
    assert told == "the file has values of 'norm', which is not to be trained whole"


def test_another_width_is_told(saved: Path) -> None:
    model = Tower(2)
    model.q = nn.Linear(6, 7)
    told = open_start(attach(model, CONFIG), saved, head=["head"]).differences
    assert any("'base_model.model.q.lora_B.weight' has shape (6, 4)" in text for text in told)


def test_another_base_is_refused(saved: Path) -> None:
    model = adapted(2, seed=5)
    before = outputs(model)
    start = open_start(model, saved, head=["head"])
    with pytest.raises(BaseMismatch, match="not the base that the adapter was made on"):
        start.fill()
    assert torch.equal(outputs(model), before)


def change(edit: Callable[[dict[str, torch.Tensor]], Any]) -> Callable[[Path], None]:
    def apply(directory: Path) -> None:
        tensors = load_file(directory / WEIGHTS)
        edit(tensors)
        save_file(tensors, directory / WEIGHTS)
        (directory / "verilora.json").unlink()

    return apply


def edit_config(directory: Path) -> None:
    path = directory / "adapter_config.json"
    path.write_text(json.dumps({**json.loads(path.read_bytes()), "lora_bias": True}))


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda d: (d / WEIGHTS).write_bytes(b"\0" * 40), "cannot be loaded"),
        (lambda d: (d / WEIGHTS).unlink(), "is missing"),
        (edit_config, "lora_bias is set"),
        (
            lambda d: save_file({k: v + 1 for k, v in load_file(d / WEIGHTS).items()}, d / WEIGHTS),
            "was changed since it was written",
        ),
        (change(lambda t: t["base_model.model.q.lora_A.weight"].fill_(float("nan"))), "NaN"),
    ],
)
def test_files_at_fault_are_refused(saved: Path, damage: Callable[[Path], Any], told: str) -> None:
    damage(saved)
    model = adapted(2)
    before = outputs(model)
    with pytest.raises(AdapterFileError, match=told):
        open_start(model, saved, head=["head"]).fill()
    assert torch.equal(outputs(model), before)


def test_a_tensor_missing_or_beyond_is_a_difference(saved: Path) -> None:
    change(lambda t: t.pop("base_model.model.q.lora_A.weight"))(saved)
    (told,) = open_start(adapted(2), saved, head=["head"]).differences
    assert told == "an adapter of 'q' is asked for, and the file has none"


def test_magnitudes_beyond_are_a_difference(saved: Path) -> None:
    change(lambda t: t.update({"base_model.model.q.lora_magnitude_vector": torch.ones(6)}))(saved)
    (told,) = open_start(adapted(2), saved, head=["head"]).differences
    assert told == 'the file has magnitudes (weight_rule "dora"), where none are asked for'


def test_a_model_without_an_adapter_has_no_start(saved: Path) -> None:
    with pytest.raises(StateError):
        open_start(Tower(2), saved, head=["head"])


def test_another_kind_of_start_is_told_as_such(tmp_path: Path) -> None:
    config = LoraConfig(2, target_modules=("0",))

    def net(init: str) -> nn.Module:
        torch.manual_seed(0)
        return attach(nn.Sequential(nn.Linear(6, 6)), config.replace(init=init))

    for name in ("pissa", "kaiming"):
        save_adapter(net(name), tmp_path / name)
    (told,) = open_start(net("kaiming"), tmp_path / "pissa", head=()).differences
    assert 'began with init "pissa", and "kaiming" is asked for' in told
    (told,) = open_start(net("pissa"), tmp_path / "kaiming", head=()).differences
    assert 'began with init "kaiming", and "pissa" is asked for' in told
    start = open_start(net("pissa"), tmp_path / "pissa", head=())
    assert start.differences == ()
    start.fill()
    assert torch.equal(start.model(torch.ones(1, 6)), net("pissa")(torch.ones(1, 6)))
