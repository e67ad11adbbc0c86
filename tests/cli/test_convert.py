"""convert: from and to, what is lacking, and what a program would refuse."""

from __future__ import annotations

import json

import pytest
import torch

LLAMA = {
    "model_type": "llama",
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 1,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
}
Q = "model.layers.0.self_attn.q_proj"


@pytest.fixture
def model(tmp_path):
    (tmp_path / "llama").mkdir()
    (tmp_path / "llama" / "config.json").write_text(json.dumps(LLAMA))
    return tmp_path / "llama"


@pytest.fixture
def loralib(tmp_path):
    torch.save(
        {f"{Q}.lora_A": torch.randn(2, 16), f"{Q}.lora_B": torch.randn(16, 2)}, tmp_path / "x.bin"
    )
    return tmp_path / "x.bin"


def test_around_through_every_form(verilora, tmp_path, loralib, model):
    told = verilora("convert", loralib, "--to", "peft", "--alpha", 3, "--out", tmp_path / "peft")
    assert told.status == 0, told.err
    assert "1 module, every ΔW is equal to the bit" in told.out
    for name in ("mlx", "litgpt", "torchtune", "loralib"):
        out = tmp_path / name
        told = verilora("convert", tmp_path / "peft", "--to", name, "--model", model, "--out", out)
        assert told.status == 0, told.err
        back = [out, "--to", "peft", "--model", model, "--out", tmp_path / f"{name}-back"]
        told = verilora("convert", *back, "--alpha", 3, "--json")
        assert told.status == 0, told.err
        assert json.loads(told.out)["proof"]["equal"] is True
        config = json.loads((tmp_path / f"{name}-back" / "adapter_config.json").read_text())
        assert (config["r"], config["lora_alpha"]) == (2, 3)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--to", "peft"], "say --to FORMAT and --out DIR"),
        (["--to", "peft", "--out", "o"], "holds no alpha"),
        (["--to", "pfet", "--alpha", 3, "--out", "o"], "did you mean 'peft'"),
        (["--to", "peft", "--alpha", 3, "--rank", 4, "--out", "o"], "has the rank 2"),
        (["--to", "torchtune", "--alpha", 3, "--out", "o"], "give the base with --model"),
        (["--from", "mlx", "--to", "peft", "--out", "o"], "cannot be read as mlx-lm's"),
        (["--to", "mlx", "--alpha", 3, "--out", "o", "--model", "./no-such"], "--model"),
    ],
)
def test_what_is_lacking_is_told_and_nothing_is_left(
    verilora, loralib, tmp_path, monkeypatch, arguments, told
):
    monkeypatch.chdir(tmp_path)
    found = verilora("convert", loralib, *arguments)
    assert found.status == 1
    assert told in found.err
    assert "not foreseen" not in found.err
    assert [path.name for path in tmp_path.iterdir()] == ["x.bin"]


def test_check_has_an_exit_status(verilora, loralib, tmp_path, trained):
    made = [loralib, "--to", "peft", "--alpha", 3, "--out", tmp_path / "peft"]
    assert verilora("convert", *made).status == 0
    told = verilora("convert", tmp_path / "peft", "--check", "vllm")
    assert told.status == 0
    assert "vllm takes this adapter" in told.out
    told = verilora("convert", trained, "--check", "llama.cpp", "--json")
    assert told.status == 1
    assert json.loads(told.out)["refused"]


def test_parts_and_one_rank_for_all(verilora, tmp_path):
    path = "transformer.h.0.attn.c_attn"
    content = {f"{path}.lora_A": torch.randn(2, 4), f"{path}.lora_B": torch.randn(4, 2)}
    torch.save({"model_state_dict": content}, tmp_path / "x.pt")
    made = [tmp_path / "x.pt", "--to", "peft", "--alpha", 2, "--parts", "k"]
    told = verilora("convert", *made, "--out", tmp_path / "peft", "--uniform")
    assert told.status == 0, told.err
    config = json.loads((tmp_path / "peft" / "adapter_config.json").read_text())
    assert config["fan_in_fan_out"] is True


def test_a_directory_that_holds_something_stays_and_no_flag_is_named_that_is_none(
    verilora, loralib, tmp_path
):
    (tmp_path / "o").mkdir()
    (tmp_path / "o" / "mine").write_text("x")
    found = verilora("convert", loralib, "--to", "peft", "--alpha", 3, "--out", tmp_path / "o")
    assert found.status == 1
    assert "choose another directory" in found.err
    assert "--force" not in found.err
    assert [path.name for path in (tmp_path / "o").iterdir()] == ["mine"]
