"""The explanation: true numbers, a table that reads well, plain data."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
import torch
from torch import nn

from verilora.lora import attach, explain, merge, unmerge
from verilora.lora.attachment import updates_of
from verilora.lora.explain import update_norm
from verilora.lora.update import LowRankUpdate
from verilora.records.adapter import LoraConfig

Train = Callable[..., nn.Module]


class Tiny(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.qkv = nn.Linear(4, 6)
        self.embed = nn.Embedding(7, 4)
        self.head = nn.Linear(4, 7, bias=False)
        self.head.weight = self.embed.weight
        self.experts = nn.Module()
        self.experts.up = nn.Parameter(torch.randn(3, 4, 4))
        self.classifier = nn.Linear(4, 2)


CONFIG = LoraConfig(
    rank=2,
    alpha=4,
    target_modules=["qkv", "embed"],
    target_parameters=["experts.up"],
    modules_to_save=["classifier"],
    fused={"qkv": ["q", "v"]},
    fused_sizes={"qkv": {"q": 2, "k": 2, "v": 2}},
    tied="shared",
)


@pytest.fixture
def model() -> nn.Module:
    return attach(Tiny(), CONFIG)


def test_norms_are_those_of_the_dense_matrices(model: nn.Module, train: Train) -> None:
    train(model)
    for layer in explain(model):
        update = updates_of(model, layer.path)[layer.name]
        dense = update.dense().detach()
        weight = model.get_submodule(layer.path)._parameters[update.layout.parameter].detach()
        own = update.layout.matrix(weight)
        assert update_norm(update) == pytest.approx(dense.norm().item(), rel=1e-6)
        assert layer.relative_norm == pytest.approx((dense.norm() / own.norm()).item(), rel=1e-5)


def test_ranks_are_those_of_the_dense_matrices(model: nn.Module, train: Train) -> None:
    """The entropy of the singular values' shares (Roy & Vetterli 2007), by the definition."""
    assert {(e.norm, e.effective_rank, e.numerical_rank) for e in explain(model)} == {(0, 0, 0)}
    train(model)
    for layer in explain(model):
        update = updates_of(model, layer.path)[layer.name]
        dense = update.layout.matrix(update.dense(torch.float64).detach().contiguous())
        stack = dense if dense.dim() == 3 else dense[None]
        wanted = []
        for values in torch.linalg.svdvals(stack):
            shares = values[values > 0] / values.sum()
            wanted.append(float((-(shares * shares.log()).sum()).exp()))
        assert layer.effective_rank == pytest.approx(sum(wanted) / len(wanted), rel=1e-6)
        assert 1 <= layer.effective_rank <= layer.rank
        assert layer.numerical_rank == int(torch.linalg.matrix_rank(stack.float()).max())
        assert layer.norm == pytest.approx(float(dense.norm()))


def test_records(model: nn.Module, train: Train) -> None:
    found = {(e.path, e.name): e for e in explain(model)}
    assert list(found) == [("qkv", "q"), ("qkv", "v"), ("embed", "weight"), ("experts", "up")]
    assert not any(e.trained or e.merged or e.relative_norm for e in found.values())
    embed, up = found["embed", "weight"], found["experts", "up"]
    assert embed.tied == ("head",) and embed.way == "output" and embed.parameters == 2 * (7 + 4)
    assert (up.kind, up.rule, up.way) == ("Module", "experts.up", "weight")
    assert up.parameters == 3 * 2 * (4 + 4)
    before = explain(train(model))
    assert all(e.trained for e in before)
    merge(model)
    after = explain(model)
    assert all(e.merged for e in after)
    assert [e.relative_norm for e in after] == [e.relative_norm for e in before]
    unmerge(model)
    assert str(explain(model)) == str(before)


