from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from verilora.errors import SelfCheckError
from verilora.lora.update import LowRankUpdate
from verilora.records.events import SelfChecked
from verilora.train.loop import train
from verilora.train.selfcheck import verify_frozen
from verilora.train.session import Session

QUERY = "bert.encoder.layer.1.attention.self.query"


def run(session: Session) -> list[Any]:
    return list(train(session))


def refused(session: Session) -> SelfCheckError:
    with pytest.raises(SelfCheckError) as caught:
        run(session)
    assert caught.value.facts["path"] in str(caught.value)
    return caught.value


@pytest.mark.parametrize(("method", "count"), [("lora", 4), ("head", 3), ("full", 3)])
def test_a_sound_run_passes_after_three_steps(
    opened: Callable[..., Session], method: str, count: int
) -> None:
    (checked,) = [e for e in run(opened(method=method, epochs=1)) if isinstance(e, SelfChecked)]
    assert checked.step == 3
    assert len(checked.checks) == count


def test_a_run_of_one_step_is_checked_too(opened: Callable[..., Session]) -> None:
    (checked,) = [e for e in run(opened(max_steps=1)) if isinstance(e, SelfChecked)]
    assert checked.step == 1


def test_a_frozen_adapter_is_named(opened: Callable[..., Session]) -> None:
    session = opened()
    session.build.model.get_submodule(QUERY).lora.requires_grad_(False)
    error = refused(session)
    assert (error.facts["path"], error.facts["check"]) == (QUERY, "every adapter moved")
    assert "requires_grad is False" in str(error)


def test_an_adapter_outside_the_graph_is_named(opened: Callable[..., Session]) -> None:
    session = opened()
    module = session.build.model.get_submodule(QUERY)
    module.forward = lambda x: nn.functional.linear(x, module.weight, module.bias)
    assert "no gradient reaches it" in str(refused(session))


def test_an_adapter_without_an_optimizer_is_named(opened: Callable[..., Session]) -> None:
    session = opened()
    updates = {id(p) for p in session.build.model.get_submodule(QUERY).lora.parameters()}
    for group in session.optimizer.param_groups:
        group["params"] = [p for p in group["params"] if id(p) not in updates]
    assert "no optimiser holds it" in str(refused(session))


def test_an_adapter_with_values_that_stands_still_is_named(
    opened: Callable[..., Session],
) -> None:
    session = opened()
    for module in session.build.model.modules():
        if isinstance(module, LowRankUpdate):
            module.B.data += 0.1
    updates = {id(p) for p in session.build.model.get_submodule(QUERY).lora.parameters()}
    for group in session.optimizer.param_groups:
        group["params"] = [p for p in group["params"] if id(p) not in updates]
    error = refused(session)
    assert "after 3 steps what it was at the start" in str(error)
    assert (error.facts["path"], error.facts["check"]) == (QUERY, "every adapter moved")


@pytest.mark.parametrize("how", ["data", "in place", "one bit"])
def test_a_changed_base_weight_is_named(opened: Callable[..., Session], how: str) -> None:
    session = opened()
    name = "bert.encoder.layer.0.output.dense"
    module = session.build.model.get_submodule(name)

    def change(*_: Any) -> None:
        if how == "data":
            module.weight.data.mul_(1.0001)  # leaves the parameter's version as it was
        elif how == "in place":
            with torch.no_grad():
                module.weight.add_(1e-3)
        else:
            module.weight.data.view(torch.int32)[3, 5] ^= 1

    module.register_forward_pre_hook(change)
    error = refused(session)
    assert error.facts["path"] == f"{name}.weight"
    assert error.facts["check"] == "no frozen weight changed"
    assert error.facts["step"] == 3


def test_a_base_weight_that_changes_later_is_found_at_the_end(
    opened: Callable[..., Session],
) -> None:
    session = opened(epochs=1)
    weight = session.build.model.bert.embeddings.word_embeddings.weight
    events = train(session)
    with pytest.raises(SelfCheckError, match="changed by step 8"):
        for event in events:
            if getattr(event, "step", 0) == 6:
                weight.data[4] += 1


def test_a_gradient_that_is_nan_is_named(opened: Callable[..., Session]) -> None:
    session = opened()
    parameter = session.trained[f"{QUERY}.lora.weight.B"]
    parameter.register_hook(lambda gradient: gradient * float("nan"))
    error = refused(session)
    assert error.facts["check"] == "gradients are finite"
    assert error.facts["path"].startswith(QUERY)


def test_a_head_that_stands_still_is_named(opened: Callable[..., Session]) -> None:
    session = opened()
    head = {id(p) for p in session.build.model.classifier.parameters()}
    for group in session.optimizer.param_groups:
        group["params"] = [p for p in group["params"] if id(p) not in head]
    error = refused(session)
    assert (error.facts["path"], error.facts["check"]) == ("classifier", "the head is trained")


def test_a_sound_base_is_let_pass_at_any_time(opened: Callable[..., Session]) -> None:
    session = opened()
    verify_frozen(session)
    session.build.model.classifier.weight.data += 1  # trained: may change
    verify_frozen(session)
    session.build.model.bert.pooler.dense.bias.data += 1
    with pytest.raises(SelfCheckError, match=r"bert\.pooler\.dense\.bias"):
        verify_frozen(session)


def test_a_first_factor_that_is_frozen_must_stay(opened: Callable[..., Session]) -> None:
    (checked,) = [e for e in run(opened(frozen_a=True)) if isinstance(e, SelfChecked)]
    assert "every adapter moved" in checked.checks
    session = opened(frozen_a=True)
    update = session.build.model.get_submodule(QUERY).lora["weight"]
    events = train(session)
    for event in events:
        if getattr(event, "step", 0) == 1:
            update.A.data.add_(1e-3)
            break
    with pytest.raises(SelfCheckError, match=r"is frozen .training.frozen_a., and has changed"):
        list(events)
    assert session.step == 3


def test_weights_that_a_start_replaced_are_watched_too(opened: Callable[..., Session]) -> None:
    session = opened(adapter={"init": "loftq"})
    module = session.build.model.get_submodule(QUERY)
    verify_frozen(session)
    module._parameters["weight"].data[0, 0] += 1
    with pytest.raises(SelfCheckError, match=f"the frozen weight {QUERY}.weight has changed"):
        verify_frozen(session)
