"""Experts in bare parameters: read as stacks, written as PEFT has them, added like all else."""

from __future__ import annotations

import pytest
import torch

from verilora import combine, load_adapter
from verilora.errors import AdapterFileError
from verilora.lora.formats.convert import convert
from verilora.lora.formats.dialect import Given
from verilora.lora.formats.peft.neutral import read_peft
from verilora.lora.formats.peft.neutral_write import write_peft

BOTH = ["experts.gate_up_proj", "experts.down_proj"]
PATH = "model.layers.1.mlp.experts"


@pytest.fixture
def mixtral(saved, tiny):
    def mixtral(parameters=tuple(BOTH), **config):
        made = {"rank": 2, "alpha": 3, "target_modules": ["q_proj"], **config}
        return saved(tiny.mixtral(), target_parameters=parameters, **made)

    return mixtral


def test_stacks_are_the_updates_of_the_parameters(mixtral):
    model, directory = mixtral()
    found = read_peft(directory)
    updates = model.get_submodule(PATH).lora
    own = {tuple(u.dense().shape): u.dense().detach() for u in updates.updates()}
    stacks = [found.pairs[PATH], found.pairs[f"{PATH}.base_layer"]]
    assert {pair.experts for pair in stacks} == {3}
    for pair in stacks:
        dense = pair.scale * pair.b @ pair.a
        torch.testing.assert_close(dense, own[tuple(dense.shape)])
    assert found.parameters == tuple(sorted(BOTH))
    assert found.pairs["model.layers.0.self_attn.q_proj"].experts == 0


def test_there_and_back_answers_the_same(mixtral, tiny, answer, tmp_path):
    model, directory = mixtral(scale_rule="rslora")
    done = convert(directory, "peft", out=tmp_path / "out")
    assert done.proof.equal
    again = load_adapter(tiny.mixtral(), done.directory)
    torch.testing.assert_close(answer(again, tiny.ids), answer(model, tiny.ids))


@pytest.mark.parametrize("rank", [None, 2])
def test_sums_of_experts(mixtral, tiny, tmp_path, rank):
    model, directory = mixtral()
    found = combine([directory, directory], [0.5, 1.5], tmp_path / "sum", rank)
    assert found.relative_error < 1e-6
    again = load_adapter(tiny.mixtral(), tmp_path / "sum")
    before, after = (m.get_submodule(PATH).lora for m in (model, again))
    for name, update in before.items():
        torch.testing.assert_close(after[name].dense(), 2 * update.dense(), rtol=1e-4, atol=1e-5)


def test_dense_methods_take_stacks_too(mixtral, tmp_path):
    from verilora.lora.algebra.sparse import Method

    _, directory = mixtral()
    for name in ("ties", "dare-ties", "magnitude"):
        method = Method(name, 0.5)
        combine([directory, directory], [1, 1], tmp_path / name, 16, method=method)
        assert read_peft(tmp_path / name).pairs[PATH].experts == 3


def test_other_forms_have_no_place_for_them(mixtral, tmp_path):
    _, directory = mixtral()
    for name in ("mlx", "loralib"):
        with pytest.raises(AdapterFileError, match="experts in bare parameters"):
            convert(directory, name, out=tmp_path / name)


def test_refusals(mixtral, edit, make_pair, tmp_path):
    _, directory = mixtral()
    (directory / "verilora.json").unlink()
    adapter = read_peft(directory)
    wrong = adapter.pairs[PATH].replace(scale=9.0)
    with pytest.raises(AdapterFileError, match="several ranks or scales"):
        write_peft(adapter.replace(pairs={**adapter.pairs, PATH: wrong}))
    edit(directory / "adapter_config.json", alpha_pattern={"experts.down_proj": 7})
    with pytest.raises(AdapterFileError, match="rank or alpha of their own"):
        read_peft(directory)
    edit(directory / "adapter_config.json", alpha_pattern={}, target_parameters=None)
    with pytest.raises(AdapterFileError, match="names no parameter of it"):
        read_peft(directory)
    edit(directory / "adapter_config.json", target_parameters=BOTH, r=4)
    with pytest.raises(AdapterFileError, match=r"no pair of the rank 4|no stack of experts"):
        read_peft(directory)


def test_patterns_of_other_modules_stay(mixtral, tmp_path, tiny, answer):
    model, directory = mixtral(rank_pattern={"q_proj": 3})
    done = convert(directory, "peft", out=tmp_path / "out")
    again = read_peft(done.directory)
    assert again.pairs["model.layers.0.self_attn.q_proj"].rank == 3
    assert again.pairs[PATH].rank == 2
    loaded = load_adapter(tiny.mixtral(), done.directory)
    torch.testing.assert_close(answer(loaded, tiny.ids), answer(model, tiny.ids))
    uniform = convert(directory, "peft", out=tmp_path / "u", given=Given(uniform=True))
    assert {pair.rank for pair in read_peft(uniform.directory).pairs.values()} == {3}
