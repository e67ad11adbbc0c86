"""Inside base_only a model answers as before attach, to the bit, and afterwards as it did."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from verilora.errors import StateError
from verilora.lora import (
    BaseOnly,
    adapter_parameters,
    attach,
    base_only,
    detach,
    explain,
    merge,
    unmerge,
)
from verilora.lora.formats import save_adapter
from verilora.records.adapter import LoraConfig

Build = Callable[[str], tuple[nn.Module, dict[str, Tensor]]]
Train = Callable[..., nn.Module]
Answer = Callable[..., Tensor]

EXPERTS = {"target_modules": [], "target_parameters": ["experts.gate_up_proj", "experts.down_proj"]}
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "output way": ("llama", {"target_modules": "all-linear"}),
    "fused parts": ("gpt2", {"target_modules": ["c_attn"], "fused": {"c_attn": ["q", "v"]}}),
    "experts": ("mixtral", EXPERTS),
    "tied": ("llama-tied", {"target_modules": ["embed_tokens"], "tied": "shared"}),
    "untied": ("llama-tied", {"target_modules": ["embed_tokens"], "tied": "untie"}),
    "dora": ("llama", {"target_modules": ["q_proj", "v_proj"], "weight_rule": "dora"}),
    "pissa": ("llama", {"target_modules": ["q_proj", "v_proj"], "init": "pissa"}),
    "biases": ("gpt2", {"target_modules": ["c_attn"], "bias": "all"}),
    "convolutions": ("resnet", {"target_modules": ["convolution"]}),
    "head": ("roberta", {"target_modules": ["query"], "modules_to_save": ["classifier"]}),
    "head tied": (
        "llama-tied",
        {"target_modules": ["q_proj"], "modules_to_save": ["lm_head"], "tied": "shared"},
    ),
    "loftq": ("llama", {"target_modules": ["q_proj", "v_proj"], "init": "loftq"}),
}


def attached(name: str, build: Build) -> tuple[nn.Module, dict[str, Tensor]]:
    architecture, fields = CASES[name]
    model, batch = build(architecture)
    return attach(model, LoraConfig(2, **fields)), batch


@pytest.mark.parametrize("name", CASES)
def test_the_base_to_the_bit_and_the_adapter_again(
    name: str, build: Build, train: Train, answer: Answer, state: Callable[[nn.Module], Any]
) -> None:
    base, batch = build(CASES[name][0])
    wanted = answer(base, batch)
    model, _ = attached(name, build)
    train(model)
    adapted, before = answer(model, batch), state(model)
    assert not torch.equal(adapted, wanted)
    with base_only(model) as same:
        assert same is model
        assert torch.equal(answer(model, batch), wanted)
        with base_only(model):
            assert torch.equal(answer(model, batch), wanted)
        assert torch.equal(answer(model, batch), wanted)
    assert torch.equal(answer(model, batch), adapted)
    assert state(model) == before


def test_an_exception_leaves_the_adapter_on(build: Build, train: Train, answer: Answer) -> None:
    model, batch = attached("head", build)
    adapted = answer(train(model), batch)
    with pytest.raises(KeyError), base_only(model):
        raise KeyError
    assert torch.equal(answer(model, batch), adapted)


def test_running_statistics_are_those_from_before_and_are_not_moved(build: Build) -> None:
    model, batch = attached("convolutions", build)
    names = [name for name, _ in model.named_buffers() if "running" in name]
    before = {name: model.get_buffer(name).clone() for name in names}
    model.train()(**batch)
    trained = {name: model.get_buffer(name).clone() for name in names}
    assert any(not torch.equal(before[name], trained[name]) for name in names)
    with base_only(model):
        assert all(torch.equal(model.get_buffer(name), before[name]) for name in names)
        model(**batch)
    assert all(torch.equal(model.get_buffer(name), trained[name]) for name in names)
    with base_only(model):
        assert all(torch.equal(model.get_buffer(name), before[name]) for name in names)


@pytest.mark.parametrize("name", ["output way", "experts"])
def test_other_threads_keep_the_adapter(
    name: str, build: Build, train: Train, answer: Answer
) -> None:
    model, batch = attached(name, build)
    adapted, seen = answer(train(model), batch), []
    with base_only(model):
        thread = threading.Thread(target=lambda: seen.append(answer(model, batch)))
        thread.start()
        thread.join()
        assert not torch.equal(answer(model, batch), adapted)
    assert torch.equal(seen[0], adapted)


def test_a_copy_made_meanwhile_is_on(build: Build, train: Train, answer: Answer) -> None:
    model, batch = attached("dora", build)
    adapted = answer(train(model), batch)
    with base_only(model):
        copied = copy.deepcopy(model)
        assert torch.equal(answer(copied, batch), adapted)
        with base_only(copied):
            assert torch.equal(answer(copied, batch), answer(model, batch))
    assert torch.equal(answer(copied, batch), adapted)


def test_a_moved_or_cast_model(build: Build, train: Train, answer: Answer) -> None:
    base, batch = build("roberta")
    model, _ = attached("head", build)
    train(model).bfloat16()
    with base_only(model):
        assert torch.equal(answer(model, batch), answer(base.bfloat16(), batch))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["output way", "experts"])
def test_a_compiled_model_follows(name: str, build: Build, train: Train, answer: Answer) -> None:
    torch._dynamo.reset()
    model, batch = attached(name, build)
    train(model)
    compiled = torch.compile(model, backend="eager")
    adapted = answer(compiled, batch)
    with base_only(model):
        torch.testing.assert_close(answer(compiled, batch), answer(model, batch))
        assert (answer(compiled, batch) - adapted).abs().max() > 1e-3
    assert torch.equal(answer(compiled, batch), adapted)


def test_the_adapter_gets_no_gradient_inside(build: Build, train: Train) -> None:
    model, batch = attached("head", build)
    train(model)
    with base_only(model):
        assert not model(**batch).logits.requires_grad
    assert model(**batch).logits.requires_grad


@pytest.mark.parametrize(
    "verb",
    [
        merge,
        detach,
        explain,
        lambda model: list(adapter_parameters(model)),
        lambda model: save_adapter(model, "nowhere"),
        lambda model: model.load_state_dict(model.state_dict()),
    ],
)
def test_nothing_is_done_to_the_adapter_inside(
    verb: Callable[[Any], Any], build: Build, state: Callable[[nn.Module], Any]
) -> None:
    model, _ = attached("head", build)
    before = state(model)
    with base_only(model), pytest.raises(StateError, match="off inside base_only"):
        verb(model)
    assert state(model) == before


def test_without_an_adapter_or_merged_it_is_refused(build: Build, train: Train) -> None:
    model, _ = build("llama")
    with pytest.raises(StateError, match="no adapter attached"), base_only(model):
        pass
    with pytest.raises(StateError, match="no adapter attached"):
        BaseOnly(model)
    train(attach(model, LoraConfig(2, target_modules=["q_proj"])))
    merge(model)
    with pytest.raises(StateError, match="call unmerge"), base_only(model):
        pass
    unmerge(model)
    with base_only(model):
        pass


def test_a_head_of_another_shape_is_told(build: Build) -> None:
    model, _ = attached("head", build)
    model.classifier.out_proj = nn.Linear(16, 7)  # type: ignore[union-attr]
    with pytest.raises(StateError, match=r"classifier.out_proj.weight is sharded or was replaced"):
        base_only(model).__enter__()
    assert len(list(adapter_parameters(model))) > 0


def test_the_module_of_its_own_shares_weights_and_leaves_modes_alone(
    build: Build, train: Train, answer: Answer
) -> None:
    base, batch = build("roberta")
    model, _ = attached("head", build)
    reference = BaseOnly(train(model))
    model.train()
    assert torch.equal(answer(reference, batch), answer(base, batch))
    assert model.training
    assert reference.eval() is reference
    assert reference.train() is reference
    assert model.training
    assert reference.config is model.config
    assert {p.data_ptr() for p in reference.parameters()} == {
        p.data_ptr() for p in model.parameters()
    }
    assert torch.equal(answer(copy.deepcopy(reference), batch), answer(base, batch))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = reference.nothing


def test_a_forward_put_on_the_object_runs_in_it_too(
    build: Build, train: Train, answer: Answer
) -> None:
    base, batch = build("llama")
    model, _ = attached("output way", build)
    reference = BaseOnly(train(model))
    reference.forward = lambda **kwargs: reference.model(**kwargs)  # type: ignore[method-assign]
    assert torch.equal(answer(reference, batch), answer(base, batch))
