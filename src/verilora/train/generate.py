"""What a causal language model writes after a prompt: greedily, or by beams.

By transformers' own `generate`, with every choice that it leaves open made here, so that no setting
that came with a base (a temperature, a penalty) changes a result unseen.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator, Sequence
from typing import Any

import torch
from transformers import GenerationConfig, LogitsProcessor, NoRepeatNGramLogitsProcessor

from verilora.data.batches import evaluation_batches
from verilora.data.packing import FILL
from verilora.errors import DataError, RecipeError
from verilora.records.events import Evaluating
from verilora.records.recipe import GenerationSection
from verilora.train.build import Build
from verilora.train.evaluation import Listen, evaluation_mode, heard

BATCH_SIZE = 32
"""Answers written together: one to a prompt, or as many as there are beams."""


def generate(
    build: Build,
    prompts: Sequence[Sequence[int]],
    *,
    section: GenerationSection,
    listen: Listen | None = None,
) -> list[str]:
    """What the build's model writes after each prompt (token ids), in their order.

    Ends at one of the ids that end an example (`Encoded.stops`), which is left out as all special
    tokens are, or after `max_new_tokens`. Prompts of like length share a batch, padded on the left.
    Raises DataError for an empty prompt, RecipeError if prompt and answer are longer than what the
    base reads.
    """
    return heard(generating(build, prompts, section=section), listen)


def generating(
    build: Build, prompts: Sequence[Sequence[int]], *, section: GenerationSection
) -> Generator[Evaluating, None, list[str]]:
    """As `generate`, with one event per batch."""
    refuse_prompts(build, prompts, section=section)
    lengths = [len(prompt) for prompt in prompts]
    batches = evaluation_batches(lengths, batch_size=max(1, BATCH_SIZE // section.beams))
    config = configured(section, stops=build.validation.stops)
    written = [""] * len(prompts)
    with evaluation_mode(build.model), _own_settings(build.model):
        for done, indices in enumerate(batches, 1):
            chosen, size = [prompts[index] for index in indices], section.no_repeat_ngram_size
            answers = _write(build, chosen, config=config, size=size)
            for index, answer in zip(indices, answers, strict=True):
                written[index] = answer
            yield Evaluating(done, len(batches))
    return written


def configured(section: GenerationSection, *, stops: Sequence[int]) -> GenerationConfig:
    """Every setting of transformers' `generate` that a recipe's [generation] decides."""
    beams: dict[str, Any] = {"num_beams": 1}
    if section.beams > 1:
        # Beams go on until none that is open could still win: the definition, not a short cut.
        beams = {
            "num_beams": section.beams,
            "length_penalty": section.length_penalty,
            "early_stopping": "never",
        }
    return GenerationConfig(
        max_new_tokens=section.max_new_tokens,
        do_sample=False,
        eos_token_id=list(stops) or None,
        pad_token_id=FILL,
        use_cache=True,
        **beams,
    )


class _NewInAnswer(LogitsProcessor):
    """No `size` tokens in a row twice in the answer, which begins at `start`.

    transformers' own rule also counts what stands in the prompt, so that an answer could not name
    in `size` tokens what it was asked about.
    """

    def __init__(self, size: int, start: int) -> None:
        self._rule: Any = NoRepeatNGramLogitsProcessor(size)
        self._start = start

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        return self._rule(input_ids[:, self._start :], scores)


def _write(
    build: Build, prompts: Sequence[Sequence[int]], *, config: GenerationConfig, size: int
) -> list[str]:
    """`size` tokens in a row are never written twice; 0 forbids nothing."""
    longest = max(map(len, prompts))
    ids = [[*[FILL] * (longest - len(prompt)), *prompt] for prompt in prompts]
    seen = [[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts]
    low = build.recipe.training.precision == "bfloat16"
    model: Any = build.model
    with torch.no_grad(), torch.autocast(build.device.type, torch.bfloat16, enabled=low):
        made = model.generate(
            input_ids=torch.tensor(ids, device=build.device),
            attention_mask=torch.tensor(seen, device=build.device),
            generation_config=config,
            logits_processor=[_NewInAnswer(size, longest)] if size else [],
        )
    return [_told(build, row[longest:], stops=config.eos_token_id) for row in made.tolist()]


def _told(build: Build, ids: list[int], *, stops: Any) -> str:
    ends = (place for place, one in enumerate(ids) if one in (stops or ()))
    return build.tokenizer.decode(
        ids[: next(ends, len(ids))], skip_special_tokens=True, clean_up_tokenization_spaces=False
    )


@contextlib.contextmanager
def _own_settings(model: Any) -> Iterator[None]:
    """transformers fills what a configuration leaves open from the base's own; here from none."""
    before = model.generation_config
    model.generation_config = GenerationConfig()
    try:
        yield
    finally:
        model.generation_config = before


def refuse_prompts(
    build: Build, prompts: Sequence[Sequence[int]], *, section: GenerationSection
) -> None:
    """Raises what `generate` raises, before anything is written."""
    if not all(prompts):
        raise DataError(
            "a prompt is empty, and the tokenizer begins no text with a token of its own: there is "
            "nothing to write after; give it a first word",
            file=None,
            line=None,
        )
    longest = max(map(len, prompts))
    limit = getattr(build.model.config.get_text_config(), "max_position_embeddings", None)
    if limit is not None and longest + section.max_new_tokens > limit:
        raise RecipeError(
            f"recipe '{build.recipe.name}'",
            [
                f"generation.max_new_tokens is {section.max_new_tokens}, after a prompt of "
                f"{longest} tokens, and the base reads at most {limit}; set it to "
                f"{limit - longest} or less, or training.max_length lower"
            ],
        )
