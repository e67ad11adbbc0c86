"""explain and merge: files told as they are, and a merged model that answers as the adapter did."""

from __future__ import annotations

import json

import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from verilora.cli.main import main
from verilora.lora.formats import load_adapter
from verilora.lora.quantised.quantise import quantise


def test_explain_a_run_tells_norms_results_and_digests(verilora, trained):
    told = verilora("explain", trained)
    assert told.status == 0
    for words in (
        "encoder.layer.0.attention.self.query",
        "‖ΔW‖/‖W‖",
        "trained whole",
        "classifier.weight",
        "adapter_model.safetensors",
        "sha256:",
    ):
        assert words in told.out
    found = json.loads(verilora("explain", trained, "--json").out)
    assert len(found["layers"]) == 2
    assert found["layers"][0]["rank"] == 2
    assert found["layers"][0]["shapes"] == [[2, 16], [16, 2]]
    assert found["base"]["tensors"] > 0
    assert found["results"]["metrics"]["accuracy"] >= 50


def test_explain_an_adapter_by_itself_and_with_its_base(verilora, trained, tiny_base):
    told = verilora("explain", trained / "adapter")
    assert "2 × 16" in told.out
    assert "Give --base MODEL" in told.out
    assert "‖ΔW‖" in told.out
    told = verilora("explain", trained / "adapter", "--base", tiny_base)
    assert told.status == 0
    assert "‖ΔW‖/‖W‖" in told.out
    found = json.loads(verilora("explain", trained, "--base", tiny_base, "--json", "-q").out)
    assert all(layer["relative_norm"] > 0 for layer in found["layers"])


@pytest.mark.parametrize("damage", ["empty", "cut", "edited"])
def test_explain_refuses_what_it_cannot_understand(verilora, tmp_path, damage):
    if damage == "cut":
        (tmp_path / "adapter_config.json").write_text('{"peft_type": "LORA", "r": 2}')
    if damage == "edited":
        (tmp_path / "adapter_config.json").write_text("{")
    told = verilora("explain", tmp_path)
    assert (told.status, told.out) == (1, "")
    assert told.err.startswith("verilora: ")
    assert "not foreseen" not in told.err


def test_the_merged_model_answers_as_base_and_adapter(verilora, trained, tiny_base, tmp_path):
    out = tmp_path / "merged"
    told = verilora("merge", trained, "--base", tiny_base, "--out", out)
    assert told.status == 0
    assert "tensors equal to the bit; the probe is answered within" in told.out
    assert str(out) in told.out
    merged = AutoModelForSequenceClassification.from_pretrained(out)
    adapted = AutoModelForSequenceClassification.from_pretrained(tiny_base, num_labels=2)
    load_adapter(adapted, trained / "adapter")
    batch = AutoTokenizer.from_pretrained(out)("a good day", return_tensors="pt")
    wanted = adapted.eval()(**batch).logits
    torch.testing.assert_close(merged.eval()(**batch).logits, wanted, rtol=1e-5, atol=1e-6)
    assert not any("lora" in name for name in merged.state_dict())
    assert len({path.stat().st_mode for path in out.iterdir()}) == 1
    assert told.err == f"loading {tiny_base} ...\n"


def test_merge_overwrites_nothing(verilora, trained, tiny_base, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    told = verilora("merge", trained, "--base", tiny_base, "--out", tmp_path)
    assert (told.status, told.out) == (1, "")
    assert "nothing is overwritten unasked" in told.err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_merge_replaces_a_model_when_asked(verilora, trained, tiny_base, tmp_path):
    call = ("merge", trained, "--base", tiny_base, "--out", tmp_path / "out", "--shard", "1KB")
    assert verilora(*call).status == 0
    assert len(list((tmp_path / "out").glob("model-*.safetensors"))) > 1
    (tmp_path / "out" / "old.txt").write_text("old")
    assert verilora(*call).status == 1
    told = verilora(*call, "--force", "--json")
    assert told.status == 0
    assert not (tmp_path / "out" / "old.txt").exists()
    found = json.loads(told.out)
    assert found["difference"] <= 1e-4
    assert found["tensors"] > 10
    assert found["merge"]["weights"][0]["lost"] < 1


def test_merge_refuses_another_base_and_leaves_nothing(verilora, trained, tiny_base, tmp_path):
    other = tmp_path / "other"
    model = AutoModelForSequenceClassification.from_pretrained(tiny_base, num_labels=2)
    with torch.no_grad():
        next(model.parameters()).add_(1.0)
    model.base_model.save_pretrained(other)
    told = verilora("merge", trained, "--base", other, "--out", tmp_path / "merged")
    assert told.status == 1
    assert "differ" in told.err
    assert not (tmp_path / "merged").exists()


def test_explain_with_check_is_that_of_convert(verilora, trained):
    told = verilora("explain", trained, "--check", "vllm")
    assert told.status == 1
    assert "modules_to_save is set" in told.out
    assert told.out == verilora("convert", trained, "--check", "vllm").out


@pytest.fixture(scope="module")
def trained_in_4_bits(recipe_file, tmp_path_factory):
    pytest.importorskip("bitsandbytes", reason="a quantised base needs bitsandbytes")
    directory = tmp_path_factory.mktemp("packed") / "run"
    call = ["train", recipe_file, "--out", directory, "--quiet", "--set", 'model.base="nf4"']
    assert main([str(part) for part in call]) == 0
    return directory


@pytest.mark.parametrize("onto", [None, "dequantised", "original"])
def test_an_adapter_of_a_quantised_base_goes_onto_what_it_was_trained_with(
    verilora, trained_in_4_bits, tiny_base, tmp_path, onto
):
    out, more = tmp_path / "merged", [] if onto is None else ["--onto", onto]
    told = verilora("merge", trained_in_4_bits, "--base", tiny_base, "--out", out, *more)
    assert told.status == 0, told.err
    wanted = "Measure it." if onto == "original" else "--onto original takes"
    assert wanted in told.out
    measured, whole = (
        AutoModelForSequenceClassification.from_pretrained(tiny_base, num_labels=2) for _ in "ab"
    )
    quantise(measured, "nf4", skip=("classifier",))
    load_adapter(measured, trained_in_4_bits / "adapter")
    load_adapter(whole, trained_in_4_bits / "adapter")
    merged = AutoModelForSequenceClassification.from_pretrained(out).eval()
    batch = AutoTokenizer.from_pretrained(out)("a good day", return_tensors="pt")
    answers = [model.eval()(**batch).logits for model in (measured, whole)]
    mine, other = answers[::-1] if onto == "original" else answers
    torch.testing.assert_close(merged(**batch).logits, mine, rtol=1e-5, atol=1e-6)
    assert not torch.allclose(merged(**batch).logits, other, rtol=1e-4, atol=1e-5)


def test_a_whole_base_has_nothing_to_dequantise(verilora, trained, tiny_base, tmp_path):
    call = ("merge", trained, "--base", tiny_base, "--out", tmp_path / "out")
    told = verilora(*call, "--onto", "dequantised")
    assert told.status == 1
    assert "leave --onto out" in told.err
    assert json.loads(verilora(*call, "--json").out)["onto"] == "original"


def test_a_run_on_a_quantised_base_verifies_and_plans(verilora, trained_in_4_bits, recipe_file):
    told = verilora("evaluate", trained_in_4_bits)
    assert told.status == 0, told.err
    told = verilora("plan", recipe_file, "--set", 'model.base="nf4"')
    assert told.status == 0, told.err
    assert "loading" in told.out
