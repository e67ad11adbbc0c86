"""A bank checks what load_adapter checks, also where it knows the adapter's shape already."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file, save_file

from verilora.errors import AdapterFileError, BaseMismatch
from verilora.serve.reading import Reader
from verilora.serve.twin import twin_of

Write = Callable[..., Path]
CONFIG = {"rank": 2, "target_modules": ["q_proj"]}


@pytest.fixture
def reader(tiny: SimpleNamespace) -> Reader:
    return Reader(twin_of(tiny.llama()), rank=8)


def changed(directory: Path, **values: float) -> None:
    tensors = load_file(directory / "adapter_model.safetensors")
    first = next(iter(tensors))
    tensors[first][0, 0] = values["first"]
    save_file(tensors, directory / "adapter_model.safetensors", {"format": "pt"})


@pytest.mark.parametrize("known", [False, True])
def test_an_edited_file_is_refused(
    known: bool, reader: Reader, tiny: SimpleNamespace, write: Write
) -> None:
    directory = write("a", tiny.llama(), **CONFIG)
    if known:
        reader.read(write("b", tiny.llama(), **CONFIG), check_base=True)
    config = json.loads((directory / "adapter_config.json").read_text())
    (directory / "adapter_config.json").write_text(json.dumps(config))
    with pytest.raises(AdapterFileError, match="was changed since it was written"):
        reader.read(directory, check_base=True)


@pytest.mark.parametrize("known", [False, True])
def test_edited_tensors_are_refused(
    known: bool, reader: Reader, tiny: SimpleNamespace, write: Write
) -> None:
    directory = write("a", tiny.llama(), **CONFIG)
    if known:
        reader.read(directory, check_base=True)
    changed(directory, first=0.5)
    with pytest.raises(AdapterFileError, match="was changed since it was written"):
        reader.read(directory, check_base=True)


@pytest.mark.parametrize("known", [False, True])
def test_values_that_are_no_numbers_are_refused(
    known: bool, reader: Reader, tiny: SimpleNamespace, write: Write
) -> None:
    directory = write("a", tiny.llama(), **CONFIG)
    (directory / "verilora.json").unlink()
    if known:
        reader.read(directory, check_base=True)
    changed(directory, first=float("nan"))
    with pytest.raises(AdapterFileError, match="NaN"):
        reader.read(directory, check_base=True)


def test_the_base_is_checked_for_every_adapter(
    reader: Reader, tiny: SimpleNamespace, write: Write
) -> None:
    other = tiny.llama()
    with torch.no_grad():
        other.lm_head.weight[0, 0] += 1
    own, strange = write("a", tiny.llama(), **CONFIG), write("b", other, **CONFIG)
    reader.read(own, check_base=True)
    with pytest.raises(BaseMismatch, match=r"lm_head\.weight"):
        reader.read(strange, check_base=True)
    reader.read(strange, check_base=False)


def test_copies_of_the_base_are_compared(
    reader: Reader, tiny: SimpleNamespace, write: Write
) -> None:
    directory = write("a", tiny.llama(), rank=2, target_modules=["embed_tokens"])
    (directory / "verilora.json").unlink()
    path = directory / "adapter_model.safetensors"
    name = "base_model.model.model.embed_tokens.base_layer.weight"
    for added, fits in ((0.0, True), (1.0, False)):
        copy = tiny.llama().model.embed_tokens.weight.detach() + added
        save_file({**load_file(path), name: copy}, path, {"format": "pt"})
        if fits:
            reader.read(directory, check_base=True)
        else:
            with pytest.raises(AdapterFileError, match="copy of the base's"):
                reader.read(directory, check_base=True)


def test_other_shapes_are_planned_anew(reader: Reader, tiny: SimpleNamespace, write: Write) -> None:
    found = [
        reader.read(write(name, tiny.llama(), **{**CONFIG, **more}), check_base=True).inventory
        for name, more in {"a": {}, "b": {"seed": 3}, "c": {"rank": 3}, "d": {"alpha": 3}}.items()
    ]
    assert found[0] is found[1]
    assert [one.sites[0].parts[0].scale for one in found] == [8.0, 8.0, 16 / 3, 1.5]


def test_an_adapter_of_another_model_is_refused(
    reader: Reader, tiny: SimpleNamespace, write: Write
) -> None:
    with pytest.raises(AdapterFileError, match="does not fit the model"):
        reader.read(write("a", tiny.gpt2(), rank=2, target_modules=["c_attn"]), check_base=True)
