"""Two cells by the same runs: accuracy and F1 of one made-up table."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from verilora.errors import OutputError, RecipeError
from verilora.records.canonical import digest_file
from verilora.records.target import Target
from verilora.records.verdict import Verdict, VerdictDocument
from verilora.reproduce.recompute import recompute
from verilora.reproduce.together import prepare_together, reproduce_together
from verilora.reproduce.wish import Wish
from verilora.train.directory import RunDirectory

Make = Callable[..., Target]
SEEDS = (0, 1, 2)


@pytest.fixture(scope="module")
def wishes(make_target: Make) -> list[Wish]:
    cells = [make_target(), make_target(name="tiny/table1/small/f1", metric="f1")]
    return [Wish(cell, seeds=SEEDS, settings=("training.epochs=1",)) for cell in cells]


@pytest.fixture(scope="module")
def done(
    wishes: list[Wish], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, list[VerdictDocument], list[Verdict]]:
    out, told = tmp_path_factory.mktemp("row") / "out", []
    made = prepare_together(wishes, workers=1)
    return out, reproduce_together(made, out, registered=told.append), told


def test_every_cell_has_its_own_preregistration_and_verdict(
    done: tuple[Path, list[VerdictDocument], list[Verdict]],
) -> None:
    out, documents, told = done
    accuracy, f1 = (document.verdict for document in documents)
    assert accuracy is not None and f1 is not None
    assert [pre.plan.target for pre in told if pre.plan] == [
        "tiny/table1/small/mrpc",
        "tiny/table1/small/f1",
    ]
    assert (accuracy.preregistration, f1.preregistration) == (told[0].digest, told[1].digest)
    assert not accuracy.exploratory and not f1.exploratory
    assert accuracy.measured != f1.measured
    for name, verdict in (("mrpc", accuracy), ("f1", f1)):
        gates = {gate.rule: gate.passed for gate in verdict.gates or ()}
        assert gates["EV-006"] is True and gates["EV-016"] is True
        assert (out / name / "verdict.json").is_file()


def test_the_runs_are_the_same_and_name_all_preregistrations(
    done: tuple[Path, list[VerdictDocument], list[Verdict]],
) -> None:
    out, _, told = done
    for seed in SEEDS:
        first, second = (out / name / f"seed-{seed}" for name in ("mrpc", "f1"))
        for file in ("run.json", "predictions.jsonl", "adapter/adapter_model.safetensors"):
            assert digest_file(first / file) == digest_file(second / file)
        run = RunDirectory(first).finished()
        assert run is not None and run.recipe == "tiny/table1/small"
        assert run.preregistration == digest_file(out / "f1" / "preregistrations.json")
    listed = json.loads((out / "mrpc" / "preregistrations.json").read_bytes())["digests"]
    assert listed == sorted(pre.digest for pre in told)


def test_each_directory_is_computed_again_by_itself(
    done: tuple[Path, list[VerdictDocument], list[Verdict]],
) -> None:
    out, documents, _ = done
    for name, document in zip(("mrpc", "f1"), documents, strict=True):
        again = recompute(out / name)
        assert (again.identical, again.faults) == (True, ())
        assert again.document == document


def test_a_preregistration_made_afterwards_makes_no_registered_verdict(
    done: tuple[Path, list[VerdictDocument], list[Verdict]], tmp_path: Path
) -> None:
    out = done[0]
    copy = tmp_path / "copy"
    shutil.copytree(out / "f1", copy)
    made = json.loads((copy / "preregistration.json").read_bytes())
    made["computed_at"] = "2020-01-01T00:00:00+00:00"
    (copy / "preregistration.json").write_text(json.dumps(made))
    verdict = recompute(copy).document.verdict
    assert verdict is not None and verdict.exploratory


def test_what_was_fixed_together_goes_on_together(
    done: tuple[Path, list[VerdictDocument], list[Verdict]], wishes: list[Wish], make_target: Make
) -> None:
    out, documents, _ = done
    assert reproduce_together(prepare_together(wishes, workers=1), out) == documents
    third = Wish(
        make_target(name="tiny/table1/small/other", metric="f1"),
        seeds=SEEDS,
        settings=("training.epochs=1",),
    )
    with pytest.raises(OutputError, match="holds other preregistrations than those wished for"):
        reproduce_together(prepare_together([*wishes, third], workers=1), out)


def test_cells_that_do_not_belong_together_are_refused(make_target: Make) -> None:
    elsewhere = make_target(name="tiny/table1/large/f1", metric="f1")
    with pytest.raises(RecipeError, match="different cells of one row are wanted"):
        prepare_together([Wish(make_target()), Wish(elsewhere)])
    with pytest.raises(RecipeError, match="different cells of one row are wanted"):
        prepare_together([Wish(make_target()), Wish(make_target())])
    other = make_target(name="tiny/table1/small/f1", metric="f1")
    with pytest.raises(RecipeError, match="are not made by one recipe"):
        prepare_together([Wish(make_target()), Wish(other, settings=("training.epochs=1",))])
