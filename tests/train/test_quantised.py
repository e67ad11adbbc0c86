"""Runs on a base in 4 or 8 bits: they learn, agree with themselves, resume and are foretold."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from verilora.errors import MissingExtraError, RecipeError, SelfCheckError
from verilora.lora import explain
from verilora.records.events import Evaluated, Event
from verilora.records.recipe import Recipe
from verilora.train.agreement import evaluate_again
from verilora.train.build import build, count_parameters
from verilora.train.footprint import Footprint
from verilora.train.forecast import forecast
from verilora.train.material import gather
from verilora.train.plan import plan
from verilora.train.quantised import packed_digests
from verilora.train.rehearsal import backward_of
from verilora.train.run import run
from verilora.train.selfcheck import verify_frozen
from verilora.train.session import open_session

pytest.importorskip("bitsandbytes", reason="a quantised base needs bitsandbytes")
Make = Callable[..., Recipe]
SCHEMES = ["nf4", "int8"]


@pytest.fixture
def kept(make_recipe: Make, make_causal: Make) -> Make:
    """The tiny recipe with a quantised base, of a classifier or of a causal model by its kind."""

    def make(scheme: str | None, kind: str = "classifier", **training: Any) -> Recipe:
        causal = {} if kind == "classifier" else {"kind": kind}
        recipe = (make_causal if causal else make_recipe)(**causal, **training)
        return recipe.replace(model=recipe.model.replace(base=scheme))

    return make


def files(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((directory / "adapter").iterdir())}


@pytest.mark.parametrize("kind", ["classifier", "llama", "gpt2"])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_run_learns_and_agrees_with_itself(
    kept: Make, tmp_path: Path, scheme: str, kind: str
) -> None:
    training = {"epochs": 8} if kind == "classifier" else {"learning_rate": 3e-2}
    done = run(kept(scheme, kind, **training), tmp_path / "run")
    assert done.base == scheme
    assert done.loss_last < done.loss_first
    again = evaluate_again(tmp_path / "run")
    assert again.agrees
    assert again.same_bytes


def test_the_base_is_the_same_and_what_it_answers_is_not(kept: Make, tmp_path: Path) -> None:
    whole, packed = (run(kept(scheme), tmp_path / str(scheme)) for scheme in (None, "nf4"))
    assert whole.base is None
    assert "base" not in whole.to_mapping()
    assert whole.digests.base == packed.digests.base
    assert whole.parameters == packed.parameters
    assert whole.metrics["loss"] != packed.metrics["loss"]
    assert files(tmp_path / "None") != files(tmp_path / "nf4")


class Stopped(Exception):  # noqa: N818 - it is none of ours
    """Somebody pulls the plug."""


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_resumed_is_never_stopped_and_twice_is_the_same(
    kept: Make, tmp_path: Path, precision: str
) -> None:
    recipe = kept("nf4", precision=precision)

    def stop(event: Event) -> None:
        if isinstance(event, Evaluated) and event.step:
            raise Stopped

    for place in ("through", "again"):
        run(recipe, tmp_path / place)
    with pytest.raises(Stopped):
        run(recipe, tmp_path / "stopped", listen=stop)
    run(recipe, tmp_path / "stopped", resume=True)
    assert files(tmp_path / "through") == files(tmp_path / "again")
    assert files(tmp_path / "through") == files(tmp_path / "stopped")


@pytest.mark.parametrize("training", [{}, {"precision": "bfloat16"}, {"method": "head"}])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_planned_bytes_are_the_real_ones(kept: Make, scheme: str, training: dict[str, Any]) -> None:
    recipe = kept(scheme, **training)
    material, rows = gather(recipe), range(8)
    parameters, planned = forecast(material, training=rows, evaluation=rows)
    with Footprint() as footprint:
        made = build(recipe, material=material)
        for tensor in (*made.model.parameters(), *made.model.buffers()):
            footprint.follow(tensor)
        gc.collect()
        assert footprint.live_bytes == planned.weights + planned.adapter
        session = open_session(made)
        for _ in range(2):
            before = footprint.live_bytes
            footprint.reset_peak()
            backward_of(session.build, rows)
            session.optimizer.step()
            found = footprint.peak_bytes - before
            session.optimizer.zero_grad(set_to_none=True)
    assert planned.activations == pytest.approx(found, rel=0.01)
    assert parameters == count_parameters(made.model, made.head)
    packed = sum(
        tensor.numel() * tensor.element_size()
        for name, tensor in made.model.state_dict().items()
        if name in made.packed
    )
    assert packed > 0
    _, whole = forecast(gather(kept(None, **training)), training=rows)
    assert whole.weights - planned.weights + packed == 4 * sum(
        module.in_features * module.out_features
        for path, module in made.model.named_modules()
        if f"{path}.weight" in made.packed
    )
    assert planned.loading >= whole.weights
    assert planned.peak >= planned.loading


def test_the_plan_is_told(kept: Make) -> None:
    assert "(the base whole)" in str(plan(kept("nf4")))
    assert "(the base whole)" not in str(plan(kept(None)))


def test_notes_say_what_is_kept_how(kept: Make) -> None:
    made = build(kept("nf4"))
    assert (
        "linear layers of the base are kept in 4 bits (NF4, double quantisation)" in made.notes[0]
    )
    assert "whole stay classifier" in made.notes[0]
    assert {layer.base for layer in explain(made.model)} == {"nf4"}


def test_what_is_trained_whole_is_not_quantised(make_recipe: Make) -> None:
    recipe = make_recipe(adapter={"modules_to_save": ["classifier", "layer.0.output.dense"]})
    made = build(recipe.replace(model=recipe.model.replace(base="int8")))
    trained = [name for name in made.packed if "layer.0.output.dense" in name]
    assert made.packed
    assert trained == []


def test_a_code_that_changes_is_noticed(kept: Make) -> None:
    session = open_session(build(kept("nf4")))
    verify_frozen(session)
    name = next(name for name in session.build.packed if name.endswith(".weight"))
    session.build.model.get_parameter(name).data[0] ^= 1
    with pytest.raises(SelfCheckError, match=r"frozen weight .* has changed"):
        verify_frozen(session)
    assert packed_digests(session.build.model)[name] != session.build.packed[name]


@pytest.mark.parametrize(
    ("training", "told"),
    [
        ({"method": "full"}, 'training.method "full" trains them'),
        ({"adapter": {"init": "loftq"}}, 'adapter.init "loftq" quantises the base itself'),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(
    kept: Make, training: dict[str, Any], told: str
) -> None:
    with pytest.raises(RecipeError, match=told):
        gather(kept("nf4", **training))


def test_without_the_extra_nothing_is_begun(
    kept: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'verilora\[quantised\]'"):
        run(kept("nf4"), tmp_path / "run")
    assert not (tmp_path / "run" / "run.json").exists()
    run(kept(None, epochs=1), tmp_path / "whole")


def test_running_leaves_the_random_state(kept: Make) -> None:
    before = torch.get_rng_state()
    build(kept("nf4"))
    assert torch.equal(torch.get_rng_state(), before)
