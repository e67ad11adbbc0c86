"""EVA's components and ranks, against a decomposition of everything at once and the peer."""

from __future__ import annotations

from typing import Any

import peft
import pytest
import torch
from peft.tuners.lora.eva import get_eva_state_dict
from torch import Tensor, nn

from verilora.lora.starts.eva import Components, observe, spread_ranks


def rows(count: int, features: int, *, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    shrinking = torch.diag(0.6 ** torch.arange(features, dtype=torch.float32))
    turned = torch.linalg.qr(torch.randn(features, features, generator=generator)).Q
    return torch.randn(count, features, generator=generator) @ shrinking @ turned + 1.5


def at_once(data: Tensor) -> tuple[Tensor, Tensor]:
    """(components, shares of the variance) by a singular value decomposition of all rows."""
    centred = data.double() - data.double().mean(0)
    _, s, vt = torch.linalg.svd(centred, full_matrices=False)
    return vt, s.square() / s.square().sum()


@pytest.mark.parametrize("sizes", [(60,), (20, 20, 20), (3, 50, 7), (1, 59)])
@pytest.mark.parametrize("features", [8, 30])
def test_batches_give_what_all_rows_give_at_once(sizes: tuple[int, ...], features: int) -> None:
    data = rows(60, features)
    found = Components(features)
    for batch in data.split(sizes):
        found.add(batch)
    vectors, shares = at_once(data)
    torch.testing.assert_close(torch.tensor(found.explained[:5]), shares[:5].float())
    same = (found.vectors[:5] * vectors[:5]).sum(1).abs()
    torch.testing.assert_close(same, torch.ones(5, dtype=torch.float64), rtol=1e-6, atol=0)
    assert found.rows == 60


def test_a_few_components_are_kept_and_nearly_the_same() -> None:
    data, found = rows(300, 30), Components(6)
    for batch in data.split(50):
        found.add(batch)
    vectors, _ = at_once(data)
    assert found.vectors.shape == (6, 30)
    assert ((found.vectors[:4] * vectors[:4]).sum(1).abs() > 0.9999).all()


def test_signs_follow_the_largest_entry_and_constant_inputs_have_no_components() -> None:
    found = Components(4)
    found.add(rows(40, 6))
    largest = found.vectors.gather(1, found.vectors.abs().argmax(1, keepdim=True))
    assert bool((largest > 0).all())
    flat = Components(4)
    flat.add(torch.zeros(10, 6))
    assert flat.explained == []


class Two(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.q, self.out = nn.Linear(10, 12), nn.Linear(12, 4)

    def forward(self, x: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        return self.out(self.q(x).tanh())


def model() -> Two:
    torch.manual_seed(0)
    return Two()


def test_is_the_peers_on_the_same_batches() -> None:
    data = [{"x": rows(200, 10, seed=seed)} for seed in range(3)]
    data = [{"x": batch["x"]} for batch in data]
    own = observe(model(), {"q": 4, "out": 4}, batches=data)
    config = peft.LoraConfig(
        r=4,
        target_modules=["q", "out"],
        init_lora_weights="eva",
        eva_config=peft.EvaConfig(rho=1.0, tau=0.999),
    )
    theirs: dict[str, Any] = get_eva_state_dict(
        model(),
        data,
        config,
        prepare_model_inputs_fn=None,
        prepare_layer_inputs_fn=None,
        show_progress_bar=False,
    )
    for name, components in own.items():
        same = (components.vectors[:3].float() * theirs[name][:3]).sum(1).abs()
        assert (same > 0.99).all(), (name, same)


def test_padding_does_not_count_and_the_model_is_as_it_was() -> None:
    net, data = model().train(), rows(12, 10).view(2, 6, 10)
    mask = torch.tensor([[1, 1, 1, 1, 0, 0], [1, 1, 1, 1, 1, 1]])
    batches = [{"x": data, "attention_mask": mask}]
    (found,) = observe(net, {"q": 5}, batches=batches).values()
    plain = Components(5)
    plain.add(data[mask.bool()])
    assert found.rows == 10
    assert torch.equal(found.vectors, plain.vectors)
    assert net.training
    assert not net.q._forward_pre_hooks
    assert all(parameter.grad is None for parameter in net.parameters())


def test_hooks_go_even_if_the_model_fails() -> None:
    net = model()
    with pytest.raises(RuntimeError):
        observe(net, {"q": 4}, batches=[torch.zeros(3, 7)])
    assert not net.q._forward_pre_hooks


def test_ranks_go_where_they_explain_most() -> None:
    explained = {"a": [0.9, 0.05, 0.02], "b": [0.4, 0.3, 0.2, 0.1], "c": [0.3, 0.3, 0.1]}
    given = spread_ranks(explained, {"a": 2, "b": 2, "c": 2})
    assert given == {"a": 1, "b": 3, "c": 2}
    assert spread_ranks({"a": [0.5, 0.2], "b": [0.5, 0.2]}, {"a": 1, "b": 2}) == {"a": 2, "b": 1}


def test_no_layer_gets_more_than_it_has() -> None:
    explained = {"a": [0.9, 0.8], "b": [0.1, 0.01, 0.001]}
    assert spread_ranks(explained, {"a": 2, "b": 2}) == {"a": 2, "b": 2}
