"""Written without a model, read by PEFT and by verilora: the same updates."""

from __future__ import annotations

import json

import pytest
import torch

from verilora import load_adapter
from verilora.errors import AdapterFileError
from verilora.lora.formats.adapter import Adapter
from verilora.lora.formats.peft.neutral import read_peft
from verilora.lora.formats.peft.neutral_write import write_peft


@pytest.fixture
def put(tmp_path):
    def put(adapter):
        directory = tmp_path / "neutral"
        directory.mkdir(exist_ok=True)
        for name, content in write_peft(adapter).items():
            (directory / name).write_bytes(content)
        return directory

    return put


def test_peft_and_verilora_apply_what_is_written(llama_adapter, put, tiny, peft_loads, dense):
    own = {"q_proj": {"rank": 3, "scale": 0.7}, "down_proj": {"rank": 1, "scale": 2.0}}
    adapter = llama_adapter(*own, fields=lambda path: own[path.rpartition(".")[2]])
    directory = put(adapter)
    theirs = peft_loads(tiny.llama(), directory)
    for path, pair in adapter.pairs.items():
        module = theirs.get_submodule(f"base_model.model.{path}")
        torch.testing.assert_close(module.get_delta_weight("default"), dense(pair).float())
    ours = load_adapter(tiny.llama(), directory)
    torch.testing.assert_close(ours(tiny.ids).logits, theirs(tiny.ids).logits, rtol=1e-4, atol=1e-4)


def test_full_paths_so_that_no_other_layer_is_meant(llama_adapter, put, tiny, peft_loads):
    whole = llama_adapter("q_proj")
    one = whole.replace(pairs={p: x for p, x in whole.pairs.items() if ".1." in p})
    directory = put(one)
    config = json.loads((directory / "adapter_config.json").read_text())
    assert config["target_modules"] == ["model.layers.1.self_attn.q_proj"]
    peft_loads(tiny.llama(), directory)


@pytest.mark.parametrize(
    "config",
    [
        {"use_dora": True},
        {"bias": "lora_only"},
        {"bias": "all"},
        {"task_type": "SEQ_CLS"},
        {"use_rslora": True, "lora_dropout": 0.1},
    ],
)
def test_what_peft_saved_comes_back_and_peft_answers_the_same(
    peft_saves, put, tiny, peft_loads, config
):
    model, directory = peft_saves(tiny.roberta(), r=3, target_modules=["query", "value"], **config)
    again = put(read_peft(directory))
    loaded = peft_loads(tiny.roberta(), again)
    with torch.no_grad():
        found, wanted = loaded(tiny.ids).logits, model.eval()(tiny.ids).logits
        torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)


def test_convolutions_and_gpt2(saved, put, tiny, peft_loads):
    model = tiny.seeded(lambda: torch.nn.Sequential(torch.nn.Conv2d(3, 4, 2)))
    adapted, directory = saved(model, rank=2, target_modules=["0"])
    again = put(read_peft(directory))
    plain = tiny.seeded(lambda: torch.nn.Sequential(torch.nn.Conv2d(3, 4, 2)))
    x = torch.randn(1, 3, 5, 5)
    torch.testing.assert_close(load_adapter(plain, again)(x), adapted(x))
    path = "transformer.h.0.attn.c_attn"
    pair = read_peft(saved(tiny.gpt2(), rank=2, target_modules=["c_attn"])[1]).pairs[path]
    directory = put(Adapter({path: pair}))
    assert json.loads((directory / "adapter_config.json").read_text())["fan_in_fan_out"] is True


def test_the_bytes_depend_on_values_alone(llama_adapter):
    adapter = llama_adapter()
    backwards = adapter.replace(pairs=dict(reversed(adapter.pairs.items())))
    assert write_peft(adapter) == write_peft(backwards)


def test_refusals(llama_adapter, make_pair):
    pairs = llama_adapter("q_proj").pairs
    first = next(iter(pairs))
    half = {**pairs, first: pairs[first].replace(magnitude=torch.ones(16))}
    with pytest.raises(AdapterFileError, match="magnitudes stand on some modules"):
        write_peft(Adapter(half))
    with pytest.raises(AdapterFileError, match="is -1, not above 0"):
        write_peft(Adapter({"x": make_pair(2, 2, scale=-1.0)}))
