"""Cells of Table 3 on a tiny causal model: text written, scored, judged and computed again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from verilora.data.load import load_dataset
from verilora.data.written import commonest_scores
from verilora.recipes.targets import find_target
from verilora.records.verdict import VerdictDocument
from verilora.reproduce.flow import Ready, foresee
from verilora.reproduce.recompute import recompute
from verilora.reproduce.together import prepare_together, reproduce_together
from verilora.reproduce.wish import Wish, recipe_for

WORDS = ["name", ":", "|", "Type", "pub", "Aromi", "Cocum", "is", "a", "coffee", "shop", "place"]
TEXTS = [
    ("name[Aromi], eatType[pub]", "Aromi is a pub"),
    ("name[Aromi], eatType[pub]", "a pub is Aromi"),
    ("name[Cocum], eatType[coffee shop]", "Cocum is a coffee shop"),
    ("name[Cocum], eatType[coffee shop]", "Cocum is a coffee shop"),
]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny GPT-2, in a directory called as the base of a shipped recipe."""
    directory = tmp_path_factory.mktemp("models") / "stories260K"
    vocabulary = {word: number for number, word in enumerate(["<s>", "[UNK]", *WORDS])}
    inner = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    inner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    PreTrainedTokenizerFast(
        tokenizer_object=inner,
        bos_token="<s>",
        eos_token="<s>",
        unk_token="[UNK]",
        model_max_length=64,
    ).save_pretrained(directory)
    sizes = {"n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 96}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        model = GPT2LMHeadModel(GPT2Config(vocab_size=len(vocabulary), **sizes))
    model.save_pretrained(directory)
    return directory


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("e2e")
    rows = "".join(f'"{meaning}",{text}\n' for meaning, text in TEXTS)
    (directory / "trainset.csv").write_text(f"mr,ref\n{rows * 4}", "utf-8")
    (directory / "testset_w_refs.csv").write_text(f"mr,ref\n{rows}", "utf-8")
    return directory


@pytest.fixture(scope="module")
def ready(base: Path, data: Path) -> list[Ready]:
    settings = ("training.threads=1", "generation.max_new_tokens=8", "training.epochs=2")
    wishes = [
        Wish(
            find_target(f"lora/table3/gpt2-medium/{column}"),
            model=str(base),
            data=str(data),
            seeds=(0, 1),
            settings=settings,
        )
        for column in ("bleu", "rouge-l")
    ]
    return prepare_together(wishes, workers=1)


@pytest.fixture(scope="module")
def done(
    ready: list[Ready], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, list[VerdictDocument]]:
    out = tmp_path_factory.mktemp("row") / "out"
    return out, reproduce_together(ready, out)


def test_a_directory_called_as_a_shipped_recipes_base_takes_it(ready: list[Ready]) -> None:
    recipe = ready[0].recipe
    assert recipe.name == "lora/table3/gpt2-medium"
    assert recipe.adapter.target_modules == "all-linear"
    assert recipe.training.learning_rate == 5e-3
    assert recipe.training.select == "best"  # how an evaluation is chosen stays the paper's
    assert recipe.generation is not None
    assert (recipe.generation.beams, recipe.generation.limit) == (4, None)
    assert recipe.task.validation == "test"
    assert "as the shipped recipe 'e2e-stories260k' says" in ready[0].notes[0]


def test_what_a_run_must_beat_is_the_commonest_text(ready: list[Ready]) -> None:
    dataset = load_dataset(ready[0].recipe.task)
    wanted = commonest_scores(["bleu", "rouge_l"], dataset)
    assert [one.found.majority for one in ready] == [wanted["bleu"], wanted["rouge_l"]]
    assert 0 < wanted["rouge_l"] < 100


def test_how_text_is_written_belongs_to_the_metric(
    done: tuple[Path, list[VerdictDocument]],
) -> None:
    verdict = done[1][0].verdict
    assert verdict is not None and verdict.measured is not None
    rows = {row.dimension: row for row in verdict.protocol or ()}
    assert rows["metric"].state == "different"
    assert "10 beams" in (rows["metric"].paper or "") and "4 beams" in (rows["metric"].ours or "")
    assert rows["evaluation"].state == "different"
    assert verdict.measured.unit == "points"
    assert "commonest text" in json.dumps(verdict_plan(done[0]))


def verdict_plan(out: Path) -> object:
    return json.loads((out / "bleu" / "preregistration.json").read_bytes())["plan"]


def test_each_cell_is_computed_again_from_what_was_written(
    done: tuple[Path, list[VerdictDocument]],
) -> None:
    out, documents = done
    for name, document in zip(("bleu", "rouge-l"), documents, strict=True):
        again = recompute(out / name)
        assert (again.identical, again.faults) == (True, ())
        assert again.document == document
    row = json.loads((out / "bleu/seed-0/predictions.jsonl").read_text("utf-8").splitlines()[0])
    assert row["prompt"] == "name : Aromi | Type : pub"
    assert row["reference"] == "Aromi is a pub"
    # Another text where one was written is found out.
    path = out / "rouge-l/seed-0/predictions.jsonl"
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    better = [json.dumps({**row, "generated": row["reference"]}) + "\n" for row in rows]
    path.write_text("".join(better), "utf-8")
    faults = " ".join(recompute(out / "rouge-l").faults)
    assert "not the file that run.json names" in faults and "the predictions give" in faults


def test_part_of_the_prompts_is_part_of_the_evaluation(base: Path, data: Path) -> None:
    settings = ("generation.limit=1", "training.threads=1", "generation.max_new_tokens=8")
    wish = Wish(
        find_target("lora/table3/gpt2-medium/bleu"),
        model=str(base),
        data=str(data),
        settings=settings,
    )
    other = replace(wish, target=find_target("lora/table3/gpt2-medium/cider"))
    found = prepare_together([wish, other], workers=1)
    rows = {row.dimension: row for row in foresee(found[0]).protocol or ()}
    assert "the first 1 are written on" in (rows["evaluation"].ours or "")


def test_a_metric_that_is_not_usual_is_asked_for(base: Path, data: Path) -> None:
    target = find_target("lora/table3/gpt2-medium/meteor")
    recipe, _ = recipe_for(Wish(target, model=str(base), data=str(data)))
    assert (recipe.task.metrics or ())[-1] == "meteor"
    plain, _ = recipe_for(Wish(find_target("lora/table3/gpt2-medium/nist"), model=str(base)))
    assert plain.task.metrics is None