def test_counts(model: nn.Module) -> None:
    found = explain(model)
    assert found.adapter_parameters == 2 * 2 * (4 + 2) + 22 + 48
    assert found.whole_parameters == 4 * 2 + 2
    assert found.total_parameters == sum(p.numel() for p in Tiny().parameters())
    assert len(found) == 4 and found[0] is next(iter(found))


TABLE = """\
layer         kind       rule        rank  scale  ‖ΔW‖/‖W‖   eff. rank  state
qkv [q]       Linear     qkv         2     2      0.000e+00  0.00       zero
qkv [v]       Linear     qkv         2     2      0.000e+00  0.00       zero
embed         Embedding  embed       2     2      0.000e+00  0.00       zero, tied to head
experts [up]  Module     experts.up  2     2      0.000e+00  0.00       zero
94 adapter parameters, 10 in modules trained whole (classifier); \
together 89.66% of the base's 116"""


def test_the_table(model: nn.Module) -> None:
    assert str(explain(model)) == TABLE


def test_plain_data(model: nn.Module) -> None:
    data = json.loads(json.dumps(explain(model).to_mapping()))
    assert data["adapter_parameters"] == 94 and data["whole"] == ["classifier"]
    assert data["layers"][2]["tied"] == ["head"]
    assert data["layers"][0]["rank"] == 2


def test_nothing_is_changed(model: nn.Module, state: Callable[..., object]) -> None:
    before = state(model)
    str(explain(model))
    assert state(model) == before


def test_exact_zero_and_meta() -> None:
    model = attach(nn.Sequential(nn.Linear(4, 4)), LoraConfig(2, target_modules=["0"]))
    update = updates_of(model, "0")["weight"]
    assert update_norm(update) == 0.0
    update.B.data[0, 0] = 1e-30
    assert update_norm(update) > 0
    assert update_norm(update.to("meta")) == 0.0


def test_half_precision_weights_are_measured_in_float32(train: Train) -> None:
    model = attach(nn.Sequential(nn.Linear(64, 64)).bfloat16(), LoraConfig(2, target_modules=["0"]))
    train(model)
    weight, dense = model[0].weight.detach().float(), updates_of(model, "0")["weight"].dense()
    wanted = (dense.norm() / weight.norm()).item()
    assert explain(model)[0].relative_norm == pytest.approx(wanted, rel=1e-4)


@pytest.mark.parametrize("weight_rule", ["lora", "dora"])
@pytest.mark.parametrize("init", ["pissa", "olora", "kaiming"])
def test_norms_of_variants_are_those_of_what_merging_changes(
    init: str, weight_rule: str, train: Train
) -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(6, 5), nn.Embedding(7, 4))
    before = [layer._parameters["weight"].clone() for layer in net]  # type: ignore[union-attr]
    attach(net, LoraConfig(2, 3, target_modules=("0", "1"), init=init, weight_rule=weight_rule))
    assert [(layer.relative_norm, layer.trained) for layer in explain(net)] == [(0.0, False)] * 2
    train(net)
    found = explain(net)
    merge(net)
    for layer, weight, explained in zip(net, before, found, strict=True):
        changed = (layer._parameters["weight"] - weight).norm() / weight.norm()  # type: ignore
        assert explained.relative_norm == pytest.approx(changed.item(), rel=1e-4)
        assert explained.trained
    trained = sum(p.numel() for p in net.parameters() if p.requires_grad)
    assert found.adapter_parameters == trained


def test_a_small_change_from_a_large_start_is_not_lost_in_rounding() -> None:
    net = nn.Sequential(nn.Linear(64, 64))
    attach(net, LoraConfig(8, 8, target_modules=("0",), init="pissa"))
    update = updates_of(net, "0")["weight"]
    assert isinstance(update, LowRankUpdate)
    with torch.no_grad():
        moved = update.A[0, 0].item()
        update.A[0, 0] = moved * (1 + 2**-20)
        moved = update.A[0, 0].item() - moved
    assert update_norm(update) == pytest.approx(abs(moved) * update.B[:, 0].norm().item(), rel=1e-3)
