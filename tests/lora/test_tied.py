"""Tied weights are found by their memory; refused, shared or untied as the config says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from torch import Tensor, nn

from verilora.errors import TiedWeightError
from verilora.lora import adapter_parameters, attach, base_digests, detach, explain, merge, unmerge
from verilora.lora.tied import shared_parameters
from verilora.records.adapter import LoraConfig

Train = Callable[..., nn.Module]


class Tied(nn.Module):
    """An embedding and an output layer on one weight; optionally as two Parameter objects."""

    def __init__(self, objects: int = 1) -> None:
        super().__init__()
        self.embed = nn.Embedding(7, 4)
        self.middle = nn.Linear(4, 4)
        self.head = nn.Linear(4, 7, bias=False)
        weight = self.embed.weight
        self.head.weight = weight if objects == 1 else nn.Parameter(weight.data)

    def forward(self, ids: Tensor) -> Tensor:
        return self.head(self.middle(self.embed(ids)))


IDS = torch.tensor([0, 3, 6])
BOTH = pytest.mark.parametrize("objects", [1, 2])


def config(tied: str = "shared", **fields: Any) -> LoraConfig:
    return LoraConfig(rank=2, tied=tied, **{"target_modules": ["embed"], **fields})


@BOTH
def test_ties_are_found_by_memory(objects: int) -> None:
    shared = {"embed.weight": ("head.weight",), "head.weight": ("embed.weight",)}
    assert shared_parameters(Tied(objects)) == shared
    with torch.device("meta"):
        assert shared_parameters(Tied(objects)) == shared


def test_neighbours_in_one_storage_are_not_tied(tmp_path: Path) -> None:
    model, flat = nn.ModuleList([nn.Linear(4, 4, bias=False) for _ in range(3)]), torch.randn(40)
    model[0].weight.data, model[1].weight.data = flat[:16].view(4, 4), flat[16:32].view(4, 4)
    assert shared_parameters(model) == {}
    model[2].weight.data = flat[24:40].view(4, 4)
    assert shared_parameters(model) == {"1.weight": ("2.weight",), "2.weight": ("1.weight",)}


def test_tensors_without_an_address_are_known_by_their_storage() -> None:
    from torch._subclasses import FakeTensorMode

    with FakeTensorMode():
        assert set(shared_parameters(Tied(1))) == {"embed.weight", "head.weight"}
        assert set(shared_parameters(Tied(2))) == {"embed.weight", "head.weight"}
        assert shared_parameters(nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))) == {}


@BOTH
@pytest.mark.parametrize("target", ["embed", "head"])
def test_refused_with_both_ways_out(objects: int, target: str, state: Callable[..., Any]) -> None:
    model = Tied(objects)
    before = state(model)
    with pytest.raises(
        TiedWeightError, match=r'also (head|embed)\.weight.*tied="shared".*"untie"'
    ) as caught:
        attach(model, config("refuse", target_modules=[target]))
    other = {"embed": "head", "head": "embed"}[target]
    assert caught.value.path == target and caught.value.partners == (f"{other}.weight",)
    assert state(model) == before
    attach(model, config("refuse", target_modules=["middle"]))


@BOTH
@pytest.mark.parametrize("targets", [["embed"], ["head"], ["embed", "head"]])
def test_shared(objects: int, targets: list[str], train: Train, state: Callable[..., Any]) -> None:
    model = Tied(objects).eval()
    before, base = state(model), model(IDS)
    attach(model, config(target_modules=targets))
    assert torch.equal(model(IDS), base)
    assert len(explain(model)) == 1 and explain(model)[0].tied
    assert len(list(adapter_parameters(model))) == 2
    unmerged = train(model)(IDS).detach()
    assert model.embed.lora is model.head.lora
    merge(model, IDS)
    torch.testing.assert_close(model(IDS), unmerged, rtol=1e-4, atol=1e-5)
    assert torch.equal(model.embed.weight, model.head.weight)
    assert shared_parameters(model)
    unmerge(model)
    assert torch.equal(model(IDS), unmerged)
    merge(model)
    assert state(detach(model)) == before


@BOTH
@pytest.mark.parametrize("targets", [["embed"], ["head"], ["embed", "head"]])
def test_untied(objects: int, targets: list[str], train: Train, state: Callable[..., Any]) -> None:
    model = Tied(objects).eval()
    before, base = state(model), model(IDS)
    digests = base_digests(attach(Tied(objects), config())).keys()
    attach(model, config("untie", target_modules=targets))
    assert torch.equal(model(IDS), base)
    assert len(explain(model)) == len(targets)
    assert not shared_parameters(model)
    assert base_digests(model).keys() == digests
    unmerged = train(model)(IDS).detach()
    merge(model, IDS)
    torch.testing.assert_close(model(IDS), unmerged, rtol=1e-4, atol=1e-5)
    assert not torch.equal(model.embed.weight, model.head.weight)
    assert state(detach(model)) == before


@BOTH
@pytest.mark.parametrize("tied", ["shared", "untie"])
def test_a_tied_module_trained_whole(
    objects: int, tied: str, train: Train, state: Callable[..., Any]
) -> None:
    model = Tied(objects)
    before = state(model)
    fields = {"target_modules": ["middle"], "modules_to_save": ["head"]}
    with pytest.raises(TiedWeightError, match="the weight of head is also embed"):
        attach(model, config("refuse", **fields))
    assert state(model) == before
    digests = base_digests(attach(Tied(objects), config(target_modules=["embed"])))
    attach(model, config(tied, **fields))
    first = base_digests(model)
    assert set(first) == set(digests) - {"head.weight"}
    train(model)
    assert torch.equal(model.embed.weight, model.head.weight) == (tied == "shared")
    assert base_digests(model) == first
    assert state(detach(model)) == before


class Own(nn.Linear):
    """Adapted as a weight."""

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weight.T


@pytest.mark.parametrize("target", ["embed", "head"])
def test_shared_with_a_layer_that_computes_in_its_own_way(
    target: str, train: Train, state: Callable[..., Any]
) -> None:
    model = Tied()
    model.head = Own(4, 7, bias=False)
    model.head.weight = model.embed.weight
    before, base = state(model.eval()), model(IDS)
    attach(model, config(target_modules=[target]))
    assert torch.equal(model(IDS), base)
    unmerged = train(model)(IDS).detach()
    both = torch.stack([model.embed(torch.arange(7)), model.head(torch.eye(4)).T])
    torch.testing.assert_close(both[0], both[1])
    merge(model, IDS)
    torch.testing.assert_close(model(IDS), unmerged, rtol=1e-4, atol=1e-5)
    assert state(detach(model)) == before
    with pytest.raises(TiedWeightError, match=r"head is adapted as a weight .* dropout=0"):
        attach(model, config(target_modules=["embed"], dropout=0.1))


def test_what_cannot_be_shared() -> None:
    model = Tied()
    parts = {"fused": {"head": ["a"]}, "fused_sizes": {"head": {"a": 4, "b": 3}}}
    with pytest.raises(
        TiedWeightError, match="head is not adapted whole, so nothing can be shared"
    ):
        attach(model, config(target_modules=["head"], **parts))
    sliced = Tied()
    sliced.head = nn.Linear(4, 3, bias=False)
    sliced.head.weight = nn.Parameter(sliced.embed.weight.data[:3])
    with pytest.raises(TiedWeightError, match=r"head.weight \(Linear\) cannot share"):
        attach(sliced, config())
    attach(sliced, config("untie"))


def test_sharing_that_contradicts_itself() -> None:
    with pytest.raises(TiedWeightError, match=r"head\.weight is trained whole"):
        attach(Tied(), config(modules_to_save=["head"]))
    uneven = config(target_modules=["embed", "head"], rank_pattern={"head": 1})
    with pytest.raises(
        TiedWeightError, match=r"share one update, but .* are \(2, 16\) and \(1, 16\)"
    ):
        attach(Tied(), uneven)
    limited = Tied()
    limited.embed.max_norm = 1.0
    with pytest.raises(TiedWeightError, match="embed rescales its rows while it runs"):
        attach(limited, config(target_modules=["head"]))


@pytest.mark.parametrize("tied", ["refuse", "shared", "untie"])
def test_one_module_under_two_paths_is_no_tie(tied: str, train: Train) -> None:
    model = nn.ModuleDict({"a": nn.Linear(4, 4), "b": nn.Linear(4, 4)})
    model["again"] = model["a"]
    attach(model, config(tied, target_modules=["again"]))
    assert [layer.path for layer in explain(model)] == ["a"]
    train(model)
    merge(model)
    assert not hasattr(detach(model)["again"], "lora")


def test_the_flag_of_a_transformers_model_follows(build: Any) -> None:
    model = build("llama-tied")[0]
    attach(model, config("untie", target_modules=["lm_head"]))
    assert model.config.tie_word_embeddings is False
    detach(model)
    assert model.config.tie_word_embeddings is True
    assert model.lm_head.weight is model.model.embed_tokens.weight
    attach(model, config("shared", target_modules=["lm_head"]))
    assert model.config.tie_word_embeddings is True


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("tied", ["shared", "untie"])
@pytest.mark.parametrize("name", ["llama-tied", "t5"])
def test_merged_and_saved_it_comes_back_as_a_plain_model(
    tied: str, name: str, build: Any, train: Train, answer: Any, tmp_path: Path
) -> None:
    model, batch = build(name)
    base = answer(model, batch)
    attach(model, config(tied, target_modules=["lm_head"]))
    unmerged = answer(train(model, 0.3), batch)
    assert (unmerged - base).abs().max() > 0.01
    merge(model, batch)
    merged = answer(model, batch)
    model.save_pretrained(tmp_path)
    again = type(model).from_pretrained(tmp_path).eval()
    assert torch.equal(answer(again, batch), merged)
    assert type(again.lm_head) is nn.Linear
    assert set(again.state_dict()) == set(build(name)[0].state_dict())


def test_a_forward_that_reads_the_flag_cannot_be_untied(state: Callable[..., Any]) -> None:
    shape = {"d_model": 16, "d_kv": 4, "d_ff": 16, "num_layers": 2, "num_heads": 2}
    settings = transformers.SwitchTransformersConfig(
        vocab_size=32, num_decoder_layers=2, num_experts=2, tie_word_embeddings=True, **shape
    )
    model = transformers.SwitchTransformersForConditionalGeneration(settings).eval()
    before = state(model)
    with pytest.raises(TiedWeightError, match=r"computes otherwise.*tied='shared'"):
        attach(model, LoraConfig(rank=2, target_modules=["lm_head"], tied="untie"))
    assert model.config.tie_word_embeddings is True
    assert state(model) == before
