"""An adapted layer computes the layer with the weight W + scale · BA, and stays what it was."""

from __future__ import annotations

import copy
import io
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from transformers.pytorch_utils import Conv1D

from verilora.lora import attach, detach, explain, merge, unmerge
from verilora.lora.attachment import updates_of
from verilora.lora.layers import adapted_class
from verilora.records.adapter import LoraConfig

Train = Callable[..., nn.Module]
IDS = torch.tensor([[1, 4, 0], [2, 2, 4]])


class Same(nn.Linear):
    """A subclass that computes like its parent."""


LAYERS: dict[str, tuple[Callable[[], nn.Module], Tensor]] = {
    "linear": (lambda: nn.Linear(6, 5), torch.randn(3, 2, 6)),
    "no bias": (lambda: nn.Linear(6, 5, bias=False), torch.randn(6)),
    "subclass": (lambda: Same(6, 5), torch.randn(3, 6)),
    "gpt2": (lambda: Conv1D(5, 6), torch.randn(3, 2, 6)),
    "embedding": (lambda: nn.Embedding(5, 6, padding_idx=4), IDS),
    "convolution": (lambda: nn.Conv2d(4, 6, 3, padding=1), torch.randn(2, 4, 5, 5)),
    "grouped": (lambda: nn.Conv1d(4, 6, 3, groups=2), torch.randn(2, 4, 7)),
}


def adapted(name: str, **config: Any) -> tuple[nn.Module, Tensor]:
    make, x = LAYERS[name]
    model = nn.Sequential(make())
    return attach(model, LoraConfig(rank=2, target_modules=["0"], **config)), x


def dense(model: nn.Module) -> nn.Module:
    """The same layer with the sum in its weight, made without any adapter."""
    delta = updates_of(model, "0")["weight"].dense().detach()
    plain = detach(copy.deepcopy(model))
    plain[0].weight.data += delta
    return plain


@pytest.mark.parametrize("name", LAYERS)
def test_it_computes_with_the_sum(name: str, train: Train) -> None:
    model, x = adapted(name)
    fresh = model(x)
    assert torch.equal(fresh, detach(copy.deepcopy(model))(x))
    train(model)
    torch.testing.assert_close(model(x), dense(model)(x), rtol=1e-4, atol=1e-5)
    assert (model(x) - fresh).abs().max() > 1e-2


@pytest.mark.parametrize("name", LAYERS)
def test_gradients_are_those_of_the_sum(name: str, train: Train) -> None:
    model, x = adapted(name)
    train(model).double()
    update = updates_of(model, "0")["weight"]
    if name == "embedding":  # the padding row starts at zero, gets no gradient, and stays there
        update.A.data[:, 4] = 0
    x = x.double().requires_grad_() if x.is_floating_point() else x
    model(x).square().sum().backward()
    a, b = (t.detach().clone().requires_grad_() for t in (update.A, update.B))
    plain = detach(copy.deepcopy(model))
    weight = plain[0].weight.detach() + update.layout.dense(a, b, scale=update.scale)
    again = torch.func.functional_call(plain, {"0.weight": weight}, (x,))
    wanted = torch.autograd.grad(again.square().sum(), [a, b])
    assert plain[0].weight.grad is None
    torch.testing.assert_close(update.B.grad, wanted[1])
    torch.testing.assert_close(update.A.grad, wanted[0])


@pytest.mark.parametrize("name", LAYERS)
def test_the_layer_stays_what_it_was(name: str) -> None:
    plain = LAYERS[name][0]()
    model, _ = adapted(name)
    assert isinstance(model[0], type(plain))
    assert set(plain.state_dict()) < set(model[0].state_dict())
    assert model[0].weight is model[0]._parameters["weight"]
    assert not model[0].weight.requires_grad
    assert explain(model)[0].way == "output"


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("merged", [False, True])
def test_copies_and_files_compute_the_same(name: str, merged: bool, train: Train) -> None:
    model, x = adapted(name)
    train(model).eval()
    if merged:
        merge(model)
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    for other in (copy.deepcopy(model), torch.load(file, weights_only=False)):
        assert type(other[0]) is type(model[0])
        assert torch.equal(other(x), model(x))
        if merged:
            unmerge(other)
        other[0].lora["weight"].A.data.zero_()
        assert torch.equal(detach(other)[0].weight, detach(copy.deepcopy(model))[0].weight)


def test_one_class_for_one_kind() -> None:
    one, other = adapted("linear")[0][0], adapted("linear")[0][0]
    assert type(one) is type(other)
    assert type(one).__name__ == "LoraLinear"
    assert adapted_class.cache_info().currsize > 0


class Watch(TorchFunctionMode):
    """Collects the dtypes of the activations: floating, 97 of them, wider than the rank of 2."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[torch.dtype] = set()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if (
            isinstance(out, Tensor)
            and out.is_floating_point()
            and out.dim()
            and len(out) == 97
            and out.shape[-1] > 2
        ):
            self.seen.add(out.dtype)
        return out


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_no_activation_is_cast_up(name: str, dtype: torch.dtype, train: Train) -> None:
    make, x = LAYERS[name]
    model = nn.Sequential(make().to(dtype))
    train(attach(model, LoraConfig(rank=2, target_modules=["0"])))
    assert updates_of(model, "0")["weight"].A.dtype == torch.float32
    x = x.to(dtype) if x.is_floating_point() else x
    x = x[:1] if x.dim() > 1 else x[None]
    x = x.repeat(97, *[1] * (x.dim() - 1))
    with Watch() as watch:
        assert model(x).dtype == dtype
    assert watch.seen == {dtype}


@pytest.mark.parametrize("name", ["linear", "gpt2", "convolution", "embedding", "grouped"])
def test_autocast_works(name: str, train: Train) -> None:
    model, x = adapted(name)
    train(model)
    with torch.autocast("cpu", torch.bfloat16):
        low = model(x)
        low.float().sum().backward()
    torch.testing.assert_close(low.float(), model(x), rtol=0.05, atol=0.1)
    assert all(p.grad.dtype == torch.float32 for p in updates_of(model, "0").parameters())


def test_hooks_stay_and_see_the_adapted_output(train: Train) -> None:
    make, x = LAYERS["linear"]
    model, seen = nn.Sequential(make()), []
    model[0].register_forward_hook(lambda module, args, output: seen.append(output))
    train(attach(model, LoraConfig(rank=2, target_modules=["0"])))
    assert model(x) is seen[0]
    assert not torch.equal(detach(model)(x), seen[0]) and len(seen) == 2


def test_arguments_may_be_named(train: Train) -> None:
    model, x = adapted("linear")
    train(model)
    assert torch.equal(model[0](input=x), model[0](x))


def test_dropout_is_the_adapters_alone(train: Train) -> None:
    model, x = adapted("linear", dropout=0.5)
    assert torch.equal(model(x), detach(copy.deepcopy(model))(x))
    train(model).train()
    torch.manual_seed(0)
    first = model(x)
    assert not torch.equal(first, model(x))
    torch.manual_seed(0)
    assert torch.equal(first, model(x))
    assert torch.equal(model.eval()(x), model(x))


def test_without_dropout_no_random_number_is_drawn(train: Train) -> None:
    model, x = adapted("linear")
    before = torch.get_rng_state()
    train(model).train()(x)
    assert torch.equal(torch.get_rng_state(), before)
