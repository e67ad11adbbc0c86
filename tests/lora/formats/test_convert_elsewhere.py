"""The other programs themselves, where they are installed: they load what is written, and answer
as the adapted model does here."""

from __future__ import annotations

import pytest
import torch
import yaml
from safetensors.torch import load_file

from verilora import LoraConfig, adapter_parameters, attach, detach, load_adapter, save_adapter
from verilora.lora.formats.architecture import architecture_of
from verilora.lora.formats.convert import convert
from verilora.lora.formats.dialect import Given

IDS = torch.arange(3, 13)[None]
NAMES = ("q_proj", "v_proj", "gate_proj")


@pytest.fixture
def adapted(tiny, tmp_path):
    """(base, directory of an adapter with patterns, the adapted model's answer)."""

    def adapted(**changes):
        config = {
            "rank": 4,
            "alpha": 6,
            "target_modules": NAMES,
            "rank_pattern": {"v_proj": 2},
            **changes,
        }
        model = attach(tiny.llama(), LoraConfig(**config))
        generator = torch.Generator().manual_seed(2)
        with torch.no_grad():
            for parameter in adapter_parameters(model):
                parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.3)
        save_adapter(model, tmp_path / "adapter")
        base = detach(model)
        wanted = load_adapter(tiny.llama(), tmp_path / "adapter")(IDS).logits.detach()
        return base, tmp_path / "adapter", wanted

    return adapted


@pytest.fixture
def given(tiny):
    return Given(architecture=architecture_of(tiny.llama().config.to_dict()))


@pytest.mark.parametrize("changes", [{}, {"weight_rule": "dora"}])
def test_mlx_lm(adapted, tmp_path, changes):
    mx = pytest.importorskip("mlx.core")
    llama = pytest.importorskip("mlx_lm.models.llama")
    tuner = pytest.importorskip("mlx_lm.tuner.utils")
    base, directory, wanted = adapted(**changes)
    convert(directory, "mlx", out=tmp_path / "mlx")
    own = base.config
    model = llama.Model(
        llama.ModelArgs(
            model_type="llama",
            hidden_size=own.hidden_size,
            num_hidden_layers=own.num_hidden_layers,
            intermediate_size=own.intermediate_size,
            num_attention_heads=own.num_attention_heads,
            num_key_value_heads=own.num_key_value_heads,
            rms_norm_eps=own.rms_norm_eps,
            vocab_size=own.vocab_size,
            tie_word_embeddings=False,
        )
    )
    weights = [(name, mx.array(value.numpy())) for name, value in base.state_dict().items()]
    model.load_weights(weights, strict=True)
    tuner.load_adapters(model, str(tmp_path / "mlx"))
    found = torch.tensor(model(mx.array(IDS.numpy())).tolist())
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)


def test_torchtune(adapted, given, tmp_path):
    weights = pytest.importorskip("torchtune.models.convert_weights")
    _, directory, _ = adapted()
    convert(directory, "torchtune", out=tmp_path / "tune", given=given)
    convert(directory, "peft", out=tmp_path / "peft", given=Given(uniform=True))
    state = torch.load(tmp_path / "tune" / "adapter_model.pt", weights_only=True)
    sizes = given.architecture
    found = weights.tune_to_peft_adapter_weights(
        state, num_heads=sizes.heads, num_kv_heads=sizes.key_value_heads, dim=sizes.hidden
    )
    wanted = load_file(tmp_path / "peft" / "adapter_model.safetensors")
    assert all(torch.equal(found[name], value) for name, value in wanted.items())
    assert not any(value.any() for name, value in found.items() if name not in wanted)


def test_litgpt(adapted, given, tmp_path):
    lora = pytest.importorskip("litgpt.lora")
    base, directory, wanted = adapted()
    convert(directory, "litgpt", out=tmp_path / "lit", given=given)
    settings = yaml.safe_load((tmp_path / "lit" / "hyperparameters.yaml").read_text())
    own = base.config
    config = lora.Config(
        name="tiny",
        block_size=64,
        padded_vocab_size=own.vocab_size,
        n_layer=own.num_hidden_layers,
        n_head=own.num_attention_heads,
        n_query_groups=own.num_key_value_heads,
        n_embd=own.hidden_size,
        head_size=own.hidden_size // own.num_attention_heads,
        intermediate_size=own.intermediate_size,
        rotary_percentage=1.0,
        parallel_residual=False,
        bias=False,
        norm_class_name="RMSNorm",
        norm_eps=own.rms_norm_eps,
        mlp_class_name="LLaMAMLP",
        **{key: value for key, value in settings.items() if key.startswith("lora_")},
    )
    model = lora.GPT(config).eval()
    adapter = torch.load(tmp_path / "lit" / "lit_model.pth.lora", weights_only=True)["model"]
    model.load_state_dict({**litgpt_names(base), **adapter}, strict=True)
    with torch.no_grad():
        torch.testing.assert_close(model(IDS), wanted, rtol=1e-4, atol=1e-4)
        lora.merge_lora_weights(model)
        torch.testing.assert_close(model(IDS), wanted, rtol=1e-4, atol=1e-4)


def litgpt_names(base):
    """The base's weights under litgpt's names."""
    state = base.state_dict()
    found = {
        "transformer.wte.weight": state["model.embed_tokens.weight"],
        "transformer.ln_f.weight": state["model.norm.weight"],
        "lm_head.weight": state["lm_head.weight"],
    }
    names = {
        "attn.proj": "self_attn.o_proj",
        "norm_1": "input_layernorm",
        "norm_2": "post_attention_layernorm",
        "mlp.fc_1": "mlp.gate_proj",
        "mlp.fc_2": "mlp.up_proj",
        "mlp.proj": "mlp.down_proj",
    }
    for index in range(base.config.num_hidden_layers):
        own, theirs = f"transformer.h.{index}.", f"model.layers.{index}."
        parts = [state[f"{theirs}self_attn.{part}_proj.weight"] for part in "qkv"]
        found[f"{own}attn.qkv.weight"] = torch.cat(parts)
        for name, other in names.items():
            found[f"{own}{name}.weight"] = state[f"{theirs}{other}.weight"]
    return found
