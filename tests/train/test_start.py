"""Trainings that start from an adapter of another task, with other classes."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from verilora.errors import AdapterFileError, BaseMismatch, CheckpointError, RecipeError
from verilora.lora.formats import load_adapter
from verilora.lora.update import LowRankUpdate
from verilora.records.canonical import digest_file
from verilora.records.events import Event, Noted, Stepped
from verilora.records.recipe import Recipe
from verilora.train.build import Build, build
from verilora.train.loading import load_model
from verilora.train.material import gather
from verilora.train.plan import plan
from verilora.train.run import run
from verilora.train.start import directory_of, first_batches
from verilora.train.timetable import Timetable

Make = Callable[..., Recipe]
WEIGHTS = "adapter_model.safetensors"


@pytest.fixture(scope="session")
def three(make_recipe: Make) -> Recipe:
    """A task of three classes on the tiny base, of which two have examples."""
    return make_recipe(task={"labels": ["bad", "good", "neither"]}, epochs=1, seed=3)


@pytest.fixture(scope="session")
def earlier(three: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a finished run of three classes."""
    out = tmp_path_factory.mktemp("earlier") / "run"
    run(three, out)
    return out


@pytest.fixture(scope="session")
def starting(make_recipe: Make, earlier: Path) -> Make:
    """A recipe of two classes that starts from that run's adapter."""

    def make(**options: Any) -> Recipe:
        return make_recipe(**{"start": str(earlier), **options})

    return make


def encoded(model: nn.Module) -> torch.Tensor:
    model.eval()
    with torch.no_grad():
        return model.bert(torch.arange(12).reshape(2, 6)).last_hidden_state


def test_the_first_step_sees_the_starts_outputs(
    starting: Make, three: Recipe, earlier: Path
) -> None:
    made: Build = build(starting())
    plain = build(starting(start=None))
    finished = load_adapter(load_model(gather(three), torch.device("cpu"))[0], earlier / "adapter")
    assert torch.equal(encoded(made.model), encoded(finished))
    assert not torch.equal(encoded(made.model), encoded(plain.model))
    head, own = made.model.classifier, plain.model.classifier
    assert torch.equal(head.weight, own.weight), "the new head does not depend on the start"
    assert made.start == digest_file(earlier / "adapter" / WEIGHTS)


def test_it_is_noted_and_recorded(starting: Make, earlier: Path, tmp_path: Path) -> None:
    heard: list[Event] = []
    done = run(starting(epochs=1), tmp_path, listen=heard.append)
    digest = digest_file(earlier / "adapter" / WEIGHTS)
    assert done.digests.start == digest
    (note,) = [e.text for e in heard if isinstance(e, Noted) and "starts from" in e.text]
    assert digest[:19] in note
    assert "its head (classifier) is left out" in note


def test_a_run_without_one_records_none(make_recipe: Make, tmp_path: Path) -> None:
    assert run(make_recipe(epochs=1), tmp_path).digests.start is None


def test_resumed_is_never_stopped_to_the_byte(starting: Make, tmp_path: Path) -> None:
    recipe = starting(checkpoint_every=3)
    run(recipe, tmp_path / "through")

    def listen(event: Event) -> None:
        if isinstance(event, Stepped) and event.step == 11:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(recipe, tmp_path / "stopped", listen=listen)
    done = run(recipe, tmp_path / "stopped", resume=True)
    assert done.resumed == 1
    for name in ("predictions.jsonl", f"adapter/{WEIGHTS}"):
        through, stopped = (tmp_path / place / name for place in ("through", "stopped"))
        assert through.read_bytes() == stopped.read_bytes()


def test_another_start_in_its_place_is_seen_on_resume(
    starting: Make, three: Recipe, tmp_path: Path
) -> None:
    run(three, tmp_path / "first")
    recipe = starting(start=str(tmp_path / "first"), checkpoint_every=3)

    def listen(event: Event) -> None:
        if isinstance(event, Stepped) and event.step == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(recipe, tmp_path / "out", listen=listen)
    run(three.replace(training=three.training.replace(seed=9)), tmp_path / "first", force=True)
    with pytest.raises(CheckpointError, match="the adapter that it starts from changed"):
        run(recipe, tmp_path / "out", resume=True)


