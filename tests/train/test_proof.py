from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    BertConfig,
    BertLMHeadModel,
    BloomConfig,
    MambaConfig,
    MistralConfig,
)

from verilora.errors import ModelError, RecipeError
from verilora.records.recipe import Recipe
from verilora.train.build import build
from verilora.train.proof import prove

Make = Callable[..., Recipe]
SMALL: dict[str, Any] = {"vocab_size": 24, "hidden_size": 16, "num_hidden_layers": 2}


@pytest.fixture
def with_base(make_causal: Make, tmp_path: Path) -> Callable[..., Recipe]:
    """A recipe on another kind of base."""

    def make(model: Any, *targets: str, **training: Any) -> Recipe:
        recipe = make_causal(adapter={"target_modules": list(targets)}, **training)
        model.save_pretrained(tmp_path / "base")
        build(make_causal()).tokenizer.save_pretrained(tmp_path / "base")
        return recipe.replace(model={"id": str(tmp_path / "base")})

    return make


@pytest.mark.parametrize("packing", [False, True])
@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_llama_and_gpt2_pass(make_causal: Make, kind: str, packing: bool) -> None:
    made = build(make_causal(kind, packing=packing))
    before = torch.random.get_rng_state()
    made.model.train()
    prove(made)
    assert made.model.training
    assert torch.equal(torch.random.get_rng_state(), before)


def test_fused_attention_passes_too(make_causal: Make) -> None:
    made = build(make_causal(packing=True))
    made.model.set_attn_implementation("sdpa")
    prove(made)
    assert made.model.config._attn_implementation == "sdpa"


def test_a_classifier_is_not_looked_at(make_recipe: Make) -> None:
    made = build(make_recipe())
    asked: list[object] = []
    made.model.register_forward_hook(lambda *given: asked.append(given))
    prove(made)
    assert asked == []


def test_a_base_that_reads_ahead_is_refused(with_base: Callable[..., Recipe]) -> None:
    config = BertConfig(**SMALL, num_attention_heads=2, intermediate_size=32, is_decoder=True)
    recipe = with_base(BertLMHeadModel(config), "query")
    prove(build(recipe))
    path = Path(recipe.model.id) / "config.json"
    path.write_text(path.read_text().replace('"is_decoder": true', '"is_decoder": false'))
    with pytest.raises(ModelError, match="sees tokens that are still to be foretold"):
        prove(build(recipe))


def test_a_model_with_a_state_cannot_pack(with_base: Callable[..., Recipe]) -> None:
    config = MambaConfig(**SMALL, state_size=4)
    recipe = with_base(AutoModelForCausalLM.from_config(config), "in_proj", packing=True)
    with pytest.raises(RecipeError, match="cannot keep texts in one row apart"):
        prove(build(recipe))
    prove(build(recipe.replace(training=recipe.training.replace(packing=False))))


def test_positions_that_cannot_begin_anew_cannot_pack(with_base: Callable[..., Recipe]) -> None:
    config = BloomConfig(vocab_size=24, hidden_size=16, n_layer=2, n_head=2)
    model = AutoModelForCausalLM.from_config(config)
    recipe = with_base(model, "query_key_value", packing=True)
    with pytest.raises(RecipeError, match=r"cannot keep texts in one row apart: .*; leave train"):
        prove(build(recipe))


def test_a_window_shorter_than_the_rows_cannot_pack(with_base: Callable[..., Recipe]) -> None:
    config = MistralConfig(
        **SMALL,
        intermediate_size=32,
        num_attention_heads=2,
        num_key_value_heads=2,
        sliding_window=20,
    )
    model = AutoModelForCausalLM.from_config(config)
    recipe = with_base(model, "q_proj", packing=True, max_length=24)
    with pytest.raises(RecipeError, match=r"it looks back 20 tokens, fewer than max_length \(24\)"):
        prove(build(recipe))
    prove(build(recipe.replace(training=recipe.training.replace(max_length=20))))


def test_a_head_that_reads_more_is_refused(
    make_causal: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = build(make_causal())
    forward = type(made.model).forward

    def reading_ids(self: Any, input_ids: Any, **given: Any) -> Any:
        found = forward(self, input_ids, **given)
        found.logits = found.logits + input_ids[..., None]
        return found

    monkeypatch.setattr(type(made.model), "forward", reading_ids)
    with pytest.raises(ModelError, match="reads more than the last hidden state"):
        prove(made)


def test_prompts_that_could_not_be_written_after_are_refused_at_once(make_causal: Make) -> None:
    made = build(make_causal("gpt2", generation={"max_new_tokens": 45}))
    with pytest.raises(
        RecipeError, match=r"after a prompt of . tokens, and the base reads at most 48"
    ):
        prove(made)
    prove(build(make_causal("gpt2", generation={"max_new_tokens": 40})))
