"""Texts are those of each adapter alone, whatever shares their batch, in the order asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from verilora import AdapterBank, load_adapter
from verilora.errors import ConfigError
from verilora.serve.generate import Prompt, Writing, write_on

PROMPTS: list[Prompt] = [
    ([1, 4, 5], "a"),
    ([1, 6], None),
    ([1, 4, 5], "b"),
    ([1, 7, 8, 9, 4], "a"),
    ([1, 9], "b"),
]


@pytest.fixture
def bank(tiny: SimpleNamespace, write: Callable[..., Path]) -> SimpleNamespace:
    config = {"rank": 2, "alpha": 8, "target_modules": ["q_proj", "up_proj"]}
    found = {name: write(name, tiny.llama(), **config) for name in "ab"}
    model = tiny.llama()
    bank = AdapterBank(model)
    for name, directory in found.items():
        bank.load(name, directory)
    return SimpleNamespace(bank=bank, model=model, found=found)


def lone(
    tiny: SimpleNamespace, bank: SimpleNamespace, tokenizer: Any, prompt: Prompt, *, beams: int
) -> str:
    """By transformers alone, one prompt and one adapter."""
    ids, name = prompt
    model = tiny.llama() if name is None else load_adapter(tiny.llama(), bank.found[name])
    more = {"early_stopping": "never"} if beams > 1 else {}
    made = model.generate(
        input_ids=torch.tensor([ids]),
        attention_mask=torch.ones(1, len(ids), dtype=torch.int64),
        max_new_tokens=7,
        do_sample=False,
        num_beams=beams,
        eos_token_id=2,
        pad_token_id=0,
        **more,
    )
    return tokenizer.decode(made[0, len(ids) :], skip_special_tokens=True)


@pytest.mark.parametrize("beams", [1, 3])
@pytest.mark.parametrize("size", [1, 2, 16])
def test_each_text_is_that_of_its_adapter_alone(
    size: int, beams: int, bank: SimpleNamespace, tiny: SimpleNamespace, tokenizer: Any
) -> None:
    heard: list[int] = []
    found = write_on(
        bank.bank,
        tokenizer,
        prompts=PROMPTS,
        writing=Writing(7, beams, size),
        listen=heard.append,
    )
    wanted = [lone(tiny, bank, tokenizer, one, beams=beams) for one in PROMPTS]
    assert found == wanted and len(set(wanted)) > 2
    assert heard[-1] == len(PROMPTS) and len(heard) == -(-len(PROMPTS) // size)


def test_settings_that_came_with_the_base_change_nothing(
    bank: SimpleNamespace, tokenizer: Any
) -> None:
    def texts() -> list[str]:
        writing = Writing(7)
        return write_on(bank.bank, tokenizer, prompts=PROMPTS, writing=writing)

    before = texts()
    own = bank.model.generation_config
    own.repetition_penalty, own.no_repeat_ngram_size = 5.0, 1
    assert texts() == before and bank.model.generation_config is own


def test_what_cannot_be_written_is_refused(bank: SimpleNamespace, tokenizer: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        Writing(0, -1, 2)
    assert len(caught.value.faults) == 2
    bank.model.config.max_position_embeddings = 9
    with pytest.raises(ConfigError, match="set it to 4 or less"):
        write_on(bank.bank, tokenizer, prompts=PROMPTS, writing=Writing(5))
    bank.model.config.max_position_embeddings = 5
    with pytest.raises(ConfigError, match="shorten the prompts"):
        write_on(bank.bank, tokenizer, prompts=PROMPTS, writing=Writing(5))