def test_another_rank_is_refused_before_anything_is_made(starting: Make, tmp_path: Path) -> None:
    adapter = {"rank": 3, "alpha": 6, "target_modules": ["query", "key"]}
    recipe = starting(adapter=adapter)
    for attempt in (build, plan, lambda recipe: run(recipe, tmp_path / "out")):
        with pytest.raises(RecipeError) as caught:
            attempt(recipe)
        told = str(caught.value)
        for part in ("rank 2 is in the file, and 3", "alpha 4", "key", "value", "set [adapter]"):
            assert part in told
    assert not (tmp_path / "out").exists()


def test_a_plan_is_the_same_as_without(starting: Make) -> None:
    assert plan(starting()).parameters == plan(starting(start=None)).parameters


def test_another_base_is_refused(starting: Make, base: Path, tmp_path: Path) -> None:
    from transformers import BertModel

    other = tmp_path / "base"
    model = BertModel.from_pretrained(base)
    model.embeddings.word_embeddings.weight.data[5, 5] += 1
    model.save_pretrained(other)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (other / name).write_bytes((base / name).read_bytes())
    with pytest.raises(BaseMismatch):
        build(starting().replace(model={"id": str(other)}))


def test_it_is_an_adapter_or_a_run_that_has_one(earlier: Path, tmp_path: Path) -> None:
    assert directory_of(str(earlier)) == earlier / "adapter"
    assert directory_of(str(earlier / "adapter")) == earlier / "adapter"
    assert directory_of(str(tmp_path)) == tmp_path


def test_a_directory_without_one_is_an_error(starting: Make, tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(AdapterFileError, match=r"is missing|no such directory"):
            build(starting(start=str(path)))


@pytest.mark.parametrize("method", ["head", "full"])
def test_a_method_without_an_adapter_has_no_start(starting: Make, method: str) -> None:
    with pytest.raises(ValueError, match="start names an adapter"):
        starting(method=method)


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_an_adapter_that_peft_wrote_is_a_start(
    make_recipe: Make, base: Path, tmp_path: Path
) -> None:
    peft = pytest.importorskip("peft")
    from transformers import BertForSequenceClassification

    model = BertForSequenceClassification.from_pretrained(base, num_labels=3)
    config = peft.LoraConfig(
        r=2, lora_alpha=4, target_modules=["query", "value"], task_type="SEQ_CLS"
    )
    wrapped = peft.get_peft_model(model, config)
    draw = torch.Generator().manual_seed(2)
    for name, parameter in wrapped.named_parameters():
        if "lora_" in name:
            parameter.data = torch.randn(parameter.shape, generator=draw)
    wrapped.save_pretrained(tmp_path)
    assert not (tmp_path / "verilora.json").exists()
    made = build(make_recipe(start=str(tmp_path)))
    # PEFT sums in another order.
    torch.testing.assert_close(encoded(made.model), encoded(wrapped.base_model.model))
    assert made.model.classifier.out_features == 2
    with pytest.raises(RecipeError, match="rank 2 is in the file, and 4 is asked for"):
        build(make_recipe(start=str(tmp_path), adapter={"rank": 4}))


def test_the_first_batches_are_the_trainings_own(make_recipe: Make) -> None:
    material = gather(make_recipe())
    found = list(first_batches(material))
    timetable = Timetable(material.train.lengths, material.recipe.training)
    assert len(found) == 4
    for step, batch in enumerate(found):
        indices = timetable.batch(step)
        for row, mask, index in zip(
            batch["input_ids"], batch["attention_mask"], indices, strict=True
        ):
            assert row[mask.bool()].tolist() == material.train.ids[index]
        assert set(batch) == {"input_ids", "attention_mask", "token_type_ids"}


def test_ranks_by_the_inputs_are_told(make_recipe: Make) -> None:
    made = build(make_recipe(adapter={"init": "eva"}))
    (note,) = [note for note in made.notes if "EVA" in note]
    assert re.fullmatch(r"ranks by the inputs of the layers \(EVA\): \d to \d", note)
    again = build(make_recipe(adapter={"init": "eva"}))
    assert all(
        torch.equal(one, other)
        for one, other in zip(made.model.parameters(), again.model.parameters(), strict=True)
    )
    assert plan(make_recipe(adapter={"init": "eva"})).parameters.adapter == sum(
        p.numel()
        for m in made.model.modules()
        if isinstance(m, LowRankUpdate)
        for p in m.parameters()
    )
