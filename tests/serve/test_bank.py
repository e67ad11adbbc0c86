"""Each row is answered as by its adapter alone, and the model comes back as it was."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from verilora import AdapterBank, LoraConfig, attach
from verilora.errors import ShapeError, StateError

Write = Callable[..., Path]
Alone = Callable[..., Tensor]

HEADS = {"target_modules": ["query"], "modules_to_save": ["classifier"]}
CASES: dict[str, tuple[str, dict[str, dict[str, Any]]]] = {
    "ranks, scales and layers": (
        "llama",
        {
            "a": {"rank": 2, "target_modules": "all-linear"},
            "b": {
                "rank": 4,
                "scale_rule": "rslora",
                "target_modules": ["q_proj", "up_proj"],
                "rank_pattern": {"up_proj": 6},
                "alpha_pattern": {"q_proj": 3},
            },
            "c": {"rank": 3, "target_modules": ["v_proj"], "layers": [1]},
        },
    ),
    "dora beside lora": (
        "llama",
        {
            "a": {"rank": 2, "weight_rule": "dora", "target_modules": "all-linear"},
            "b": {"rank": 8, "target_modules": ["q_proj"]},
            "c": {"rank": 2, "weight_rule": "dora", "target_modules": ["embed_tokens", "q_proj"]},
        },
    ),
    "starts and heads of words": (
        "llama",
        {
            "a": {"rank": 4, "init": "pissa", "target_modules": "all-linear"},
            "b": {"rank": 2, "target_modules": ["lm_head", "embed_tokens"]},
            "c": {"rank": 2, "target_modules": ["q_proj"], "modules_to_save": ["lm_head"]},
        },
    ),
    "fused parts of Conv1D": (
        "gpt2",
        {
            "a": {"rank": 8, "target_modules": ["c_attn"], "fused": {"c_attn": ["q", "k", "v"]}},
            "b": {"rank": 6, "target_modules": ["c_attn", "c_fc", "c_proj"]},
            "c": {
                "rank": 2,
                "weight_rule": "dora",
                "target_modules": ["c_attn"],
                "fused": {"c_attn": ["v"]},
            },
        },
    ),
    "tied embeddings": (
        "gpt2",
        {
            "a": {"rank": 2, "alpha": 2, "target_modules": ["wte"], "tied": "shared"},
            "b": {"rank": 2, "target_modules": ["wte"], "tied": "untie"},
        },
    ),
    "a classifier each": (
        "roberta",
        {
            "a": {"rank": 4, **HEADS},
            "b": {"rank": 2, **HEADS},
            "c": {"rank": 2, "target_modules": ["classifier.dense", "word_embeddings"]},
        },
    ),
}


def bank_of(model: nn.Module, write: Write, make: Any, adapters: dict[str, Any]) -> Any:
    bank = AdapterBank(model, capacity=4, rank=8)
    found = {name: write(name, make(), **config) for name, config in adapters.items()}
    for name, directory in found.items():
        bank.load(name, directory)
    return bank, found


@pytest.mark.parametrize("case", CASES)
def test_each_row_is_that_of_its_adapter_alone(
    case: str, tiny: SimpleNamespace, write: Write, alone: Alone
) -> None:
    kind, adapters = CASES[case]
    make = getattr(tiny, kind)
    model = make()
    base = alone(model, None, tiny.ids)
    bank, found = bank_of(model, write, make, adapters)
    names = [None, *adapters, None, None][:4]
    with bank.route(names):
        together = alone(model, None, tiny.ids)
    for row, name in enumerate(names):
        wanted = base if name is None else alone(make(), found[name], tiny.ids)
        if name is None:
            assert torch.equal(together[row], wanted[row])
        else:
            # Sums in another order: some steps of float32 beside the largest logit.
            bound = 2e-6 * wanted.abs().max()
            assert (together[row] - wanted[row]).abs().max() <= bound
            assert (wanted[row] - base[row]).abs().max() > 100 * bound
    assert torch.equal(alone(model, None, tiny.ids), base)


@pytest.mark.parametrize("rule", ["lora", "dora"])
def test_bfloat16_is_as_near_to_the_truth_as_the_adapter_alone(
    rule: str, tiny: SimpleNamespace, write: Write, alone: Alone
) -> None:
    config = {"rank": 4, "target_modules": "all-linear", "weight_rule": rule}
    directory = write("a", tiny.llama().bfloat16(), **config)
    model = tiny.llama().bfloat16()
    bank = AdapterBank(model, rank=4)
    bank.load("a", directory)
    with bank.route(["a", None, "a", None]):
        together = alone(model, None, tiny.ids)
    base = alone(tiny.llama().bfloat16(), None, tiny.ids)
    assert torch.equal(together[1::2], base[1::2])
    narrow = alone(tiny.llama().bfloat16(), directory, tiny.ids)
    wide = tiny.llama().bfloat16().double()
    exact = AdapterBank(wide, rank=4)
    exact.load("a", directory, check_base=False)
    with exact.route(["a"] * 4):
        truth = alone(wide, None, tiny.ids)
    error = (together[0::2].double() - truth[0::2]).abs().max()
    theirs = (narrow[0::2].double() - truth[0::2]).abs().max()
    assert error <= 1.5 * theirs + 2**-9 * truth.abs().max()


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")  # the peer's
def test_rows_are_those_of_peft(tiny: SimpleNamespace, write: Write) -> None:
    peft = pytest.importorskip("peft")
    configs = {
        "a": {"rank": 2, "target_modules": ["q_proj", "down_proj"]},
        "b": {"rank": 4, "target_modules": ["q_proj", "v_proj"], "scale_rule": "rslora"},
    }
    bank, found = bank_of(model := tiny.llama(), write, tiny.llama, configs)
    oracle = peft.PeftModel.from_pretrained(tiny.llama(), found["a"], adapter_name="a")
    oracle.load_adapter(found["b"], adapter_name="b")
    oracle.eval()
    with torch.no_grad():
        names = ["b", "__base__", "a", "b"]
        theirs = oracle(input_ids=tiny.ids, adapter_names=names).logits
        with bank.route(["b", None, "a", "b"]):
            ours = model(input_ids=tiny.ids).logits
    torch.testing.assert_close(ours, theirs, rtol=0, atol=2e-6 * float(theirs.abs().max()))


def test_detach_gives_the_very_model_back(
    tiny: SimpleNamespace, write: Write, alone: Alone
) -> None:
    model = tiny.roberta()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    kinds = {path: type(module) for path, module in model.named_modules()}
    flags = {name: parameter.requires_grad for name, parameter in model.named_parameters()}
    bank, _ = bank_of(model, write, tiny.roberta, CASES["a classifier each"][1])
    assert type(model) is kinds[""] and list(model.state_dict()) == list(before)
    assert {name for name, _ in model.named_parameters()} == set(flags)
    with bank.route(["a", "b", "c", None]):
        alone(model, None, tiny.ids)
        with pytest.raises(StateError, match="a route is open"):
            bank.detach()
    assert bank.detach() is model
    assert {path: type(module) for path, module in model.named_modules()} == kinds
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert {n: p.requires_grad for n, p in model.named_parameters()} == flags
    assert not model._forward_hooks and not model._forward_pre_hooks
    attach(model, LoraConfig(target_modules=["query"]))
    for call in (bank.detach, lambda: bank.load("a", "x"), lambda: bank.route(["a"]).__enter__()):
        with pytest.raises(StateError, match="is detached"):
            call()


def test_a_route_is_checked(tiny: SimpleNamespace, write: Write) -> None:
    model = tiny.llama()
    bank = AdapterBank(model)
    bank.load("french", write("a", tiny.llama(), rank=2, target_modules=["q_proj"]))
    with pytest.raises(StateError, match="did you mean 'french'"), bank.route(["frensh"]):
        pass
    with pytest.raises(ValueError, match="a list with a name"), bank.route("french"):
        pass
    with pytest.raises(ValueError, match="a list with a name"), bank.route([]):
        pass
    for rows in (["french"], ["french", None], ["french"] * 5):
        told = f"names {len(rows)} rows, the batch has 4"
        with bank.route(rows), pytest.raises(ShapeError, match=told):
            model(input_ids=tiny.ids)


def test_training_through_a_route_is_refused(tiny: SimpleNamespace, write: Write) -> None:
    model = tiny.llama()
    bank = AdapterBank(model)
    bank.load("a", write("a", tiny.llama(), rank=2, target_modules=["q_proj"]))
    model.train()
    with bank.route(["a"] * 4), pytest.raises(StateError, match="does not train"):
        model(input_ids=tiny.ids)
    model(input_ids=tiny.ids).logits.sum().backward()


def test_gradients_of_the_input_pass_through(tiny: SimpleNamespace, write: Write) -> None:
    model = tiny.llama()
    bank = AdapterBank(model)
    bank.load("a", directory := write("a", tiny.llama(), rank=2, target_modules="all-linear"))
    from verilora import load_adapter

    found = []
    for one in (model, load_adapter(tiny.llama(), directory)):
        x = torch.ones(2, 3, 16, requires_grad=True)
        with bank.route(["a", "a"]):
            one(inputs_embeds=x).logits.sum().backward()
        assert x.grad is not None
        found.append(x.grad)
    torch.testing.assert_close(*found, rtol=1e-4, atol=1e-4)


def test_a_thread_has_its_own_route(tiny: SimpleNamespace, write: Write, alone: Alone) -> None:
    model, config = tiny.llama(), {"rank": 2, "target_modules": ["q_proj"]}
    base = alone(model, None, tiny.ids)
    bank, _ = bank_of(model, write, tiny.llama, {"a": config, "b": config})
    wanted = {}
    for name in "ab":
        with bank.route([name] * 4):
            wanted[name] = alone(model, None, tiny.ids)
    found: dict[str, list[Tensor]] = {"a": [], "b": [], "none": []}

    def answer(name: str) -> None:
        for _ in range(5):
            if name == "none":
                found[name].append(alone(model, None, tiny.ids))
                continue
            with bank.route([name] * 4):
                found[name].append(alone(model, None, tiny.ids))

    threads = [threading.Thread(target=answer, args=(name,)) for name in found]
    with bank.route(["a"] * 4):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for name, answers in found.items():
        assert len(answers) == 5
        assert all(torch.equal(one, wanted.get(name, base)) for one in answers)
