"""The digest of the plan stays with a run from its beginning to its record."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from verilora.errors import CheckpointError
from verilora.records.events import Event, Stepped
from verilora.records.recipe import Recipe
from verilora.records.run import Run
from verilora.train.run import run

Make = Callable[..., Recipe]
PLAN = f"sha256:{'a' * 64}"
OTHER = f"sha256:{'b' * 64}"


def stopped(recipe: Recipe, out: Path, *, preregistration: str | None) -> None:
    def listen(event: Event) -> None:
        if isinstance(event, Stepped) and event.step == 9:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(recipe, out, listen=listen, preregistration=preregistration)


def test_the_record_names_the_plan(make_recipe: Make, tmp_path: Path) -> None:
    done = run(make_recipe(epochs=1), tmp_path / "planned", preregistration=PLAN)
    assert done.preregistration == PLAN
    written = Run.model_validate_json((tmp_path / "planned" / "run.json").read_bytes())
    assert written.preregistration == PLAN


@pytest.mark.parametrize("asked", [OTHER, None])
def test_a_run_stays_under_its_plan(make_recipe: Make, tmp_path: Path, asked: str | None) -> None:
    recipe = make_recipe(checkpoint_every=4)
    stopped(recipe, tmp_path, preregistration=PLAN)
    with pytest.raises(CheckpointError, match=f"begun under the preregistration {PLAN}") as caught:
        run(recipe, tmp_path, resume=True, preregistration=asked)
    assert str(asked or "no preregistration") in str(caught.value)
    done = run(recipe, tmp_path, resume=True, preregistration=PLAN)
    assert (done.resumed, done.preregistration) == (1, PLAN)
    with pytest.raises(CheckpointError, match="no plan"):
        run(recipe, tmp_path, resume=True, preregistration=asked)
    assert run(recipe, tmp_path, resume=True, preregistration=PLAN) == done


def test_a_run_without_a_plan_gets_none_afterwards(make_recipe: Make, tmp_path: Path) -> None:
    recipe = make_recipe(checkpoint_every=4)
    stopped(recipe, tmp_path, preregistration=None)
    with pytest.raises(CheckpointError, match="begun under no preregistration"):
        run(recipe, tmp_path, resume=True, preregistration=PLAN)
    assert run(recipe, tmp_path, resume=True).preregistration is None


def test_what_is_no_digest_is_refused(make_recipe: Make, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="64 hex"):
        run(make_recipe(), tmp_path / "out", preregistration="sha256:abc")
    assert not (tmp_path / "out").exists()
