"""Round trips through every format, and nothing left behind when one fails."""

from __future__ import annotations

import math

import pytest
import torch

from verilora.errors import AdapterFileError, OutputError
from verilora.lora.formats import proof
from verilora.lora.formats.architecture import architecture_of
from verilora.lora.formats.convert import convert
from verilora.lora.formats.dialect import Given
from verilora.lora.formats.dialects import DIALECTS, read_adapter
from verilora.lora.formats.peft.neutral_write import write_peft

CASES = {
    "plain": {},
    "rank 1": {"rank": 1},
    "rank 5": {"rank": 5, "scale": 16 / 5},
    "rslora": {"rank": 3, "scale": 16 / math.sqrt(3)},
    "odd scale": {"scale": 0.1},
    "bfloat16": {"dtype": torch.bfloat16},
    "float16": {"dtype": torch.float16, "rank": 4},
}
OTHERS = [name for name in DIALECTS if name != "peft"]


@pytest.fixture
def to_peft(tmp_path):
    def to_peft(adapter):
        directory = tmp_path / "source"
        directory.mkdir()
        for name, content in write_peft(adapter).items():
            (directory / name).write_bytes(content)
        return directory

    return to_peft


@pytest.fixture
def sizes(llama_settings):
    return architecture_of(llama_settings)


@pytest.mark.parametrize("name", DIALECTS)
@pytest.mark.parametrize("case", CASES)
def test_there_and_back_is_equal_to_the_bit(
    llama_adapter, to_peft, sizes, tmp_path, name, case, dense
):
    adapter = llama_adapter("q_proj", "k_proj", "down_proj", fields=lambda path: CASES[case])
    source, given = to_peft(adapter), Given(architecture=sizes)
    there = convert(source, name, out=tmp_path / "there", given=given)
    assert there.proof.equal
    alpha = next(iter(adapter.pairs.values())).scale * CASES[case].get("rank", 2)
    back = convert(
        there.directory, "peft", out=tmp_path / "back", given=Given(None, alpha, sizes), form=name
    )
    assert back.proof.equal
    found = read_adapter(back.directory)
    assert set(found.pairs) == set(adapter.pairs)
    for path, pair in adapter.pairs.items():
        assert torch.equal(dense(found.pairs[path]), dense(pair)) or name == "loralib"
        assert found.pairs[path].b.dtype == pair.b.dtype
        torch.testing.assert_close(dense(found.pairs[path]), dense(pair), rtol=1e-12, atol=0)


@pytest.mark.parametrize("name", OTHERS)
def test_patterns_are_filled_up_and_folded(llama_adapter, to_peft, sizes, tmp_path, name):
    own = {"q_proj": {"rank": 3, "scale": 3.0}, "v_proj": {"rank": 1, "scale": 2.0}}
    adapter = llama_adapter(fields=lambda path: own[path.rpartition(".")[2]])
    found = convert(to_peft(adapter), name, out=tmp_path / "o", given=Given(architecture=sizes))
    assert found.proof.relative_error < 2e-7
    assert any("folded into B" in note for note in found.notes)
    again = DIALECTS[name].read(found.directory, Given(None, 2.0 * 3, sizes))
    assert {pair.rank for pair in again.pairs.values()} == {3}
    assert {pair.scale for pair in again.pairs.values()} == {2.0}


def test_peft_holds_patterns_itself(llama_adapter, to_peft, tmp_path, dense):
    own = {"q_proj": {"rank": 3, "scale": 3.0}, "v_proj": {"rank": 1, "scale": 2.0}}
    adapter = llama_adapter(fields=lambda path: own[path.rpartition(".")[2]])
    found = convert(to_peft(adapter), "peft", out=tmp_path / "out")
    assert found.proof.equal
    again = read_adapter(found.directory)
    assert {(p.rank, p.scale) for p in again.pairs.values()} == {(3, 3.0), (1, 2.0)}


@pytest.mark.parametrize("name", ["mlx", "torchtune"])
def test_magnitudes_go_where_there_is_a_place_for_them(
    llama_adapter, to_peft, sizes, tmp_path, name
):
    adapter = llama_adapter(
        "q_proj",
        "k_proj",
        fields=lambda p: {"magnitude": torch.arange(16.0 if "q_proj" in p else 8.0) + 1},
    )
    given = Given(architecture=sizes)
    there = convert(to_peft(adapter), name, out=tmp_path / "there", given=given)
    assert there.proof.tensors == 4
    back = convert(there.directory, "peft", out=tmp_path / "back", given=given)
    for path, pair in read_adapter(back.directory).pairs.items():
        assert torch.equal(pair.magnitude, adapter.pairs[path].magnitude)


@pytest.mark.parametrize(
    ("name", "what"),
    [
        *((name, what) for name in OTHERS for what in ("whole", "conv")),
        *((name, "dora") for name in ("litgpt", "loralib")),
    ],
)
def test_what_a_format_cannot_say_is_refused_and_nothing_is_left(
    llama_adapter, to_peft, sizes, tmp_path, make_pair, name, what
):
    adapter = llama_adapter("q_proj")
    if what == "dora":
        pairs = {p: x.replace(magnitude=torch.ones(16)) for p, x in adapter.pairs.items()}
        adapter = adapter.replace(pairs=pairs)
    elif what == "whole":
        adapter = adapter.replace(whole={"model.norm.weight": torch.ones(16)}, heads=("norm",))
    else:
        pair = make_pair(4, 18, kernel=(2, 3, 3))
        adapter = adapter.replace(pairs={**adapter.pairs, "conv": pair})
    with pytest.raises(AdapterFileError, match="cannot hold this adapter"):
        convert(to_peft(adapter), name, out=tmp_path / "o", given=Given(architecture=sizes))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["source"]


def test_a_conversion_that_is_wrong_leaves_nothing(llama_adapter, to_peft, tmp_path, monkeypatch):
    monkeypatch.setattr(proof, "FLOAT64", -1.0)
    with pytest.raises(AdapterFileError, match="nothing was written"):
        convert(to_peft(llama_adapter()), "mlx", out=tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["source"]


def test_nothing_is_overwritten_and_the_same_bytes_come_out(
    llama_adapter, to_peft, sizes, tmp_path
):
    source, given = to_peft(llama_adapter()), Given(architecture=sizes)
    for name in DIALECTS:
        first = convert(source, name, out=tmp_path / name, given=given)
        second = convert(source, name, out=tmp_path / f"{name}-2", given=given)
        for file in first.files:
            assert (first.directory / file).read_bytes() == (second.directory / file).read_bytes()
        with pytest.raises(OutputError):
            convert(source, name, out=tmp_path / name, given=given)


def test_the_result_is_told(llama_adapter, to_peft, tmp_path):
    found = convert(to_peft(llama_adapter()), "mlx", out=tmp_path / "out")
    assert "4 modules, every ΔW is equal to the bit" in str(found)
    told = found.to_mapping()
    assert told["target"].startswith("mlx-lm")
    assert told["proof"]["equal"] is True
    assert told["files"] == ["adapters.safetensors", "adapter_config.json"]
