"""Parts of a fused projection: the right rows, and no other row is touched, not even its sign."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from verilora.errors import LayerError, TargetError
from verilora.lora import attach, detach, explain, merge, unmerge
from verilora.lora.fused import PartsError, fused_key, part_rows, sizes_from
from verilora.records.adapter import LoraConfig

HEADS = SimpleNamespace(num_attention_heads=4, num_key_value_heads=2, hidden_size=16, head_dim=None)


def config(**fields: Any) -> LoraConfig:
    return LoraConfig(rank=2, **{"target_modules": ["qkv"], **fields})


def test_sizes_follow_from_heads_and_widths() -> None:
    assert sizes_from(HEADS, "qkv", rows=32) == {"q": 16, "k": 8, "v": 8}
    same = SimpleNamespace(n_head=4, n_embd=16)
    assert sizes_from(same, "c_attn", rows=48) == {"q": 16, "k": 16, "v": 16}
    wide = SimpleNamespace(num_attention_heads=2, num_key_value_heads=1, head_dim=32, hidden_size=8)
    assert sizes_from(wide, "qkv", rows=128) == {"q": 64, "k": 32, "v": 32}
    assert sizes_from(None, "mlp.gate_up_proj", rows=10) == {"gate": 5, "up": 5}


@pytest.mark.parametrize("rows", [64, 24, 33])
def test_rows_that_are_not_all_heads_follow_from_nothing(rows: int) -> None:
    assert sizes_from(HEADS, "c_fc", rows=rows) == {}
    assert sizes_from(SimpleNamespace(), "qkv", rows=rows) == {}


def test_parts_keep_their_order_whatever_was_asked_first() -> None:
    model = SimpleNamespace(config=HEADS)
    rows = part_rows("h.0.qkv", 32, config=config(fused={"qkv": ["v", "q"]}), model=model)
    assert rows == {"q": (0, 16), "v": (24, 32)}


def test_sizes_may_be_given_under_any_name_that_matches() -> None:
    given = config(fused={"qkv": ["b"]}, fused_sizes={r".*\.qkv": {"a": 5, "b": 2}})
    assert part_rows("h.0.qkv", 7, config=given, model=nn.Module()) == {"b": (5, 7)}
    assert fused_key("h.0.qkv", given) == "qkv" and fused_key("h.0.out", given) is None


@pytest.mark.parametrize(
    ("fields", "rows", "kind", "told"),
    [
        ({"fused": {"qkv": ["w"]}}, 32, "x", "has the parts q, k, v, not 'w'"),
        (
            {"fused": {"qkv": ["q"]}},
            31,
            "x",
            r"do not follow from the model's config; give fused_si",
        ),
        ({"fused": {"qkv": ["q"]}}, 32, "gpt_neox", "alternating head by head, .* adapt it whole"),
        (
            {"fused": {"qkv": ["a"]}, "fused_sizes": {"qkv": {"a": 5}}},
            *(32, "x", r"add up to 5 rows, but qkv has 32"),
        ),
    ],
)
def test_parts_that_cannot_be(fields: Any, rows: int, kind: str, told: str) -> None:
    model = SimpleNamespace(config=SimpleNamespace(**vars(HEADS), model_type=kind))
    with pytest.raises(PartsError, match=told):
        part_rows("qkv", rows, config=config(**fields), model=model)


CASES = {
    "gpt2": ("c_attn", {"q": (0, 16), "k": (16, 32), "v": (32, 48)}),
    "phi3": ("qkv_proj", {"q": (0, 16), "k": (16, 24), "v": (24, 32)}),
    "phi3 mlp": ("gate_up_proj", {"gate": (0, 24), "up": (24, 48)}),
}
SUBSETS = [("gpt2", p) for p in ("q", "k", "v", "qk", "qv", "kv", "qkv")]
SUBSETS += [("phi3", p) for p in ("q", "v", "qv", "kv", "qkv")]
CHOICES = [(name, tuple(parts)) for name, parts in SUBSETS] + [("phi3 mlp", ("up",))]


def rows_of(weight: Tensor, name: str) -> Tensor:
    return weight.T if name == "gpt2" else weight


@pytest.mark.parametrize(("name", "parts"), CHOICES)
def test_any_subset(
    name: str, parts: tuple[str, ...], build: Any, train: Any, answer: Callable[..., Tensor]
) -> None:
    model, batch = build(name.split()[0])
    key, spans = CASES[name]
    path = next(p for p, _ in model.named_modules() if p.endswith(key))
    weight = model.get_submodule(path).weight
    rows_of(weight.data, name)[:, 0] = -0.0
    base, base_bits = answer(model, batch), rows_of(weight.detach().clone(), name)
    attach(model, LoraConfig(rank=2, target_modules=[key], fused={key: parts}))
    assert torch.equal(answer(model, batch), base)
    assert [layer.name for layer in explain(model) if layer.path == path] == list(parts)
    before = answer(train(model), batch)
    assert (before - base).abs().max() > 1e-4
    report = merge(model, batch)
    assert report.probe_difference is not None and report.probe_difference < 1e-5
    merged = rows_of(weight.detach(), name)
    for part, (start, end) in spans.items():
        same = torch.equal(bits(merged[start:end]), bits(base_bits[start:end]))
        assert same == (part not in parts)
    unmerge(model)
    assert torch.equal(bits(rows_of(weight, name)), bits(base_bits))
    assert torch.equal(answer(detach(model), batch), base)


def bits(tensor: Tensor) -> Tensor:
    return tensor.detach().contiguous().view(torch.int32)


def test_parts_of_a_layer_that_is_adapted_as_a_weight(train: Any) -> None:
    class Own(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            return x @ self.weight.T

    model = nn.ModuleDict({"qkv": Own(4, 6, bias=False)})
    sizes = {"qkv": {"q": 2, "k": 2, "v": 2}}
    attach(model, config(fused={"qkv": ["q", "v"]}, fused_sizes=sizes))
    fresh = model["qkv"](torch.eye(4))
    moved = train(model)["qkv"](torch.eye(4))
    assert torch.equal(moved[:, 2:4], fresh[:, 2:4])
    assert (moved != fresh)[:, [0, 1, 4, 5]].all()


@pytest.mark.parametrize(
    ("layer", "fields", "told"),
    [
        (lambda: nn.Embedding(6, 4), {}, "is no Linear or GPT-2 Conv1D"),
        (lambda: nn.Conv1d(4, 6, 1), {}, "is no Linear or GPT-2 Conv1D"),
        (lambda: nn.Linear(4, 6), {"rank": 3}, r"rank 3 is above the size of qkv \(2 x 4\)"),
        (lambda: nn.Linear(4, 5), {}, "add up to 6 rows, but qkv has 5"),
        (
            lambda: nn.Linear(4, 6),
            {"fused": {"qkv": ["keys"]}, "fused_sizes": {"qkv": {"keys": 6}}},
            "an update cannot be named 'keys'; choose another name",
        ),
        (
            lambda: nn.Linear(4, 6),
            {"target_modules": (), "target_parameters": ["qkv.weight"]},
            "is no Linear or GPT-2 Conv1D",
        ),
    ],
)
def test_what_has_no_parts(layer: Any, fields: Any, told: str) -> None:
    asked = {"fused": {"qkv": ["q"]}, "fused_sizes": {"qkv": {"q": 2, "k": 4}}}
    with pytest.raises(LayerError, match=told):
        attach(nn.ModuleDict({"qkv": layer()}), config().replace(**{**asked, **fields}))


def test_sizes_without_parts_are_told() -> None:
    with pytest.raises(TargetError, match="fused_sizes 'qkv' matches nothing that `fused` names"):
        attach(
            nn.ModuleDict({"qkv": nn.Linear(4, 6)}), config(fused_sizes={"qkv": {"q": 2, "k": 4}})
        )
