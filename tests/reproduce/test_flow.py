"""The whole flow on a tiny base: the plan first, runs under it, a verdict by the rules."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from verilora.errors import OutputError, RecipeError
from verilora.records.events import Event, Started
from verilora.records.recipe import Recipe
from verilora.records.target import Target
from verilora.records.verdict import Verdict
from verilora.reproduce import flow
from verilora.reproduce.directory import Place
from verilora.reproduce.flow import Evidence, foresee, prepare, reproduce, workers_for
from verilora.reproduce.wish import Wish
from verilora.train.directory import RunDirectory

Make = Callable[..., Target]


def test_from_wish_to_verdict(make_target: Make, tmp_path: Path) -> None:
    wish, out = Wish(make_target(), seeds=(0, 1, 2)), tmp_path / "out"
    ready = prepare(wish, workers=1)
    told: list[Verdict] = []
    heard: list[tuple[str, bool]] = []

    def hear(name: str, event: Event) -> None:
        if isinstance(event, Started):
            heard.append((name, (out / "preregistration.json").exists()))

    document = reproduce(wish, out, ready=ready, registered=told.append, listen=hear)
    verdict = document.verdict
    assert verdict is not None and verdict.measured is not None
    assert heard == [("seed 0", True), ("seed 1", True), ("seed 2", True)]
    assert verdict.preregistration == told[0].digest
    assert len(verdict.measured.values) == 3
    assert verdict.protocol_match in ("exact", "near")
    passed = {gate.rule: gate.passed for gate in verdict.gates or ()}
    for rule in ("EV-006", "EV-009", "EV-010", "EV-011", "EV-013", "EV-016"):
        assert passed[rule] is True, rule
    # What is finished is given back as it is, with nothing run again.
    before = (out / "verdict.json").stat().st_mtime_ns
    assert reproduce(wish, out, ready=ready) == document
    assert (out / "verdict.json").stat().st_mtime_ns == before
    with pytest.raises(OutputError, match="differs in plan"):
        reproduce(Wish(make_target(), seeds=(0, 1)), out)


def test_a_change_makes_a_proxy(make_target: Make, tmp_path: Path) -> None:
    wish = Wish(make_target(), seeds=(0, 1), limit=16, settings=("training.epochs=1",))
    verdict = reproduce(wish, tmp_path / "out", ready=prepare(wish, workers=1)).verdict
    assert verdict is not None
    assert verdict.protocol_match == "proxy"
    assert verdict.status in ("partial", "inconclusive")
    different = {row.dimension for row in verdict.protocol or () if row.state == "different"}
    assert {"training_data", "evaluation", "epochs_and_batch"} <= different


def test_failed_seeds_count_as_the_majority(make_target: Make, tmp_path: Path) -> None:
    settings = ("training.learning_rate=1e30", "training.max_gradient_norm=none")
    wish = Wish(make_target(), seeds=(0, 1, 2), settings=settings)
    verdict = reproduce(wish, tmp_path / "out", ready=prepare(wish, workers=1)).verdict
    assert verdict is not None and verdict.measured is not None
    assert verdict.measured.failed == (0, 1, 2)
    assert verdict.measured.values == (60.0, 60.0, 60.0)
    assert verdict.status not in ("reproduced", "partial")
    assert any("seed 1 failed and counts" in caveat for caveat in verdict.caveats or ())


def test_the_papers_text_is_looked_at_and_kept(make_target: Make, tmp_path: Path) -> None:
    wish, out = Wish(make_target(), seeds=(0,)), tmp_path / "out"
    text = "Table 1: Accuracy.\nMethod MRPC\nsmall 85.0±3.0\n"
    verdict = reproduce(
        wish, out, ready=prepare(wish, workers=1), evidence=Evidence(paper_text=text)
    ).verdict
    assert verdict is not None
    assert {gate.rule: gate.passed for gate in verdict.gates or ()}["EV-002"] is True
    assert Place(out).paper_text() == text


def test_nothing_is_written_for_what_cannot_be(make_target: Make, tmp_path: Path) -> None:
    ready = prepare(Wish(make_target(), seeds=(0,)), workers=1)
    with pytest.raises(RecipeError, match="'reproduced' is wanted"):
        foresee(ready, "reproduced")
    with pytest.raises(RecipeError):
        prepare(Wish(make_target(accounts={}, missing="nothing yet")))
    assert list(tmp_path.iterdir()) == []


def test_no_more_at_once_than_cores_and_memory_allow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow.os, "cpu_count", lambda: 8)
    monkeypatch.setattr(flow, "_available_bytes", lambda: 10_000)
    monkeypatch.setattr(flow.torch.cuda, "is_available", lambda: False)
    assert workers_for(5, 1) == 5
    assert workers_for(20, 1) == 8
    assert workers_for(20, 1_000) == 5  # each may come to twice its plan
    assert workers_for(20, 9_000) == 1
    monkeypatch.setattr(flow.torch.cuda, "is_available", lambda: True)
    assert workers_for(5, 1) == 1


def test_cores_are_shared_out(make_target: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow.os, "cpu_count", lambda: 8)
    target = make_target()
    recipe = target.accounts["paper"].recipe
    free = recipe.replace(training=recipe.training.replace(threads=None))
    free_target = make_target(accounts={"paper": target.accounts["paper"].replace(recipe=free)})
    assert prepare(Wish(free_target), workers=2).recipe.training.threads == 4
    assert prepare(Wish(target), workers=2).recipe.training.threads == 1


def test_it_goes_on_with_the_threads_that_it_began_with(make_target: Make, tmp_path: Path) -> None:
    account = make_target().accounts["paper"]
    open_ = account.recipe.replace(training=account.recipe.training.replace(threads=None))
    target = make_target(accounts={"paper": account.replace(recipe=open_)})
    wish, out = Wish(target, seeds=(0, 1), settings=("training.epochs=1",)), tmp_path / "out"
    first = prepare(wish, workers=1)
    again = replace(first, recipe=threaded(first.recipe, 1))
    other = replace(first, recipe=threaded(first.recipe, 2))
    reproduce(wish, out, ready=again)
    (out / "verdict.json").unlink()
    shutil.rmtree(out / "seed-1")
    reproduce(wish, out, ready=other)
    begun = [RunDirectory(out / f"seed-{seed}").begun_with() for seed in (0, 1)]
    assert [recipe and recipe.training.threads for recipe in begun] == [1, 1]


def threaded(recipe: Recipe, threads: int) -> Recipe:
    return recipe.replace(training=recipe.training.replace(threads=threads))
