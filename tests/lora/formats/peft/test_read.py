"""load_adapter: the adapter comes back, on a bare model or on one that has its like."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from verilora import LoraConfig, attach, detach, explain, load_adapter, merge, save_adapter
from verilora.errors import AdapterFileError, StateError
from verilora.lora.attachment import attachment_of

Saved = Callable[..., tuple[nn.Module, Path]]
Answer = Callable[[nn.Module, Tensor], Tensor]
Randomise = Callable[..., nn.Module]
FUSED = {"rank": 2, "target_modules": ["c_attn"], "fused": {"c_attn": ["q", "v"]}}


def test_the_very_config_comes_back(tiny: SimpleNamespace, saved: Saved) -> None:
    config = {
        "rank": 2,
        "dropout": 0.1,
        "seed": 7,
        "modules_to_save": ["classifier"],
        "layers": [1],
    }
    model, directory = saved(tiny.roberta(), **config)
    again = load_adapter(tiny.roberta(), str(directory))
    assert attachment_of(again).config == attachment_of(model).config == LoraConfig(**config)
    assert str(explain(again)) == str(explain(model))


def test_detaching_gives_back_the_base(tiny: SimpleNamespace, saved: Saved) -> None:
    _, directory = saved(tiny.llama(tied=True), target_modules=["lm_head"], tied="untie")
    model = detach(load_adapter(tiny.llama(tied=True), directory))
    assert model.lm_head.weight is model.model.embed_tokens.weight
    other = tiny.llama(tied=True).state_dict()
    assert all(torch.equal(tensor, other[name]) for name, tensor in model.state_dict().items())


def test_fused_parts_come_back_whole_without_verilora_json(
    tiny: SimpleNamespace, saved: Saved, answer: Answer
) -> None:
    model, directory = saved(tiny.gpt2(), **FUSED)
    (directory / "verilora.json").unlink()
    plain = load_adapter(tiny.gpt2(), directory)
    assert [(layer.name, layer.rank) for layer in explain(plain)] == [("weight", 4)] * 2
    torch.testing.assert_close(answer(plain, tiny.ids), answer(model, tiny.ids))
    parts = load_adapter(attach(tiny.gpt2(), LoraConfig(**FUSED)), directory)
    assert torch.equal(answer(parts, tiny.ids), answer(model, tiny.ids))


def test_grouped_convolutions_come_back_without_verilora_json(
    tiny: SimpleNamespace, saved: Saved, answer: Answer
) -> None:
    def make() -> nn.Module:
        return tiny.seeded(lambda: nn.Sequential(nn.Conv2d(4, 6, 3, groups=2, dilation=2)))

    model, directory = saved(make(), rank=3, alpha=4, target_modules=["0"], scale_rule="rslora")
    (directory / "verilora.json").unlink()
    again = load_adapter(make(), directory)
    assert explain(again)[0].rank == 3
    x = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(answer(again, x), answer(model, x))


def test_values_go_into_an_attached_adapter(
    tiny: SimpleNamespace, saved: Saved, answer: Answer, randomise: Randomise
) -> None:
    config = {"rank": 2, "modules_to_save": ["classifier"]}
    model, directory = saved(tiny.roberta(), **config)
    other = randomise(attach(tiny.roberta(), LoraConfig(**config)), seed=9)
    factor = other.roberta.encoder.layer[0].attention.self.query.lora["weight"].A
    assert not torch.equal(answer(other, tiny.ids), answer(model, tiny.ids))
    assert load_adapter(other, directory) is other
    assert torch.equal(answer(other, tiny.ids), answer(model, tiny.ids))
    assert other.roberta.encoder.layer[0].attention.self.query.lora["weight"].A is factor


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"rank": 3}, "(2, 16); (3, 16) is wanted for rank 3"),
        ({"alpha": 3}, "states the scale 8"),
        ({"target_modules": ["query"]}, "belongs to nothing that is adapted"),
        ({"target_modules": ["query", "value", "key"]}, "is missing"),
        ({"modules_to_save": ["classifier.dense"]}, "belongs to nothing that is adapted"),
    ],
)
@pytest.mark.parametrize("sidecar", [True, False])
def test_an_attached_adapter_of_another_shape(
    change: dict[str, object], told: str, sidecar: bool, tiny: SimpleNamespace, saved: Saved
) -> None:
    config = {"rank": 2, "modules_to_save": ["classifier"]}
    _, directory = saved(tiny.roberta(), **config)
    if not sidecar:
        (directory / "verilora.json").unlink()
    other = attach(tiny.roberta(), LoraConfig(**{**config, **change}))
    with pytest.raises(AdapterFileError) as caught:
        load_adapter(other, directory)
    assert "another shape" in str(caught.value)
    assert "call detach(model) first" in str(caught.value)
    assert told in str(caught.value)


def test_a_merged_model_is_unmerged_first(tiny: SimpleNamespace, saved: Saved) -> None:
    model, directory = saved(tiny.linears(), rank=2, target_modules=["0"])
    merge(model)
    with pytest.raises(StateError, match=r"call unmerge\(model\) before loading"):
        load_adapter(model, directory)


def test_a_model_without_values(tiny: SimpleNamespace, saved: Saved) -> None:
    _, directory = saved(tiny.linears(), rank=2, target_modules=["0"])
    with pytest.raises(StateError, match=r"'0\.weight', '0\.bias', '2\.weight' and 1 more are on"):
        load_adapter(tiny.linears().to("meta"), directory)


def test_the_random_state_is_not_touched(tiny: SimpleNamespace, saved: Saved) -> None:
    _, directory = saved(tiny.roberta(), rank=2, modules_to_save=["classifier"])
    fresh = tiny.roberta()
    before = torch.get_rng_state()
    load_adapter(fresh, directory)
    assert torch.equal(torch.get_rng_state(), before)


def test_no_network_is_contacted(
    tiny: SimpleNamespace, saved: Saved, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr("socket.socket", refuse)
    model = tiny.roberta()
    model.config._name_or_path = "FacebookAI/roberta-base"
    _, directory = saved(model, rank=2)
    assert load_adapter(tiny.roberta(), directory)
    with pytest.raises(AdapterFileError, match="nothing is fetched"):
        load_adapter(tiny.roberta(), "FacebookAI/no-such-adapter")


def test_the_mode_of_the_model_stays(tiny: SimpleNamespace, saved: Saved) -> None:
    _, directory = saved(tiny.linears(), rank=2, target_modules=["0"])
    for mode in (True, False):
        model = load_adapter(tiny.linears().train(mode), directory)
        assert {module.training for module in model.modules()} == {mode}


def test_factors_keep_their_dtype_and_whole_modules_take_the_model_s(
    tiny: SimpleNamespace, saved: Saved
) -> None:
    config = {"rank": 2, "target_modules": ["0"], "modules_to_save": ["2"]}
    _, directory = saved(tiny.linears(), **config)
    model = load_adapter(tiny.linears().bfloat16(), directory, check_base=False)
    assert model[0].lora["weight"].A.dtype == torch.float32
    assert model[2].weight.dtype == torch.bfloat16


def test_factors_cast_after_attach_come_back_as_they_were(
    tiny: SimpleNamespace, tmp_path: Path, randomise: Randomise
) -> None:
    config = LoraConfig(rank=2, target_modules=["0"])
    model = randomise(attach(tiny.linears().double(), config))
    model[0].lora.double()
    save_adapter(model, tmp_path / "adapter")
    again = load_adapter(tiny.linears().double(), tmp_path / "adapter")
    assert again[0].lora["weight"].A.dtype == torch.float64
    assert torch.equal(again[0].lora["weight"].B, model[0].lora["weight"].B)


def test_an_adapter_of_a_part_goes_into_that_part(tiny: SimpleNamespace, saved: Saved) -> None:
    body = tiny.llama().model
    _, directory = saved(body, rank=2, target_modules=["q_proj"])
    whole = tiny.llama()
    with pytest.raises(AdapterFileError, match="load it into the module 'model'"):
        load_adapter(whole, directory)
    load_adapter(whole.model, directory)
    with pytest.raises(StateError, match="its part 'model' has"):
        load_adapter(whole, directory)
