"""An adapter's directory: which files are there and whether they are as they were written."""

from __future__ import annotations

import json
import pickle  # allowed: a hostile file is made for the test
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from verilora.errors import AdapterFileError
from verilora.lora.formats.peft.folder import open_folder

Saved = Callable[..., tuple[nn.Module, Path]]


@pytest.fixture
def directory(tiny: SimpleNamespace, saved: Saved) -> Path:
    return saved(tiny.linears(), rank=2, target_modules=["0"])[1]


def test_what_is_found(directory: Path) -> None:
    folder = open_folder(directory)
    assert folder.stated.rank == 2
    assert folder.sidecar is not None
    assert folder.edited == ()
    tensors, faults = folder.tensors()
    assert faults == []
    assert tensors.keys() == folder.entries.keys()
    assert folder.weights_edited() == ()


def test_without_verilora_json(directory: Path) -> None:
    (directory / "verilora.json").unlink()
    assert open_folder(directory).sidecar is None


def test_edited_files_are_told(directory: Path) -> None:
    path = directory / "adapter_config.json"
    path.write_text(path.read_text("utf-8").replace('"lora_alpha": 16', '"lora_alpha": 17'))
    weights = directory / "adapter_model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    folder = open_folder(directory)
    assert "adapter_config.json was changed since it was written" in folder.edited[0]
    assert "adapter_model.safetensors was changed" in folder.weights_edited()[0]
    assert folder.tensors()[1] == list(folder.weights_edited())


def test_tensors_replaced_between_two_looks(directory: Path, tmp_path: Path) -> None:
    folder = open_folder(directory)
    (directory / "adapter_model.safetensors").write_bytes((2).to_bytes(8, "little") + b"{}")
    assert "was replaced while it was read" in folder.tensors()[1][-1]
    (directory / "adapter_model.safetensors").unlink()
    assert "No such file" in folder.tensors()[1][0]


def _told(path: Path) -> str:
    with pytest.raises(AdapterFileError) as caught:
        open_folder(path)
    assert caught.value.facts["directory"] == path
    return str(caught.value)


def test_no_directory(tmp_path: Path) -> None:
    assert "no such directory; an adapter of the hub is downloaded first" in _told(tmp_path / "x")
    (tmp_path / "file").write_text("x", "utf-8")
    assert "no such directory" in _told(tmp_path / "file")


def test_an_empty_directory_tells_both_files(tmp_path: Path) -> None:
    told = _told(tmp_path)
    assert "2 faults" in told
    assert "adapter_model.safetensors is missing" in told
    assert "adapter_config.json is missing" in told


def test_a_pickle_is_not_opened(directory: Path) -> None:
    (directory / "adapter_model.safetensors").unlink()
    (directory / "adapter_model.bin").write_bytes(b"would run anything")
    assert "read it with verilora convert --to peft, which takes plain tensors alone" in _told(
        directory
    )


@pytest.mark.parametrize("zipped", [False, True])
def test_a_pickle_under_another_name(zipped: bool, directory: Path) -> None:
    path = directory / "adapter_model.safetensors"
    if zipped:
        torch.save({"a": torch.zeros(1)}, path)
    else:
        path.write_bytes(pickle.dumps({"a": 1}))
    assert "is a pickle, which could run any code" in _told(directory)


def test_an_adapter_with_a_name_of_its_own(directory: Path) -> None:
    inner = directory.rename(directory.with_name("inner"))
    outer = directory.with_name("outer")
    outer.mkdir()
    inner.rename(outer / "mine")
    assert "there are adapters in its folders 'mine'" in _told(outer)


def test_faults_of_all_files_are_told_together(directory: Path) -> None:
    (directory / "adapter_model.safetensors").write_bytes(b"123")
    (directory / "adapter_config.json").write_text("{]", "utf-8")
    (directory / "verilora.json").write_text('{"format": 1}', "utf-8")
    told = _told(directory)
    assert "3 faults" in told
    assert "adapter_model.safetensors is cut off" in told
    assert "adapter_config.json: is not JSON" in told
    assert "verilora.json: format is 1" in told


@pytest.mark.parametrize("name", ["adapter_config.json", "verilora.json"])
def test_documents_of_a_strange_size_or_kind(name: str, directory: Path) -> None:
    path = directory / name
    path.write_bytes(b"")
    assert f"{name}: is not JSON" in _told(directory)
    with path.open("wb") as file:
        file.truncate((64 << 20) + 1)
    assert f"{name} has 67,108,865 bytes; at most" in _told(directory)
    path.unlink()
    path.mkdir()
    assert f"{name} is no regular file" in _told(directory)


def test_links_are_followed_as_in_the_hub_s_cache(directory: Path, tmp_path: Path) -> None:
    snapshot = tmp_path / "snapshot"
    snapshot.mkdir()
    for path in directory.iterdir():
        (snapshot / path.name).symlink_to(path)
    assert open_folder(snapshot).edited == ()
    (snapshot / "verilora.json").unlink()
    (snapshot / "verilora.json").symlink_to(tmp_path / "nowhere")
    assert "verilora.json is no regular file" in _told(snapshot)


def test_control_characters_of_a_file_do_not_reach_the_terminal(directory: Path) -> None:
    path = directory / "adapter_config.json"
    found = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps({**found, "\x1b[2Jkey": "\x07" * 3000}), "utf-8")
    told = _told(directory)
    assert "\x1b" not in told
    assert "\x07" not in told
    assert len(told) < 1000
