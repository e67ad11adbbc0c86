"""What an adapter's files say by themselves: true to the files, whoever wrote them."""

from __future__ import annotations

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file

from verilora import LoraConfig, attach, save_adapter
from verilora.cli.contents import adapter_directory, read_contents, told
from verilora.errors import AdapterFileError
from verilora.records.digests import digest_file


def test_a_run_and_its_adapter_are_the_same_adapter(trained):
    assert adapter_directory(trained) == adapter_directory(trained / "adapter")
    with pytest.raises(AdapterFileError, match="holds no adapter"):
        adapter_directory(trained.parent)


def test_the_contents_are_those_of_the_files(trained):
    contents = read_contents(trained / "adapter")
    tensors = load_file(trained / "adapter" / "adapter_model.safetensors")
    factors = [t for name, t in tensors.items() if "lora_" in name]
    assert contents.parameters == sum(t.numel() for t in factors)
    assert {name for name, _ in contents.whole} == {n for n in tensors if "lora_" not in n}
    assert len(contents.layers) == 2
    for name, size, digest in contents.files:
        path = trained / "adapter" / name
        assert (size, digest) == (path.stat().st_size, digest_file(path))
    assert contents.base["class"] == "BertForSequenceClassification"
    assert contents.base["dtypes"] == ["float32"]


def test_without_verilora_json_it_is_bound_to_nothing(trained, tmp_path):
    elsewhere = tmp_path / "adapter"
    shutil.copytree(trained / "adapter", elsewhere)
    (elsewhere / "verilora.json").unlink()
    contents = read_contents(elsewhere)
    assert contents.base == {}
    assert contents.results == {}
    assert "no (made elsewhere)" in told(contents)


def test_the_mapping_is_json(trained):
    mapping = read_contents(trained).to_mapping()
    assert json.loads(json.dumps(mapping))["files"][0]["digest"].startswith("sha256:")
    assert mapping["norms"]["layers"]
    assert read_contents(trained / "adapter").norms is None


@pytest.mark.parametrize("name", ["adapter_config.json", "adapter_model.safetensors"])
@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\x80\x04pickle", b"\xff" * 40])
def test_damaged_files_are_refused_with_a_sentence(trained, tmp_path, name, content):
    elsewhere = tmp_path / "adapter"
    shutil.copytree(trained / "adapter", elsewhere)
    (elsewhere / name).write_bytes(content)
    with pytest.raises(AdapterFileError, match="cannot be read"):
        read_contents(elsewhere)


@pytest.mark.parametrize("sidecar", [{}, {"base": 3}, {"base": {"tensors": []}}, {"results": 1}])
def test_an_odd_sidecar_does_not_end_it(trained, tmp_path, sidecar):
    elsewhere = tmp_path / "adapter"
    shutil.copytree(trained / "adapter", elsewhere)
    (elsewhere / "verilora.json").write_text(json.dumps(sidecar))
    assert "adapter parameters" in told(read_contents(elsewhere))


def test_strength_is_that_of_the_dense_update(trained):
    tensors = load_file(trained / "adapter" / "adapter_model.safetensors")
    for layer in read_contents(trained / "adapter").layers:
        prefix = f"base_model.model.{layer.path}.lora_"
        a, b = (tensors[f"{prefix}{factor}.weight"].double() for factor in "AB")
        dense = layer.scale * b @ a
        assert layer.strength is not None
        assert layer.strength.norm == pytest.approx(float(dense.norm()))
        assert layer.strength.numerical_rank == int(torch.linalg.matrix_rank(dense.float()))
        assert 1 <= layer.strength.effective_rank <= layer.rank


def test_keys_that_are_not_known_are_said(trained, tmp_path):
    elsewhere = tmp_path / "adapter"
    shutil.copytree(trained / "adapter", elsewhere)
    config = json.loads((elsewhere / "adapter_config.json").read_text())
    (elsewhere / "adapter_config.json").write_text(json.dumps({**config, "use_new": False}))
    contents = read_contents(elsewhere)
    assert contents.unknown == ("use_new",)
    assert "keys not known" in told(contents)


def test_experts_have_no_strength_of_their_own(tmp_path):
    model = torch.nn.Module()
    model.up = torch.nn.Parameter(torch.randn(3, 4, 4))
    holder = torch.nn.Module()
    holder.experts = model
    attach(holder, LoraConfig(rank=2, target_modules=[], target_parameters=["experts.up"]))
    save_adapter(holder, tmp_path / "adapter")
    contents = read_contents(tmp_path / "adapter")
    assert [layer.strength for layer in contents.layers] == [None]
    assert " - " in told(contents)


def test_magnitudes_are_part_of_the_adapter_and_no_module_trained_whole(tmp_path):
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(8, 6), torch.nn.Linear(6, 4))
    attach(model, LoraConfig(rank=2, target_modules=["0", "1"], weight_rule="dora"))
    save_adapter(model, tmp_path / "adapter")
    contents = read_contents(tmp_path / "adapter")
    assert (contents.whole, contents.magnitudes) == ((), 2)
    assert contents.parameters == 2 * (8 + 6) + 2 * (6 + 4) + 6 + 4
    assert "DoRA's norms        in 2 modules" in told(contents)


def test_what_another_program_wrote_is_to_be_converted(tmp_path):
    (tmp_path / "adapter_config.json").write_text('{"fine_tune_type": "lora"}')
    with pytest.raises(AdapterFileError, match=r"verilora convert .* --to peft --out DIR"):
        read_contents(tmp_path)
