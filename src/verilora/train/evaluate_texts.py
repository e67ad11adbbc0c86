"""Evaluation of a causal language model: every token to be foretold once, then what it writes."""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Sequence
from dataclasses import replace

from verilora.data.batches import evaluation_batches
from verilora.data.encoded import Encoded
from verilora.data.metrics import Tally, loss_of_tallies, measure_language
from verilora.data.written import Written, measure_written
from verilora.records.events import Evaluating
from verilora.train.build import Build
from verilora.train.evaluation import Evaluation, TextAnswer, evaluation_mode
from verilora.train.generate import generating
from verilora.train.language import tallies_of

BATCH_SIZE = 32
"""Texts per forward pass at most. Fixed: the last bits of a likelihood depend on it."""
TOKENS = 8192
"""Tokens per forward pass at most, so that long texts take no more memory than many short ones."""


def evaluating_texts(build: Build, encoded: Encoded) -> Generator[Evaluating, None, Evaluation]:
    """Loss, metrics and a tally for each example; pieces of a text count together.

    Texts are one to a row, packed or not while training, and labels are not smoothed.
    """
    began = time.perf_counter()
    batches = evaluation_batches(encoded.lengths, batch_size=BATCH_SIZE, tokens=TOKENS)
    pieces: dict[int, Tally] = {}
    with evaluation_mode(build.model):
        for done, indices in enumerate(batches, 1):
            found = tallies_of(build, encoded, indices=indices)
            pieces.update(zip(indices, found, strict=True))
            yield Evaluating(done, len(batches))
    texts = _whole(encoded, [pieces[index] for index in range(len(pieces))])
    tallies = [text.tally for text in texts]
    metrics = measure_language(build.task.foretold, tallies)
    return Evaluation(
        loss=loss_of_tallies(tallies),
        predictions=[],
        scores=[],
        metrics=metrics,
        seconds=time.perf_counter() - began,
        texts=texts,
    )


def writing(build: Build, evaluation: Evaluation) -> Generator[Evaluating, None, Evaluation]:
    """The evaluation of the validation set with what the model writes after its prompts.

    As the recipe's [generation] says; without one nothing is written. A prompt that several
    examples share is written on once, and scored against all of their completions.
    """
    section = build.recipe.generation
    if section is None:
        return evaluation
    prompts = prompts_of(build.validation)
    wanted = list(dict.fromkeys(prompts.values()))[: section.limit]
    written = yield from generating(build, wanted, section=section)
    answers = dict(zip(wanted, written, strict=True))
    texts = tuple(
        replace(text, generated=answers.get(prompts[text.id])) for text in evaluation.texts
    )
    scores = (
        measure_written(build.task.written, pairs_of(build, texts)) if build.task.written else {}
    )
    return replace(evaluation, texts=texts, metrics={**evaluation.metrics, **scores})


def prompts_of(encoded: Encoded) -> dict[str, tuple[int, ...]]:
    """Of each example by its id: the token ids that an answer is written after."""
    place = {name: index for index, name in enumerate(encoded.example_ids)}
    return {name: tuple(encoded.prompt(place[name])) for name in encoded.examples}


def pairs_of(build: Build, texts: Sequence[TextAnswer]) -> list[Written]:
    """The prompt and the completion of each example of the validation set that was written on."""
    examples = {example.id: example.texts for example in build.dataset.validation}
    return [
        Written(examples[text.id][0], examples[text.id][-1], text.generated)
        for text in texts
        if text.generated is not None
    ]


def _whole(encoded: Encoded, tallies: Sequence[Tally]) -> tuple[TextAnswer, ...]:
    gathered: dict[str, list[Tally]] = {}
    for name, tally in zip(encoded.example_ids, tallies, strict=True):
        gathered.setdefault(name, []).append(tally)
    return tuple(
        TextAnswer(
            name,
            Tally(
                tokens=sum(one.tokens for one in own),
                log_likelihood=math.fsum(one.log_likelihood for one in own),
                correct=sum(one.correct for one in own),
            ),
        )
        for name, own in gathered.items()
    )
