"""The plan is written before the runs, says what was found, and is never changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from verilora.errors import DataError, OutputError, RecipeError
from verilora.records.recipe import Recipe
from verilora.records.target import Target
from verilora.reproduce.circumstances import Circumstances, look_around
from verilora.reproduce.directory import Place
from verilora.reproduce.registration import (
    draft,
    margin_of,
    refuse_out_of_reach,
    register,
    stamp_now,
)
from verilora.reproduce.wish import Wish

Make = Callable[..., Target]


@pytest.fixture(scope="module")
def found(make_target: Make, recipe: Recipe) -> Circumstances:
    return look_around(make_target(), recipe)


def test_the_plan_holds_what_was_found(make_target: Make, found: Circumstances) -> None:
    made = draft(Wish(make_target(), seeds=(0, 1, 2)), found, stamp=stamp_now())
    plan = made.plan
    assert plan is not None
    assert (made.kind, made.status) == ("PRE", "pending")
    assert plan.seeds == (0, 1, 2)
    assert plan.data == found.setup.data
    assert plan.majority == 60.0
    assert plan.trainable == found.plan.parameters.trainable
    assert plan.margin == 6.0  # twice the printed 3.0; one item of 40 is 2.5
    assert len(made.protocol or ()) == 12


def test_a_sound_protocol_has_a_forecast_and_a_proxy_has_none(
    make_target: Make, found: Circumstances
) -> None:
    assert found.setup.base == "same"
    sound = draft(Wish(make_target()), found, stamp=stamp_now())
    assert sound.score is not None
    assert 0 < sound.score < 1
    few = found.setup.replace(train_rows=7)
    proxy = draft(Wish(make_target()), Circumstances(few, found.plan, 60.0), stamp=stamp_now())
    assert proxy.protocol_match == "proxy"
    assert proxy.score is None


def test_the_margin_is_declared_or_by_rule(make_target: Make) -> None:
    assert margin_of(Wish(make_target(), margin=2.5)) == (2.5, "declared before the runs")
    with pytest.raises(RecipeError, match="above 0"):
        margin_of(Wish(make_target(), margin=0.0))
    plain = {"spread": None, "spread_kind": None, "unit": "points"}
    with pytest.raises(DataError, match="declare one"):
        margin_of(Wish(make_target(reported=plain)))


def test_the_same_plan_is_taken_up_and_another_refused(
    make_target: Make, found: Circumstances, tmp_path: Path
) -> None:
    place, wish = Place(tmp_path), Wish(make_target(), seeds=(0, 1, 2))
    first = register(place, wish, found=found)
    content = place.preregistration_file.read_bytes()
    assert register(place, wish, found=found) == first
    with pytest.raises(OutputError, match=r"differs in .*plan \(seeds\)"):
        register(place, Wish(make_target(), seeds=(0, 1, 2, 3)), found=found)
    assert found.inputs is not None
    other = replace(found, inputs=found.inputs.replace(start="sha256:" + "0" * 64))
    with pytest.raises(OutputError, match=r"differs in plan \(inputs \(start\)\)"):
        register(place, wish, found=other)
    with pytest.raises(OutputError, match="not changed afterwards"):
        register(place, Wish(make_target(), seeds=(0, 1, 2), margin=9.0), found=found)
    assert place.preregistration_file.read_bytes() == content
    assert place.preregistration() == first


def test_a_verdict_out_of_reach_is_refused_beforehand(
    make_target: Make, found: Circumstances
) -> None:
    one = draft(Wish(make_target(), seeds=(0,)), found, stamp=stamp_now())
    with pytest.raises(RecipeError, match="at least 3 are wanted"):
        refuse_out_of_reach(one, "reproduced")
    refuse_out_of_reach(one, "partial")
    three = draft(Wish(make_target(), seeds=(0, 1, 2)), found, stamp=stamp_now())
    refuse_out_of_reach(three, "reproduced")
