"""bitsandbytes' own layers as a base: answers, gradients, bits, peft on the same model."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from verilora.errors import LayerError, TargetError
from verilora.lora import attach, detach, explain
from verilora.lora.quantised import foreign
from verilora.records.adapter import LoraConfig

CONFIG = LoraConfig(rank=4, alpha=8, target_modules="all-linear")
Make = Callable[..., nn.Module]


def state(model: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


@pytest.mark.parametrize("kind", ["nf4", "fp4", "int8"])
def test_attach_leaves_answers_and_detach_the_bits(
    foreign_llama: Make, ids: Tensor, kind: str
) -> None:
    model = foreign_llama(kind)
    before, answer = state(model), model(ids).logits
    attach(model, CONFIG)
    assert torch.equal(model(ids).logits, answer)
    model.eval()
    with torch.no_grad():
        model(ids)
    model.train()
    assert len(explain(model)) == 14
    detach(model)
    assert torch.equal(model(ids).logits, answer)
    after = state(model)
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize("kind", ["nf4", "int8"])
def test_answers_and_gradients_are_those_of_the_unpacked_model(
    llama: Make, foreign_llama: Make, moved: Make, ids: Tensor, kind: str
) -> None:
    packed, plain = foreign_llama(kind), llama()
    for path, module in packed.named_modules():
        if foreign.kind_of(module):
            plain.get_submodule(path).weight.data = foreign.values(module, torch.float32)
    models = [moved(attach(model, CONFIG)) for model in (packed, plain)]
    losses = [model(ids, labels=ids).loss for model in models]
    torch.testing.assert_close(*losses)
    for loss in losses:
        loss.backward()
    for (name, ours), (_, wanted) in zip(
        *(model.named_parameters() for model in models), strict=True
    ):
        if ".lora." in name:
            assert wanted.grad.norm() > 0
            torch.testing.assert_close(ours.grad, wanted.grad, rtol=1e-4, atol=1e-5)


def test_equals_peft_on_the_same_model(foreign_llama: Make, moved: Make, ids: Tensor) -> None:
    peft = pytest.importorskip("peft")
    ours, theirs = foreign_llama(), foreign_llama()
    theirs.is_loaded_in_4bit = True
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = peft.get_peft_model(
            theirs, peft.LoraConfig(r=4, lora_alpha=8, target_modules="all-linear")
        )
    moved(attach(ours, CONFIG))
    for path, module in ours.named_modules():
        if "lora" in module._modules:
            other = theirs.get_submodule(f"base_model.model.{path}")
            other.lora_A["default"].weight.data = module.lora["weight"].A.detach().clone()
            other.lora_B["default"].weight.data = module.lora["weight"].B.detach().clone()
    found, wanted = ours(ids, labels=ids), theirs(input_ids=ids, labels=ids)
    torch.testing.assert_close(found.logits, wanted.logits, rtol=1e-5, atol=1e-5)
    found.loss.backward()
    wanted.loss.backward()
    module = "model.layers.0.self_attn.q_proj"
    mine = ours.get_submodule(module).lora["weight"]
    other = theirs.get_submodule(f"base_model.model.{module}")
    assert mine.A.grad.norm() > 0
    torch.testing.assert_close(
        mine.A.grad, other.lora_A["default"].weight.grad, rtol=1e-4, atol=1e-6
    )
    torch.testing.assert_close(
        mine.B.grad, other.lora_B["default"].weight.grad, rtol=1e-4, atol=1e-6
    )


def test_shapes_are_the_layers_and_explain_says_how_it_is_kept(foreign_llama: Make) -> None:
    model = attach(foreign_llama("nf4"), CONFIG)
    first = explain(model)[0]
    assert (first.kind, first.base) == ("Linear4bit", "nf4, double")
    assert "Linear4bit (nf4, double)" in str(explain(model))
    update = model.get_submodule("model.layers.0.mlp.up_proj").lora["weight"]
    assert update.A.shape == (4, 64)
    assert update.B.shape == (128, 4)


def test_a_bias_is_not_rounded_by_running(pack_layer: Make) -> None:
    layer = pack_layer(nn.Linear(64, 8), "nf4")
    model, bias = nn.Sequential(layer), layer.bias.detach().clone()
    attach(model, LoraConfig(rank=2, target_modules=("0",)))
    model(torch.randn(3, 64, dtype=torch.bfloat16))
    assert torch.equal(layer.bias, bias)


@pytest.mark.parametrize("shape", [(8, 64), (33, 172), (6, 32), (7, 9), (48, 96)])
def test_what_bitsandbytes_reads_wrongly_is_refused(
    pack_layer: Make, shape: tuple[int, int]
) -> None:
    plain = nn.Linear(shape[1], shape[0], bias=False)
    layer = pack_layer(copy.deepcopy(plain), "nf4", double=False)
    own = foreign.values(layer, torch.float32)
    # A magnitude of a block bounds what the nearest of its sixteen values can miss.
    assert (own - plain.weight).abs().max() <= 0.16 * plain.weight.abs().max()
    read = layer(torch.eye(shape[1])).T
    if torch.allclose(read, own, atol=1e-6):
        assert foreign.refuse(layer, "it") is None
    else:
        with pytest.raises(LayerError, match="bitsandbytes reads 0 wrongly on a CPU"):
            attach(nn.Sequential(layer), LoraConfig(rank=2, target_modules=("0",)))


def test_a_layer_that_bitsandbytes_repacked_is_refused(pack_layer: Make) -> None:
    layer = pack_layer(nn.Linear(64, 32), "nf4")
    layer.weight.quant_state.packing_format_for_cpu = True
    with pytest.raises(LayerError, match=r"repacked by bitsandbytes.*attach before"):
        attach(nn.Sequential(layer), LoraConfig(rank=2, target_modules=("0",)))


def test_weights_packed_anew_in_each_pass_are_left_to_the_plain_way() -> None:
    import bitsandbytes

    layer = bitsandbytes.nn.Linear8bitLt(64, 8)
    assert foreign.kind_of(layer) is None


class GptqLinear(nn.Module):
    """The form of GPTQ's and AWQ's layers."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("qweight", torch.zeros(8, 8, dtype=torch.int32))


@pytest.mark.parametrize("target", [("inner",), "all-linear"])
def test_another_scheme_is_refused_with_the_next_step(target: str | tuple[str, ...]) -> None:
    model = nn.ModuleDict({"inner": GptqLinear()})
    with pytest.raises(TargetError, match=r"scheme that is not read here.*load the base whole"):
        attach(model, LoraConfig(rank=2, target_modules=target))


def test_loftq_on_a_quantised_base_is_refused(foreign_llama: Make) -> None:
    with pytest.raises(LayerError, match='init "loftq" quantises the base itself'):
        attach(foreign_llama(), CONFIG.replace(init="loftq"))


@pytest.mark.parametrize("changes", [{"init": "pissa"}, {"init": "olora"}, {"weight_rule": "dora"}])
def test_starts_and_dora_work_from_the_unpacked_weight(
    foreign_llama: Make, llama: Make, moved: Make, ids: Tensor, changes: dict[str, str]
) -> None:
    packed, plain = foreign_llama(), llama()
    answer = packed(ids).logits
    for path, module in packed.named_modules():
        if foreign.kind_of(module):
            plain.get_submodule(path).weight.data = foreign.values(module, torch.float32)
    config = CONFIG.replace(**changes)
    assert torch.equal(attach(packed, config)(ids).logits, answer)
    attach(plain, config)
    found, wanted = (moved(model)(ids).logits for model in (packed, plain))
    assert not torch.allclose(found, answer, atol=1e-3)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)
