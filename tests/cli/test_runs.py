"""train and evaluate, as a user does it: what is left, what is refused, what agrees."""

from __future__ import annotations

import json
import shutil

import pytest

from verilora.charts.panels import read_run
from verilora.cli import progress


def test_a_run_leaves_what_is_promised(verilora, recipe_file, tmp_path):
    out = tmp_path / "run"
    told = verilora("train", recipe_file, "--out", out, "--set", "training.epochs=2")
    assert told.status == 0
    left = {path.name for path in out.iterdir()}
    promised = {"recipe.toml", "run.json", "events.jsonl", "predictions.jsonl", "adapter"}
    assert promised | {"report.html", "curves.png"} <= left
    assert f"{out}/report.html" in told.out
    assert "% accuracy on 8 validation examples" in told.out
    assert "tiny: step 4 of 4" in told.err
    assert "tiny" not in (out / "report.html").read_text("utf-8").split("<h1>")[0][:20]


def test_json_is_the_record_and_quiet_is_quiet(verilora, recipe_file, tmp_path):
    out = tmp_path / "run"
    told = verilora("train", recipe_file, "--out", out, "--json", "--quiet")
    found = json.loads(told.out)
    assert found["directory"] == str(out)
    assert found["run"] == read_run(out).to_mapping()
    assert told.err == ""


def test_by_default_a_run_goes_to_runs(verilora, recipe_file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    told = verilora("train", recipe_file, "-q", "--set", "training.seed=3")
    assert told.status == 0
    assert (tmp_path / "runs" / "tiny-seed3" / "run.json").exists()


def test_an_occupied_directory_is_left_alone(verilora, recipe_file, trained):
    before = (trained / "run.json").read_bytes()
    told = verilora("train", recipe_file, "--out", trained)
    assert told.status == 1
    assert "--force" in told.err
    assert (trained / "run.json").read_bytes() == before


def test_ctrl_c_says_how_to_go_on_and_resume_does(verilora, recipe_file, tmp_path, monkeypatch):
    out = tmp_path / "my run"

    def interrupt(self, event):
        if event.kind == "evaluated" and event.step == 4:
            raise KeyboardInterrupt

    monkeypatch.setattr(progress.Lines, "listen", interrupt)
    told = verilora("train", recipe_file, "--out", out)
    assert told.status == 130
    assert "interrupted; all up to the last checkpoint is kept" in told.err
    assert f"verilora train {recipe_file} --out '{out}' --resume" in told.err
    monkeypatch.undo()
    told = verilora("train", recipe_file, "--out", out, "--resume")
    assert told.status == 0
    assert read_run(out).resumed == 1


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("model.id=nowhere/no-such-base", "--set model.id="),
        ("task.label_column=knd", "kind"),
        ('adapter.target_modules=["qery"]', "query"),
        ("training.max_length=4000", "max_length"),
        ("nonsense", "nonsense"),
    ],
)
def test_bad_input_is_a_sentence(verilora, recipe_file, tmp_path, monkeypatch, setting, said):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    out = tmp_path / "run"
    told = verilora("train", recipe_file, "--out", out, "--set", setting)
    assert (told.status, told.out) == (1, "")
    assert said in told.err
    assert "Traceback" not in told.err
    assert "not foreseen" not in told.err
    assert not out.exists()


def test_evaluating_again_agrees(verilora, trained):
    told = verilora("evaluate", trained)
    assert told.status == 0
    assert "The numbers agree: all 8 predictions are the same to the byte." in told.out
    found = json.loads(verilora("evaluate", trained, "--json", "-q").out)
    assert found["agrees"] is True
    assert found["differing"] == []


def test_numbers_that_were_changed_are_noticed(verilora, trained, tmp_path):
    forged = tmp_path / "forged"
    shutil.copytree(trained, forged)
    run = json.loads((forged / "run.json").read_bytes())
    run["metrics"]["accuracy"]["value"] -= 12.5
    (forged / "run.json").write_text(json.dumps(run))
    told = verilora("evaluate", forged)
    assert told.status == 1
    assert "do NOT agree" in told.out
    assert told.err == "" or "Traceback" not in told.err


def test_evaluating_other_data_compares_nothing(verilora, trained, recipe_file):
    told = verilora("evaluate", trained, "--data", recipe_file.parent, "-q")
    assert told.status == 0
    assert "8 examples of other data; nothing to compare with" in told.out


def test_evaluating_no_run_says_what_is_wanted(verilora, tmp_path):
    told = verilora("evaluate", tmp_path)
    assert told.status == 1
    assert "holds no run.json" in told.err


def test_the_first_batch_is_shown_and_nothing_is_trained(verilora, recipe_file, tmp_path):
    told = verilora("train", recipe_file, "--show-batch", "--out", tmp_path / "run")
    assert told.status == 0
    assert "tiny: the first batch, 4 texts. The label is learnt" in told.out
    assert "[CLS]|a|" in told.out
    assert not (tmp_path / "run").exists()
    shown = json.loads(verilora("train", recipe_file, "--show-batch", "--json").out)
    assert [len(text["tokens"]) for text in shown["texts"]] == [5] * 4
