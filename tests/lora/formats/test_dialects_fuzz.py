"""Damaged and forged files of every format: refused in words, or read; never anything else."""

from __future__ import annotations

import io
import json
import warnings
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from verilora.errors import VeriloraError
from verilora.lora.formats.adapter import Adapter
from verilora.lora.formats.architecture import architecture_of
from verilora.lora.formats.dialect import Given
from verilora.lora.formats.dialects import DIALECTS

FUZZED = settings(
    max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), database=None
)
VALUES = some.sampled_from(
    [None, True, 0, -1, 2, 1.5, 1e300, "", "x", [], {}, [1], {"rank": 2}, "(a+)+", 2**70]
)
SHAPES = some.lists(some.integers(0, 5), max_size=3)


@pytest.fixture
def written(llama_adapter, llama_settings, tmp_path):
    """A function: the directory of an adapter in the format, and what reads it."""
    sizes = architecture_of(llama_settings)

    def written(name):
        done = DIALECTS[name].write(llama_adapter("q_proj", "v_proj"), Given(architecture=sizes))
        directory = tmp_path / name
        directory.mkdir(exist_ok=True)
        for file, content in done.files.items():
            (directory / file).write_bytes(content)
        return directory, done.given if done.given.architecture else Given(None, 4, sizes)

    return written


def read(name: str, directory: Path, known: Given) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            found = DIALECTS[name].read(directory, known)
        except VeriloraError as error:
            assert str(error)
        else:
            assert isinstance(found, Adapter)


@pytest.mark.parametrize("name", DIALECTS)
def test_bytes_that_are_cut_changed_or_added(written, name):
    directory, known = written(name)
    files = {path: path.read_bytes() for path in directory.iterdir()}

    @FUZZED
    @given(data=some.data())
    def check(data):
        path = data.draw(some.sampled_from(sorted(files)))
        content = bytearray(files[path])
        place = data.draw(some.integers(0, max(0, len(content) - 1)))
        how = data.draw(some.sampled_from(["cut", "flip", "insert", "zeros"]))
        if how == "cut":
            content = content[:place]
        elif how == "flip":
            content[place] ^= 1 << data.draw(some.integers(0, 7))
        elif how == "insert":
            content[place:place] = data.draw(some.binary(min_size=1, max_size=9))
        else:
            content[place : place + 8] = bytes(8)
        path.write_bytes(bytes(content))
        read(name, directory, known)
        path.write_bytes(files[path])

    check()


@pytest.mark.parametrize("name", ["peft", "mlx", "torchtune"])
def test_settings_that_no_program_writes(written, name):
    directory, known = written(name)
    path = directory / "adapter_config.json"
    whole = json.loads(path.read_text())

    @FUZZED
    @given(key=some.sampled_from(sorted(whole)), value=VALUES)
    def check(key, value):
        path.write_text(json.dumps({**whole, key: value}))
        read(name, directory, known)

    check()


@pytest.mark.parametrize("name", ["loralib", "torchtune", "litgpt"])
def test_pickles_of_other_things(written, name):
    directory, known = written(name)
    path = next(p for p in directory.iterdir() if p.suffix in (".pt", ".lora"))
    whole = torch.load(path, weights_only=True)
    inner = whole.get("model", whole)

    @FUZZED
    @given(
        key=some.sampled_from([*sorted(inner), "model", "model_state_dict", "x.lora_A", ""]),
        value=VALUES | SHAPES.map(lambda shape: torch.ones(shape)),
    )
    def check(key, value):
        changed = {**inner, key: value}
        buffer = io.BytesIO()
        torch.save({"model": changed} if "model" in whole else changed, buffer)
        path.write_bytes(buffer.getvalue())
        read(name, directory, known)

    check()
