"""generate: texts of many adapters, in the order of the file, or what is wrong with it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import BertModel, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from verilora import LoraConfig, adapter_parameters, attach, save_adapter

WORDS = ["<pad>", "<eos>", "<unk>", "one", "two", "three", "four", "five", "six"]
LINES = [
    {"prompt": "one two", "adapter": "a", "id": 1},
    {"prompt": "one two", "adapter": None},
    {"prompt": "six", "adapter": "b"},
]


def adapted(base, *, rank):
    model = LlamaForCausalLM.from_pretrained(base)
    attach(model, LoraConfig(rank=rank, target_modules=["q_proj", "up_proj"]))
    with torch.no_grad():
        for parameter in adapter_parameters(model):
            parameter.add_(torch.randn(parameter.shape))
    return model


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """A base that writes, with a tokenizer, and two adapters of it."""
    home = tmp_path_factory.mktemp("talker")
    sizes = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1}
    config = LlamaConfig(
        vocab_size=len(WORDS),
        num_attention_heads=2,
        max_position_embeddings=32,
        initializer_range=0.5,
        eos_token_id=1,
        **sizes,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        LlamaForCausalLM(config).save_pretrained(home / "base")
        words = Tokenizer(models.WordLevel({w: i for i, w in enumerate(WORDS)}, unk_token="<unk>"))
        words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
        marks = {f"{w}_token": f"<{w}>" for w in ("pad", "eos", "unk")}
        tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, **marks)
        tokenizer.save_pretrained(home / "base")
        for rank, name in enumerate("ab", 2):
            save_adapter(adapted(home / "base", rank=rank), home / name)
    return home


@pytest.fixture
def arguments(places, tmp_path):
    (tmp_path / "in.jsonl").write_text("\n".join(map(json.dumps, LINES)))
    named = f"a={places / 'a'},b={places / 'b'}"
    given = ("generate", "--adapters", named, "--input", tmp_path / "in.jsonl")
    return (*given, "--max-new-tokens", 5)


def test_lines_come_out_in_order_with_their_text(verilora, arguments, places):
    told = verilora(*arguments, "--model", places / "base", "--quiet")
    assert told.status == 0 and not told.err.replace("\n", ""), told.err
    rows = [json.loads(line) for line in told.out.splitlines()]
    assert [{k: v for k, v in row.items() if k != "text"} for row in rows] == LINES
    assert len({row["text"] for row in rows}) == 3
    alone = verilora(*arguments, "--model", places / "base", "--batch-size", 1)
    assert alone.out == told.out


def test_a_file_is_written_once(verilora, arguments, places, tmp_path):
    whole = (*arguments, "--model", places / "base", "--out", tmp_path / "out.jsonl")
    told = verilora(*whole, "--beams", 2, "--json")
    assert told.status == 0, told.err
    mapping = json.loads(told.out)
    assert mapping["requests"] == 3 and mapping["out"] == str(tmp_path / "out.jsonl")
    rows = (tmp_path / "out.jsonl").read_text().splitlines()
    assert [json.loads(row)["adapter"] for row in rows] == ["a", None, "b"]
    again = verilora(*whole)
    assert again.status == 1 and "is there already" in again.err


def test_the_base_is_the_one_that_all_adapters_name(verilora, arguments, places, tmp_path):
    told = verilora(*arguments)
    assert told.status == 1 and "a: no base, b: no base" in told.err and "--model" in told.err
    for name in "ab":
        directory = tmp_path / name
        directory.mkdir()
        for file in ("adapter_model.safetensors", "adapter_config.json"):
            (directory / file).write_bytes((places / name / file).read_bytes())
        config = json.loads((directory / "adapter_config.json").read_text())
        config["base_model_name_or_path"] = str(places / "base")
        (directory / "adapter_config.json").write_text(json.dumps(config))
    named = f"a={tmp_path / 'a'},b={tmp_path / 'b'}"
    told = verilora(*arguments[:2], named, *arguments[3:], "--json")
    assert told.status == 0, told.err
    mapping = json.loads(told.out)
    assert mapping["base"] == str(places / "base") and len(mapping["answers"]) == 3


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("a", "NAME=DIR is wanted"),
        ("a={a},a={b}", "names 'a' twice"),
        ("a={a},b={base}", "holds no adapter"),
    ],
)
def test_adapters_are_named_once_and_there(verilora, arguments, places, given, told):
    named = given.format(**{name: places / name for name in ("a", "b", "base")})
    found = verilora(*arguments[:2], named, *arguments[3:], "--model", places / "base")
    assert found.status == 1 and told in found.err


def test_faults_of_the_file_leave_nothing(verilora, arguments, places, tmp_path):
    (tmp_path / "in.jsonl").write_text('{"prompt": "one", "adapter": "c"}\n')
    out = tmp_path / "out.jsonl"
    found = verilora(*arguments, "--model", places / "base", "--out", out)
    assert found.status == 1 and "in.jsonl, line 1: no adapter is called 'c'" in found.err
    assert not out.exists()


def test_another_base_is_refused(verilora, arguments, tiny_base: Path):
    found = verilora(*arguments, "--model", tiny_base)
    assert found.status == 1 and "not the base that the adapter was made on" in found.err


def test_a_base_that_writes_no_text_is_refused(verilora, arguments, tiny_base, tmp_path):
    model = attach(BertModel.from_pretrained(tiny_base), LoraConfig(target_modules=["query"]))
    save_adapter(model, tmp_path / "encoder")
    named = f"a={tmp_path / 'encoder'},b={tmp_path / 'encoder'}"
    found = verilora(*arguments[:2], named, *arguments[3:], "--model", tiny_base)
    assert found.status == 1 and "BertModel of" in found.err and "writes no text" in found.err
