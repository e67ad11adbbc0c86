"""Initial values depend on (seed, module path, shape), and on nothing else."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from verilora.lora import attach, explain
from verilora.lora.attachment import updates_of
from verilora.lora.init import generator_for, initial_embedding_factors, initial_factors
from verilora.lora.layout import Layout
from verilora.records.adapter import LoraConfig

KAIMING = [0.09755313, -0.44239146, 0.23758478, -0.38282278]
KAIMING += [-0.20780621, 0.07174681, 0.41970205, 0.07598358]
GAUSSIAN = [-0.14088656, -0.09908701, -0.01945321, -0.2488714]
GAUSSIAN += [-0.17061704, 0.6284188, 0.57336676, -0.31661034]
LIKE = torch.zeros(3, 4)
LAYOUT = Layout("weight", (3, 4))


def factors(
    init: str = "kaiming", seed: int = 0, path: str = "a.weight", rank: int = 2
) -> tuple[torch.Tensor, torch.Tensor]:
    return initial_factors(LAYOUT, rank=rank, init=init, seed=seed, path=path, like=LIKE)


def test_the_values_are_known() -> None:
    a, b = factors()
    assert a.flatten().tolist() == pytest.approx(KAIMING, abs=1e-7)
    assert factors("gaussian")[0].flatten().tolist() == pytest.approx(GAUSSIAN, abs=1e-7)
    assert b.abs().sum() == 0 and b.shape == (3, 2)


def test_seed_path_and_shape_each_matter() -> None:
    a = factors()[0]
    assert torch.equal(a, factors()[0])
    assert not torch.equal(a, factors(seed=1)[0])
    assert not torch.equal(a, factors(path="b.weight")[0])
    assert not torch.equal(a[:1], factors(rank=1)[0])


def test_the_scale_of_the_values_is_as_said() -> None:
    layout = Layout("weight", (64, 100))
    start = {"rank": 50, "seed": 0, "path": "p", "like": LIKE}
    uniform, _ = initial_factors(layout, init="kaiming", **start)
    bound = 1 / math.sqrt(100)
    assert uniform.abs().max() <= bound
    assert uniform.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.05)
    normal, _ = initial_factors(layout, init="gaussian", **start)
    assert normal.std().item() == pytest.approx(1 / 50, rel=0.05)


def test_an_embedding_starts_with_the_factor_that_is_looked_up_at_zero() -> None:
    layout = Layout("weight", (50, 40), transposed=True)
    a, b = initial_embedding_factors(layout, rank=4, seed=0, path="p", like=LIKE)
    assert a.shape == (4, 50) and a.abs().sum() == 0
    assert b.shape == (40, 4) and b.std().item() == pytest.approx(1.0, rel=0.15)


def test_nothing_random_is_touched_and_nothing_touches() -> None:
    before = torch.get_rng_state()
    first = factors()[0]
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(7)
    assert torch.equal(factors()[0], first)
    generator_for(0, "a", shape=(2, 2))
    assert not torch.equal(torch.get_rng_state(), before)


def test_the_callers_defaults_do_not_matter() -> None:
    wanted = factors()[0]
    with torch.device("meta"):
        assert torch.equal(factors()[0], wanted)
    torch.set_default_dtype(torch.float64)
    try:
        assert torch.equal(factors()[0], wanted)
        assert factors()[1].dtype == torch.float32
    finally:
        torch.set_default_dtype(torch.float32)


def two_layers() -> nn.Module:
    return nn.ModuleDict({"a": nn.Linear(4, 3), "b": nn.Linear(4, 3)})


def test_a_part_of_the_model_starts_like_the_whole() -> None:
    both = attach(two_layers(), LoraConfig(rank=2, target_modules=["a", "b"]))
    one = attach(two_layers(), LoraConfig(rank=2, target_modules=["b"]))
    turned = attach(
        nn.ModuleDict(dict(reversed(list(two_layers().items())))),
        LoraConfig(rank=2, target_modules=["a", "b"]),
    )
    a = updates_of(both, "b")["weight"].A
    assert torch.equal(a, updates_of(one, "b")["weight"].A)
    assert torch.equal(a, updates_of(turned, "b")["weight"].A)
    assert not torch.equal(a, updates_of(both, "a")["weight"].A)


def test_the_storage_dtype_rounds_the_same_values() -> None:
    full = attach(two_layers(), LoraConfig(rank=2, target_modules=["a"]))
    half = attach(two_layers(), LoraConfig(rank=2, target_modules=["a"], dtype="bfloat16"))
    assert torch.equal(
        updates_of(full, "a")["weight"].A.bfloat16(), updates_of(half, "a")["weight"].A
    )


def test_a_meta_model_stays_meta() -> None:
    with torch.device("meta"):
        model = nn.Sequential(nn.Linear(4, 3), nn.Embedding(5, 4))
    attach(model, LoraConfig(rank=2, target_modules=["0", "1"]))
    assert all(parameter.is_meta for parameter in model.parameters())
    assert len(explain(model)) == 2
    assert model[0](torch.zeros(2, 4, device="meta")).shape == (2, 3)
