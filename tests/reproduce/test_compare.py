"""Two sides run and judged: written before, gone on with, the same again from the files alone."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from verilora.errors import DataError, OutputError
from verilora.records.events import Started
from verilora.records.failure import Failure
from verilora.records.run import Run
from verilora.records.verdict import VerdictDocument, read_document
from verilora.reproduce.attempt import Job
from verilora.reproduce.compare import compare
from verilora.reproduce.comparison import Comparison
from verilora.reproduce.recompute import recompute
from verilora.verdict.judge import judge


@pytest.fixture(scope="module")
def finished(versus: Comparison, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a finished comparison; not to be changed."""
    out = tmp_path_factory.mktemp("compared") / "out"
    compare(versus, out, workers=1)
    return out


@pytest.fixture
def copy(finished: Path, tmp_path: Path) -> Iterator[Path]:
    yield Path(shutil.copytree(finished, tmp_path / "copy"))


def test_runs_name_what_was_fixed_before(finished: Path) -> None:
    document = read_document((finished / "verdict.json").read_bytes())
    verdict, pre = document.verdict, document.verdicts and document.verdicts.pre
    assert verdict is not None
    assert pre is not None
    assert (finished / "preregistration.json").read_bytes() == pre.canonical()
    for side, digests in (("lora", verdict.runs), ("full", verdict.reference_runs)):
        runs = [read_run(finished / f"{side}-seed{seed}") for seed in (0, 1, 2)]
        assert {run.preregistration for run in runs} == {pre.digest}
        assert tuple(run.digest for run in runs) == digests
        assert {run.method for run in runs} == {side}
    assert verdict.reported is not None
    assert verdict.reference_measured is not None
    assert verdict.reported.value == verdict.reference_measured.value
    assert verdict.exploratory is False
    failed = [gate.rule for gate in verdict.gates or () if gate.passed is False]
    assert "EV-013" not in failed
    assert {gate.rule: gate.passed for gate in verdict.gates or ()}["EV-016"] is True
    assert judge(document).agrees
    names = [artifact.name for artifact in verdict.artifacts or ()]
    assert "lora-seed0/adapter/adapter_model.safetensors" in names
    assert "full-seed2/run.json" in names


def read_run(directory: Path) -> Run:
    return Run.model_validate_json((directory / "run.json").read_bytes())


def test_the_files_alone_give_the_same_bytes(finished: Path) -> None:
    again = recompute(finished)
    assert (again.identical, again.faults) == (True, ())
    assert again.document.canonical() == (finished / "verdict.json").read_bytes()


def test_what_was_changed_afterwards_is_found(copy: Path) -> None:
    path = copy / "full-seed1" / "run.json"
    content = json.loads(path.read_bytes())
    content["metrics"]["accuracy"]["value"] = 99.0
    path.write_text(json.dumps(content), "utf-8")
    again = recompute(copy)
    assert not again.identical
    assert "full-seed1: run.json says accuracy 99" in " ".join(again.faults)


def test_said_again_nothing_is_run_again(versus: Comparison, copy: Path) -> None:
    before = (copy / "verdict.json").read_bytes()
    heard: list[object] = []
    document = compare(versus, copy, workers=1, listen=lambda name, event: heard.append(event))
    assert not heard
    assert document.canonical() == before


def test_what_was_begun_goes_on(versus: Comparison, copy: Path) -> None:
    fixed = (copy / "preregistration.json").read_bytes()
    (copy / "verdict.json").unlink()
    shutil.rmtree(copy / "lora-seed2")
    begun: list[str] = []

    def listen(name: str, event: object) -> None:
        if isinstance(event, Started):
            begun.append(name)

    document = compare(versus, copy, workers=1, listen=listen)
    assert begun == ["lora, seed 2"]
    assert (copy / "preregistration.json").read_bytes() == fixed
    assert document.verdict is not None
    assert document.verdict.exploratory is False


def test_another_plan_is_refused_and_force_begins_anew(versus: Comparison, copy: Path) -> None:
    other = replace(versus, margin=3.0)
    with pytest.raises(OutputError, match=r"differs in plan \(margin.*what was fixed beforehand"):
        compare(other, copy, workers=1)
    (copy / "mine.txt").write_text("kept", "utf-8")
    few = replace(other, seeds=(5,))
    document = compare(few, copy, workers=1, force=True)
    assert document.verdict is not None
    assert document.verdict.status != "reproduced"
    assert (copy / "mine.txt").exists()
    assert not (copy / "lora-seed0" / "run.json").exists()


def test_a_directory_of_something_else_is_left_alone(versus: Comparison, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    with pytest.raises(OutputError, match="holds no reproduction"):
        compare(versus, tmp_path, workers=1)


def test_a_failed_seed_of_either_side_counts(versus: Comparison, copy: Path) -> None:
    digest = read_run(copy / "full-seed1").preregistration
    (copy / "verdict.json").unlink()
    for side in ("full", "lora"):
        directory = copy / f"{side}-seed1"
        shutil.rmtree(directory)
        directory.mkdir()
        failure = Failure(seed=1, why="the loss became nan", preregistration=digest)
        (directory / "failed.json").write_bytes(failure.canonical())
    verdict = compare(versus, copy, workers=1).verdict
    assert verdict is not None
    assert verdict.measured is not None
    assert verdict.reference_measured is not None
    assert verdict.measured.failed == verdict.reference_measured.failed == (1,)
    assert verdict.measured.values[1] == 60.0
    assert any("of the reference failed" in caveat for caveat in verdict.caveats or ())
    assert recompute(copy).identical


def test_other_runs_are_made_beside_it(versus: Comparison, copy: Path) -> None:
    head = versus.ours.replace(training=versus.ours.training.replace(method="head"))
    (copy / "verdict.json").unlink()
    other = Job("head", head, copy / "head-seed0")
    document = compare(versus, copy, workers=1, others=[other])
    assert read_run(copy / "head-seed0").preregistration is None
    assert isinstance(document, VerdictDocument)


def test_nothing_to_recompute_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no finished reproduction"):
        recompute(tmp_path)
