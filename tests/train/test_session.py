from __future__ import annotations

from collections.abc import Callable

import pytest
from torch import nn
from transformers.models.bert.modeling_bert import BertPreTrainedModel

from verilora.errors import RecipeError
from verilora.train.session import Session
from verilora.train.step import take_step


def dropouts(session: Session) -> dict[str, bool]:
    modules = session.build.model.named_modules()
    return {path: m.training for path, m in modules if isinstance(m, nn.Dropout)}


def test_the_optimizer_holds_what_is_trained_and_nothing_else(
    opened: Callable[..., Session],
) -> None:
    session = opened()
    held = {id(p) for group in session.optimizer.param_groups for p in group["params"]}
    assert held == {id(p) for p in session.trained.values()}
    assert held == {id(p) for p in session.build.model.parameters() if p.requires_grad}


@pytest.mark.parametrize("method", ["lora", "full"])
def test_dropout_works_everywhere(opened: Callable[..., Session], method: str) -> None:
    assert all(dropouts(opened(method=method)).values())


def test_a_frozen_base_drops_nothing_out(opened: Callable[..., Session]) -> None:
    found = dropouts(opened(method="head"))
    assert found.pop("dropout")
    assert found
    assert not any(found.values())


def test_a_session_is_finished_after_its_steps_or_by_early_stopping(
    opened: Callable[..., Session],
) -> None:
    session = opened(max_steps=3)
    assert not session.finished
    session.step = 3
    assert session.finished
    session = opened(early_stopping=1)
    session.choice.consider(1, 5.0)
    assert not session.finished
    session.choice.consider(2, 4.0)
    assert session.finished


@pytest.mark.parametrize(("checkpointing", "passes"), [(False, 1), (True, 2)])
def test_gradient_checkpointing_computes_each_layer_again(
    opened: Callable[..., Session], checkpointing: bool, passes: int
) -> None:
    session = opened(gradient_checkpointing=checkpointing)
    assert session.build.model.config.use_cache is not checkpointing
    calls = []
    layer = session.build.model.bert.encoder.layer[0].intermediate.dense
    layer.register_forward_pre_hook(lambda *_: calls.append(1))
    take_step(session, range(4))
    assert len(calls) == passes


def test_a_base_that_cannot_be_checkpointed_is_a_recipe_error(
    opened: Callable[..., Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BertPreTrainedModel, "supports_gradient_checkpointing", False)
    monkeypatch.setattr(
        BertPreTrainedModel, "supports_activation_checkpointing", False, raising=False
    )
    with pytest.raises(RecipeError, match="gradient_checkpointing is true"):
        opened(gradient_checkpointing=True)
