"""A twin follows the model's tensors and keeps its own classes."""

from __future__ import annotations

import torch
from torch import nn

from verilora.serve.twin import twin_of, with_values


class Odd(nn.Linear):
    pass


def shared() -> nn.Module:
    model = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Linear(3, 3))
    model.append(model[0])
    model[2].weight = model[0].weight
    return model.eval()


def test_a_twin_has_the_same_tensors_and_shape() -> None:
    model = shared()
    twin = twin_of(model)
    assert [p for p, _ in twin.named_modules()] == [p for p, _ in model.named_modules()]
    ours, theirs = twin.state_dict(keep_vars=True), model.state_dict(keep_vars=True)
    assert ours.keys() == theirs.keys() and all(ours[name] is theirs[name] for name in ours)
    assert twin[3] is twin[0] and twin[0] is not model[0]


def test_it_follows_the_tensors_and_not_the_classes() -> None:
    model = shared()
    twin = twin_of(model)
    model[0].__class__ = Odd
    model[0]._modules["more"] = nn.Linear(1, 1)
    model.double()
    assert type(twin[0]) is nn.Linear and not list(twin[0].children())
    assert {t.dtype for t in twin.state_dict().values() if t.is_floating_point()} == {torch.float64}


def test_other_values_answer_and_are_in_no_state() -> None:
    model, other = shared(), shared()
    with torch.no_grad():
        for tensor in other.state_dict().values():
            tensor.add_(1)
    copy = with_values(model, other.state_dict())
    x = torch.ones(2, 3)
    assert torch.equal(copy(x), other(x)) and not torch.equal(copy(x), model(x))
    assert not copy.state_dict() and not list(copy.parameters())
    assert copy.double()(x.double()).dtype == torch.float64
    assert model[0].weight.dtype == torch.float32
