"""The recipe e2e-stories260k on the real E2E NLG, three seeds, beside what its base does alone.

Each run takes some minutes of one core; runs that are finished already are read, not repeated, and
one that was stopped goes on. With --e2e-outputs FILE nothing is trained: the texts of another
system (two columns with a tab between, MR and output) are scored on the test set; with --e2e-words
the words of all texts are held against those of the Java tokenizer that the challenge uses.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
from collections.abc import Mapping
from pathlib import Path

import torch
import transformers

from verilora.atomic import write_whole
from verilora.data.e2e import prompt_of, read_e2e
from verilora.data.written import Written, measure_written
from verilora.errors import MissingExtraError
from verilora.recipes import catalog
from verilora.records.recipe import Recipe
from verilora.records.run import Run
from verilora.scores.measure import SCORES, refuse_unready
from verilora.scores.meteor_java import find_program
from verilora.scores.words import words_of
from verilora.train.build import build
from verilora.train.evaluate import complete, evaluate
from verilora.train.run import run, thread_count

SEEDS = (0, 1, 2)
SHOWN = ("loss", "bleu", "nist", "meteor_exact_stem", "rouge_l", "cider")
STRUCK_OUT = {"''", "'", "``", "`", ".", "?", "!", ",", ":", "-", "--", "...", ";"}
"""Tokens that the caption scorers leave out."""
GOAL = 0.5
"""Of the base's own loss, what every seed must come to at most."""


def main(arguments: argparse.Namespace) -> None:
    """Trains or scores, prints one line each, and writes the table of what was trained."""
    data, base = Path(arguments.e2e), Path(arguments.stories)
    if not data.is_dir():
        print(f"e2e: not measured, there is no {data} (say --e2e DIR)")
    elif arguments.e2e_words:
        _words(data)
    elif arguments.e2e_outputs:
        _score(data, Path(arguments.e2e_outputs))
    elif not base.is_dir():
        print(f"e2e: not measured, there is no {base} (say --stories DIR)")
    else:
        _compare(data, base, out=Path(arguments.out))


def _score(data: Path, file: Path) -> None:
    """Another system's texts against the test set, all scores that can be had here."""
    lines = file.read_text("utf-8-sig").splitlines()[1:]
    rows = (line.replace('"', "").split("\t") for line in lines if "\t" in line)
    outputs = {prompt_of(row[0]): row[1] for row in rows}
    examples = read_e2e(data, "test").validation
    written = [Written(*one.texts, outputs[one.texts[0]]) for one in examples]
    names = [name for name in SCORES if _is_ready(name)]
    print(_told(file.name, measure_written(names, written)))


def _words(data: Path) -> None:
    """How many of all texts are cut into other words than by PTBTokenizer."""
    java, meteor = find_program()
    jar = meteor.parents[1] / "tokenizer" / "stanford-corenlp-3.4.1.jar"
    test = read_e2e(data, "test")
    examples = (*test.train, *test.validation, *read_e2e(data).validation)
    texts = sorted({example.texts[1] for example in examples})
    tokenizer = "edu.stanford.nlp.process.PTBTokenizer"
    done = subprocess.run(
        [java, "-cp", str(jar), tokenizer, "-preserveLines", "-lowerCase"],
        input="".join(f"{text}\n" for text in texts),
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    pairs = zip(texts, done.stdout.splitlines(), strict=True)
    differing = [text for text, line in pairs if words_of(text) != _kept(line)]
    print(f"words: {len(differing)} of {len(texts):,} different texts are cut otherwise")
    for text in differing[:5]:
        print(f"  {text}")


def _kept(line: str) -> list[str]:
    return [word for word in line.split() if word not in STRUCK_OUT]


def _is_ready(name: str) -> bool:
    try:
        refuse_unready([name])
    except MissingExtraError:
        return False
    return True


def _compare(data: Path, base: Path, *, out: Path) -> None:
    alone = _base(_recipe(data, base))
    print(_told("base", alone))
    runs = [_train(_recipe(data, base, seed=seed), out / f"e2e-seed{seed}") for seed in SEEDS]
    found = [{name: one.metrics[name].value for name in SHOWN} for one in runs]
    for seed, one, values in zip(SEEDS, runs, found, strict=True):
        print(f"{_told(f'seed {seed}', values)}, {one.timings.train_seconds:.0f} s")
    means = {name: statistics.mean(one[name] for one in found) for name in SHOWN}
    print(_told("mean", means))
    _write(alone["loss"], [one["loss"] for one in found])


def _recipe(data: Path, base: Path, *, seed: int = 0) -> Recipe:
    settings = [f'task.data="{data}"', f'model.id="{base}"', f"training.seed={seed}"]
    return catalog.load("e2e-stories260k", [*settings, "training.threads=1"])


def _base(recipe: Recipe) -> dict[str, float]:
    """What the base scores: right after it was attached an adapter changes nothing."""
    with thread_count(1):
        made = build(recipe)
        found = complete(made, evaluate(made))
    return {**{name: found.metrics[name] for name in SHOWN[1:]}, "loss": found.loss}


def _train(recipe: Recipe, out: Path) -> Run:
    return run(recipe, out, resume=out.exists())


def _told(what: str, values: Mapping[str, float]) -> str:
    names = [name for name in ("loss", *SCORES) if name in values]
    digits = {"loss": 3, "bleu": 2, "rouge_l": 2, "meteor": 2, "meteor_exact_stem": 2}
    return f"{what}: " + ", ".join(f"{n} {values[n]:.{digits.get(n, 4)}f}" for n in names)


def _write(alone: float, losses: list[float]) -> None:
    result = {
        "machine": platform.machine(),
        "versions": {"torch": torch.__version__, "transformers": transformers.__version__},
        "rows": [
            {
                "case": "E2E dev loss, nats a token, worst of three seeds",
                "ours": max(losses),
                "peer": None,
                "floor": None,
                "ratio": max(losses) / alone,
                "goal": GOAL * alone,
                "met": max(losses) <= GOAL * alone,
            }
        ],
    }
    place = Path(__file__).parent / "results" / "e2e.json"
    place.parent.mkdir(exist_ok=True)
    write_whole(place, json.dumps(result, indent=1).encode() + b"\n")
