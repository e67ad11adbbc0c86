"""What vLLM and llama.cpp would do with an adapter, each of their rules once."""

from __future__ import annotations

import pytest
import torch

from verilora.errors import AdapterFileError, ConfigError
from verilora.lora.formats.consumers import check_consumer
from verilora.lora.formats.convert import convert
from verilora.lora.formats.dialect import Given

PATTERNS = {"alpha_pattern": {"v_proj": 3}}


@pytest.fixture
def peft(peft_saves, tiny):
    def peft(model="llama", **config):
        targets = ["query"] if model == "roberta" else ["q_proj", "v_proj"]
        made = {"r": 4, "lora_alpha": 8, "target_modules": targets, **config}
        return peft_saves(getattr(tiny, model)(), **made)[1]

    return peft


@pytest.mark.parametrize("consumer", ["vllm", "llama.cpp"])
def test_a_plain_adapter_is_taken(peft, consumer):
    found = check_consumer(peft(), consumer)
    assert found.accepted
    assert found.to_mapping()["refused"] == []
    assert f"{consumer} takes this adapter" in str(found)


@pytest.mark.parametrize(
    ("model", "config", "vllm", "llamacpp"),
    [
        ("roberta", {"task_type": "SEQ_CLS"}, "modules_to_save is set", "stops at tensors"),
        ("llama", {"use_dora": True}, "use_dora is set", "stops at tensors"),
        ("roberta", {"bias": "lora_only"}, "trained biases", "stops at tensors"),
    ],
)
def test_what_both_refuse(peft, model, config, vllm, llamacpp):
    directory = peft(model, **config)
    for consumer, told in (("vllm", vllm), ("llama.cpp", llamacpp)):
        found = check_consumer(directory, consumer)
        assert not found.accepted
        assert any(told in sentence for sentence in found.refused), found


@pytest.mark.parametrize(
    ("rank", "refused", "note"),
    [(8, False, None), (16, False, None), (24, False, "--max-lora-rank 32"), (600, True, None)],
)
def test_ranks_of_vllm(peft, rank, refused, note):
    found = check_consumer(peft(r=rank), "vllm")
    assert bool(found.refused) is refused
    assert note is None or any(note in told for told in found.notes)
    assert note is not None or not any("--max-lora-rank" in told for told in found.notes)


@pytest.mark.parametrize(
    ("config", "vllm", "llamacpp"),
    [
        ({"alpha_pattern": {"v_proj": 3}}, True, True),
        ({"rank_pattern": {"v_proj": 2}}, True, False),
        ({"rank_pattern": {"v_proj": 2}, "alpha_pattern": {"v_proj": 4}}, False, True),
        ({"use_rslora": True}, False, True),
    ],
)
def test_scales_that_are_computed_otherwise_without_a_word(peft, tmp_path, config, vllm, llamacpp):
    directory = peft(**config)
    assert bool(check_consumer(directory, "vllm").wrong) is vllm
    assert bool(check_consumer(directory, "llama.cpp").wrong) is llamacpp
    convert(directory, "peft", out=tmp_path / "mended", given=Given(uniform=True))
    for consumer in ("vllm", "llama.cpp"):
        assert check_consumer(tmp_path / "mended", consumer).accepted


def test_embeddings_and_other_forms(peft, peft_saves, tiny, tmp_path):
    directory = peft(target_modules=["embed_tokens", "lm_head"])
    assert any("lm_head" in note for note in check_consumer(directory, "llama.cpp").notes)
    convert(directory, "mlx", out=tmp_path / "mlx")
    found = check_consumer(tmp_path / "mlx", "vllm")
    assert "convert it first" in found.refused[0]


def test_convolutions_and_experts(saved, tiny, edit):
    model = tiny.seeded(lambda: torch.nn.Sequential(torch.nn.Conv2d(3, 4, 2)))
    _, directory = saved(model, rank=2, target_modules=["0"])
    for consumer in ("vllm", "llama.cpp"):
        assert any("convolutions" in one for one in check_consumer(directory, consumer).refused)
    experts = {"target_modules": [], "target_parameters": ["experts.gate_up_proj"]}
    _, directory = saved(tiny.mixtral(), rank=2, **experts)
    assert any("bare parameters" in one for one in check_consumer(directory, "llama.cpp").refused)
    assert any("is_3d_lora_weight" in one for one in check_consumer(directory, "vllm").notes)
    edit(directory / "adapter_config.json", target_modules=None)
    assert any("target_modules" in one for one in check_consumer(directory, "vllm").refused)


def test_names_and_files_at_fault(peft, edit):
    with pytest.raises(ConfigError, match="did you mean 'vllm'"):
        check_consumer(peft(), "vlm")
    directory = peft()
    edit(directory / "adapter_config.json", r="four")
    with pytest.raises(AdapterFileError, match="r is 'four'"):
        check_consumer(directory, "vllm")
