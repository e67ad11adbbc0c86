"""Which format a path is in."""

from __future__ import annotations

import pytest

from verilora.errors import AdapterFileError, ConfigError
from verilora.lora.formats.dialect import Given
from verilora.lora.formats.dialects import DIALECTS, dialect, dialect_of, read_adapter


@pytest.mark.parametrize(
    ("files", "name"),
    [
        (["adapter_config.json", "adapter_model.safetensors"], "peft"),
        (["adapter_config.json", "adapter_model.bin"], "peft"),
        (["adapter_config.json", "adapters.safetensors"], "mlx"),
        (["lit_model.pth.lora", "hyperparameters.yaml"], "litgpt"),
        (["adapter_model.pt", "adapter_config.json"], "torchtune"),
        (["lora.pt"], "loralib"),
        (["pytorch_lora.bin"], "loralib"),
    ],
)
def test_a_directory_is_known_by_its_files(tmp_path, files, name):
    for file in files:
        (tmp_path / file).touch()
    assert dialect_of(tmp_path).name == name


@pytest.mark.parametrize(
    ("file", "name"),
    [("lit_model.pth.lora", "litgpt"), ("adapter_model.pt", "torchtune"), ("mnli.bin", "loralib")],
)
def test_a_file_is_known_by_its_name(tmp_path, file, name):
    (tmp_path / file).touch()
    assert dialect_of(tmp_path / file).name == name


def test_what_is_none_of_them(tmp_path):
    (tmp_path / "model.onnx").touch()
    with pytest.raises(AdapterFileError, match=r"found: model.onnx.*peft, mlx, litgpt"):
        dialect_of(tmp_path)
    with pytest.raises(AdapterFileError, match="nothing is there"):
        read_adapter(tmp_path / "absent")


def test_a_misspelt_name():
    with pytest.raises(ConfigError, match="did you mean 'torchtune'"):
        dialect("torchtun")
    assert dialect("mlx") is DIALECTS["mlx"]


def test_a_runs_directory_and_a_rank_that_is_another(saved, tiny, tmp_path):
    _, directory = saved(tiny.linears(), rank=3, target_modules=["0"])
    adapter = read_adapter(directory.parent)
    assert list(adapter.pairs) == ["0"]
    with pytest.raises(AdapterFileError, match="has the ranks"):
        read_adapter(directory, Given(rank=4), form="peft")
