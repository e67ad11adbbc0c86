"""Evaluation of a causal language model: every token to be foretold once, then what it writes."""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Sequence
from dataclasses import replace

from verilora.data.batches import evaluation_batches
from verilora.data.encoded import Encoded
from verilora.data.metrics import Tally, loss_of_tallies, measure_language
from verilora.records.events import Evaluating
from verilora.train.build import Build
from verilora.train.evaluation import Evaluation, TextAnswer, evaluation_mode
from verilora.train.generate import generating
from verilora.train.language import tallies_of

BATCH_SIZE = 32
"""Texts per forward pass. Fixed: the last bits of a likelihood depend on it."""


def evaluating_texts(build: Build, encoded: Encoded) -> Generator[Evaluating, None, Evaluation]:
    """Loss, metrics and a tally for each example; pieces of a text count together.

    Texts are one to a row, packed or not while training, and labels are not smoothed.
    """
    began = time.perf_counter()
    batches = evaluation_batches(encoded.lengths, batch_size=BATCH_SIZE)
    pieces: dict[int, Tally] = {}
    with evaluation_mode(build.model):
        for done, indices in enumerate(batches, 1):
            found = tallies_of(build, encoded, indices=indices)
            pieces.update(zip(indices, found, strict=True))
            yield Evaluating(done, len(batches))
    texts = _whole(encoded, [pieces[index] for index in range(len(pieces))])
    tallies = [text.tally for text in texts]
    metrics = measure_language(build.task.metrics, tallies)
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

    As the recipe's [generation] says; without one nothing is written.
    """
    section, encoded = build.recipe.generation, build.validation
    if section is None:
        return evaluation
    wanted = encoded.examples[: section.limit]
    place = {name: index for index, name in enumerate(encoded.example_ids)}
    prompts = [encoded.prompt(place[name]) for name in wanted]
    written = yield from generating(build, prompts, section=section)
    by_id = dict(zip(wanted, written, strict=True))
    texts = tuple(replace(text, generated=by_id.get(text.id)) for text in evaluation.texts)
    return replace(evaluation, texts=texts)


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
