"""What many adapters write after their prompts, several in one batch."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from transformers import GenerationConfig

from verilora.data.batches import evaluation_batches
from verilora.errors import ConfigError
from verilora.serve.bank import AdapterBank

Prompt = tuple[Sequence[int], str | None]
"""Token ids, and the adapter that writes on."""


@dataclass(frozen=True)
class Writing:
    """How texts are written: greedily, or by beams; never by chance."""

    max_new_tokens: int = 64
    beams: int = 1
    batch_size: int = 16
    """Prompts written on together."""

    def __post_init__(self) -> None:
        faults = [
            f"{name} is {value}; at least 1 is wanted"
            for name, value in vars(self).items()
            if value < 1
        ]
        if faults:
            raise ConfigError("generate", faults)


def write_on(
    bank: AdapterBank,
    tokenizer: Any,
    *,
    prompts: Sequence[Prompt],
    writing: Writing,
    listen: Callable[[int], None] | None = None,
) -> list[str]:
    """The text after each prompt, in their order, without special tokens.

    The longest prompts come first, padded on the left; in a batch those of one adapter stand
    together. Ends at the base's own end tokens. `listen` is told how many are written.
    Raises ConfigError if prompt and answer are longer than what the base reads.
    """
    model: Any = bank.model
    _refuse_too_long(model, prompts, writing=writing)
    settings = _settings(model, tokenizer, writing=writing)
    written, done = [""] * len(prompts), 0
    lengths = [len(ids) for ids, _ in prompts]
    with _own_settings(model):
        for batch in evaluation_batches(lengths, writing.batch_size):
            batch.sort(key=lambda index: (prompts[index][1] or "", index))
            chosen = [prompts[index] for index in batch]
            for index, ids in zip(batch, _write(bank, chosen, settings=settings), strict=True):
                written[index] = tokenizer.decode(
                    ids, skip_special_tokens=True, clean_up_tokenization_spaces=False
                )
            done += len(batch)
            if listen is not None:
                listen(done)
    return written


@torch.no_grad()
def _write(
    bank: AdapterBank, prompts: Sequence[Prompt], *, settings: GenerationConfig
) -> list[list[int]]:
    model: Any = bank.model
    longest, pad = max(len(ids) for ids, _ in prompts), settings.pad_token_id
    rows = [[*[pad] * (longest - len(ids)), *ids] for ids, _ in prompts]
    seen = [[0] * (longest - len(ids)) + [1] * len(ids) for ids, _ in prompts]
    with bank.route([name for _, name in prompts]):
        made = model.generate(
            input_ids=torch.tensor(rows, device=model.device),
            attention_mask=torch.tensor(seen, device=model.device),
            generation_config=settings,
        )
    ends: Any = settings.eos_token_id or ()
    return [_until(row[longest:], ends) for row in made.tolist()]


def _until(ids: list[int], ends: Collection[int]) -> list[int]:
    return ids[: next((place for place, one in enumerate(ids) if one in ends), len(ids))]


def _settings(model: Any, tokenizer: Any, *, writing: Writing) -> GenerationConfig:
    own = getattr(model, "generation_config", None)
    ends = getattr(own, "eos_token_id", None)
    ends = [ends] if isinstance(ends, int) else list(ends or ())
    if tokenizer.eos_token_id is not None and tokenizer.eos_token_id not in ends:
        ends.append(tokenizer.eos_token_id)
    # Any id will do where a tokenizer has none to fill up with, since it is masked.
    pad = next((i for i in (tokenizer.pad_token_id, *ends, 0) if i is not None), 0)
    # Beams go on until none that is open could still win: the definition, not a short cut.
    beams: dict[str, Any] = {"early_stopping": "never"} if writing.beams > 1 else {}
    return GenerationConfig(
        max_new_tokens=writing.max_new_tokens,
        do_sample=False,
        num_beams=writing.beams,
        eos_token_id=ends or None,
        pad_token_id=pad,
        use_cache=True,
        **beams,
    )


@contextmanager
def _own_settings(model: Any) -> Iterator[None]:
    """transformers fills what a configuration leaves open from the base's own; here from none."""
    before = model.generation_config
    model.generation_config = GenerationConfig()
    try:
        yield
    finally:
        model.generation_config = before


def _refuse_too_long(model: Any, prompts: Sequence[Prompt], *, writing: Writing) -> None:
    longest = max(len(ids) for ids, _ in prompts)
    limit = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    if limit is not None and longest + writing.max_new_tokens > limit:
        room = limit - longest
        advice = f"set it to {room} or less" if room > 0 else "shorten the prompts"
        raise ConfigError(
            "generate",
            [
                f"max_new_tokens is {writing.max_new_tokens}, after a prompt of {longest} tokens, "
                f"and the base reads at most {limit}; {advice}"
            ],
        )
