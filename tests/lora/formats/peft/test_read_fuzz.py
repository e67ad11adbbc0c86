"""Hundreds of damaged and forged directories: refused in words, or loaded; never anything else."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from torch import nn

from verilora import LoraConfig, attach, load_adapter, save_adapter
from verilora.errors import VeriloraError

FUZZED = settings(
    max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), database=None
)
WEIGHTS, CONFIG, SIDECAR = "adapter_model.safetensors", "adapter_config.json", "verilora.json"
JSON = some.recursive(
    some.sampled_from([None, True, False, 0, 1, -1, 2, 8, 1.5, 1e300, 2**63, "", "LORA", "none"])
    | some.sampled_from(["(a+)+", "first", ".*", "base_model.model.first.weight", "\x00\x1b[2J"])
    | some.text(max_size=3),
    lambda inner: (
        some.lists(inner, max_size=3) | some.dictionaries(some.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=5,
)
Check = Callable[[dict[str, bytes]], None]


def _base() -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layers = {"first": nn.Linear(6, 6), "conv": nn.Conv1d(4, 4, 2, groups=2)}
        return nn.ModuleDict({**layers, "words": nn.Embedding(9, 6), "head": nn.Linear(6, 2)})


@pytest.fixture(scope="module")
def files() -> Iterator[dict[str, bytes]]:
    import tempfile

    config = LoraConfig(
        rank=2,
        target_modules=["first", "conv", "words"],
        modules_to_save=["head"],
        rank_pattern={"first": 3},
    )
    model = attach(_base(), config)
    generator = torch.Generator().manual_seed(0)
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data.copy_(torch.randn(parameter.shape, generator=generator))
    with tempfile.TemporaryDirectory() as place:
        save_adapter(model, Path(place) / "adapter")
        yield {path.name: path.read_bytes() for path in (Path(place) / "adapter").iterdir()}


@pytest.fixture(scope="module")
def check_load(tmp_path_factory: pytest.TempPathFactory) -> Check:
    """Loads the files; whatever they hold, only a VeriloraError may come, and no change with it."""
    place = tmp_path_factory.mktemp("fuzz")
    directory = place / "adapter"
    directory.mkdir()

    def check_load(files: dict[str, bytes]) -> None:
        for path in directory.iterdir():
            path.unlink()
        for name, content in files.items():
            (directory / name).write_bytes(content)
        model, random = _base(), torch.get_rng_state()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                load_adapter(model, directory)
            except VeriloraError as error:
                assert "\x1b" not in str(error)
                _assert_untouched(model)
        assert torch.equal(torch.get_rng_state(), random)
        assert [path.name for path in place.iterdir()] == ["adapter"]
        assert {path.name: path.read_bytes() for path in directory.iterdir()} == files

    return check_load


def _assert_untouched(model: nn.Module) -> None:
    before, after = _base().state_dict(), model.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert [type(m) for m in model.modules()] == [type(m) for m in _base().modules()]
    assert all(parameter.requires_grad for parameter in model.parameters())


def _damaged(draw: Any, content: bytes) -> bytes:
    """The bytes cut, changed, grown or with another length of the header."""
    at = draw(some.integers(0, len(content) - 1))
    piece = draw(some.binary(min_size=1, max_size=9))
    choices = {
        "cut": content[:at],
        "behead": content[at:],
        "overwrite": content[:at] + piece + content[at + len(piece) :],
        "insert": content[:at] + piece + content[at:],
        "append": content + piece,
        "length": piece[:8].ljust(8, b"\0") + content[8:],
        "repeat": content + content,
    }
    return choices[draw(some.sampled_from(sorted(choices)))]


def _mutated(draw: Any, value: Any) -> Any:
    """The value with one node somewhere in it replaced, renamed, taken away or added."""
    if isinstance(value, dict) and value and draw(some.integers(0, 4)):
        key = draw(some.sampled_from(sorted(value)))
        change = draw(some.sampled_from(["inside", "inside", "inside", "drop", "rename", "add"]))
        rest = {name: item for name, item in value.items() if name != key}
        if change == "inside":
            return {**value, key: _mutated(draw, value[key])}
        if change == "drop":
            return rest
        name = draw(some.sampled_from(sorted(value)) | some.text(max_size=4))
        return {**(rest if change == "rename" else value), name: draw(JSON)}
    if isinstance(value, list) and value and draw(some.booleans()):
        index = draw(some.integers(0, len(value) - 1))
        return [*value[:index], _mutated(draw, value[index]), *value[index + 1 :]]
    return draw(JSON)


def _without_sidecar(files: dict[str, bytes], **changes: bytes) -> dict[str, bytes]:
    return {name: content for name, content in files.items() if name != SIDECAR} | changes


def test_the_files_themselves_load(files: dict[str, bytes], tmp_path: Path) -> None:
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    assert load_adapter(_base(), tmp_path)
    (tmp_path / SIDECAR).unlink()
    assert load_adapter(_base(), tmp_path)


@FUZZED
@given(data=some.data())
def test_damaged_tensors(data: Any, files: dict[str, bytes], check_load: Check) -> None:
    damaged = _damaged(data.draw, files[WEIGHTS])
    check_load(_without_sidecar(files, **{WEIGHTS: damaged}))


@FUZZED
@given(data=some.data())
def test_forged_headers(data: Any, files: dict[str, bytes], check_load: Check) -> None:
    content = files[WEIGHTS]
    length = int.from_bytes(content[:8], "little")
    header = _mutated(data.draw, json.loads(content[8 : 8 + length]))
    text = json.dumps(header).encode()
    forged = len(text).to_bytes(8, "little") + text + content[8 + length :]
    check_load(_without_sidecar(files, **{WEIGHTS: forged}))


@FUZZED
@given(data=some.data())
def test_forged_configs(data: Any, files: dict[str, bytes], check_load: Check) -> None:
    config = _mutated(data.draw, json.loads(files[CONFIG]))
    check_load(_without_sidecar(files, **{CONFIG: json.dumps(config).encode()}))


@FUZZED
@given(data=some.data())
def test_forged_sidecars(data: Any, files: dict[str, bytes], check_load: Check) -> None:
    sidecar = _mutated(data.draw, json.loads(files[SIDECAR]))
    check_load({**files, SIDECAR: json.dumps(sidecar).encode()})


@FUZZED
@given(data=some.data(), name=some.sampled_from([CONFIG, SIDECAR]))
def test_damaged_documents(
    data: Any, name: str, files: dict[str, bytes], check_load: Check
) -> None:
    damaged = _damaged(data.draw, files[name])
    check_load({**files, name: damaged})
