from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from transformers import GenerationConfig

from verilora.errors import DataError, RecipeError
from verilora.records.events import Evaluating
from verilora.records.recipe import GenerationSection, Recipe
from verilora.train import generate as module
from verilora.train.build import Build, build
from verilora.train.generate import configured, generate

Make = Callable[..., Recipe]
GREEDY = GenerationSection(max_new_tokens=6)


@pytest.fixture(params=["llama", "gpt2"])
def writer(request: Any, make_causal: Make) -> Build:
    """A model whose logits lie far apart, so that it writes something of its own."""
    made = build(make_causal(request.param, precision="float32"))
    for parameter in made.model.parameters():
        if parameter.dim() > 1:
            parameter.data *= 12
    return made


def prompts_of(made: Build, count: int = 9) -> list[list[int]]:
    return [made.validation.prompt(index) for index in range(count)]


def by_hand(made: Build, prompt: list[int], steps: int) -> str:
    ids = list(prompt)
    made.model.eval()
    with torch.no_grad():
        for _ in range(steps):
            likeliest = made.model(torch.tensor([ids])).logits[0, -1].argmax().item()
            if likeliest in made.validation.stops:
                break
            ids.append(int(likeliest))
    return made.tokenizer.decode(ids[len(prompt) :], skip_special_tokens=True)


def test_greedy_is_the_likeliest_token_each_time(writer: Build) -> None:
    prompts = prompts_of(writer)
    found = generate(writer, prompts, section=GREEDY)
    assert found == [by_hand(writer, prompt, 6) for prompt in prompts]
    assert len(set(found)) > 1


def test_greedy_does_not_depend_on_the_batch(
    writer: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompts = prompts_of(writer, 12)
    together = generate(writer, prompts, section=GREEDY)
    alone = [generate(writer, [prompt], section=GREEDY)[0] for prompt in prompts]
    monkeypatch.setattr(module, "BATCH_SIZE", 5)
    heard: list[object] = []
    assert generate(writer, prompts, section=GREEDY, listen=heard.append) == together == alone
    assert heard == [Evaluating(1, 3), Evaluating(2, 3), Evaluating(3, 3)]


def test_beams_find_the_likeliest_of_all(make_causal: Make) -> None:
    made = build(make_causal("gpt2"))
    for parameter in made.model.parameters():
        parameter.data *= 3
    prompt = prompts_of(made, 1)[0]
    made.model.eval()
    everything = GenerationSection(max_new_tokens=2, beams=48, length_penalty=0.0)
    found = generate(made, [prompt], section=everything)[0]
    likelihoods = dict(of_two_tokens(made, prompt))
    best = max(likelihoods, key=lambda ids: likelihoods[ids])
    assert found == made.tokenizer.decode(best, skip_special_tokens=True)


@torch.no_grad()
def of_two_tokens(made: Build, prompt: list[int]) -> Iterator[tuple[tuple[int, ...], float]]:
    """Every answer of at most two tokens, up to what ends it, and its log-likelihood."""
    stops = made.validation.stops
    first = made.model(torch.tensor([prompt])).logits[0, -1].log_softmax(-1)
    for one, value in enumerate(first.tolist()):
        if one in stops:
            yield (), value
            continue
        second = made.model(torch.tensor([[*prompt, one]])).logits[0, -1].log_softmax(-1)
        for two, more in enumerate(second.tolist()):
            yield (one,) if two in stops else (one, two), value + more


def test_no_tokens_are_said_again(writer: Build) -> None:
    writer.tokenizer.decode = lambda ids, **_: " ".join(map(str, ids))
    free = generate(writer, prompts_of(writer), section=GenerationSection(max_new_tokens=10))
    section = GenerationSection(max_new_tokens=10, no_repeat_ngram_size=2)
    bound = generate(writer, prompts_of(writer), section=section)

    def pairs(text: str) -> list[tuple[str, str]]:
        return list(itertools.pairwise(text.split()))

    assert all(len(pairs(text)) == len(set(pairs(text))) for text in bound)
    assert free != bound


def test_what_the_prompt_says_may_be_said(writer: Build) -> None:
    prompts = prompts_of(writer)
    free = generate(writer, prompts, section=GREEDY)
    # Each answer once more, with itself in the prompt's place: the same words are still allowed.
    once = GenerationSection(max_new_tokens=1, no_repeat_ngram_size=1)
    said = [by_hand(writer, prompt, 1) for prompt in prompts]
    assert generate(writer, prompts, section=once) == said
    assert free != [""] * len(free)


def test_settings_that_came_with_the_base_change_nothing(writer: Build) -> None:
    wanted = generate(writer, prompts_of(writer), section=GREEDY)
    theirs = GenerationConfig(repetition_penalty=9.0, min_new_tokens=5, max_length=3)
    writer.model.generation_config = theirs
    assert generate(writer, prompts_of(writer), section=GREEDY) == wanted
    assert writer.model.generation_config is theirs


def test_every_choice_is_made() -> None:
    section = GenerationSection(max_new_tokens=7, beams=4, length_penalty=0.9)
    config = configured(section, stops=(5, 6))
    assert (config.num_beams, config.length_penalty, config.early_stopping) == (4, 0.9, "never")
    assert (config.eos_token_id, config.pad_token_id, config.max_new_tokens) == ([5, 6], 0, 7)
    assert config.do_sample is False
    assert configured(GREEDY, stops=()).eos_token_id is None


def test_the_mode_and_the_random_state_stay(writer: Build) -> None:
    writer.model.train()
    before = torch.random.get_rng_state()
    generate(writer, prompts_of(writer, 2), section=GREEDY)
    assert writer.model.training
    assert torch.equal(torch.random.get_rng_state(), before)


def test_what_is_too_long_or_empty_is_refused_before_anything_is_written(writer: Build) -> None:
    limit = writer.model.config.max_position_embeddings
    section = GenerationSection(max_new_tokens=limit)
    with pytest.raises(RecipeError, match=f"reads at most {limit}; set it to {limit - 3} or less"):
        generate(writer, [[0, 9, 9]], section=section)
    with pytest.raises(DataError, match="a prompt is empty"):
        generate(writer, [[0], []], section=GREEDY)


def test_beams_count_for_the_batch(writer: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH_SIZE", 7)
    heard: list[object] = []
    section = GenerationSection(max_new_tokens=2, beams=3)
    generate(writer, prompts_of(writer, 4), section=section, listen=heard.append)
    assert heard == [Evaluating(1, 2), Evaluating(2, 2)]
