"""Tiny models of many architectures, and what it means that a model is as it was."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from verilora.lora import adapter_parameters

IDS = torch.tensor([[5, 6, 7, 8, 9, 2], [5, 9, 11, 2, 1, 1]])
MASK = (IDS != 1).long()
TEXT = {"input_ids": IDS, "attention_mask": MASK}
SMALL = {"vocab_size": 40, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
SMALL["initializer_range"] = 0.3  # so that answers depend on every layer
ENCODER = {**SMALL, "intermediate_size": 24, "max_position_embeddings": 24, "pad_token_id": 1}
DECODER = {**SMALL, "num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 24}
T5 = {"vocab_size": 40, "d_model": 16, "d_kv": 8, "d_ff": 24, "num_layers": 2, "num_heads": 2}
PICTURE = {"image_size": 16, "num_channels": 3, "num_labels": 3}
START = {"decoder_start_token_id": 0, "pad_token_id": 1, "eos_token_id": 2}


def _encoder(name: str, **more: Any) -> tuple[nn.Module, dict[str, Tensor]]:
    import transformers

    config = getattr(transformers, f"{name}Config")(**{**ENCODER, **more})
    return getattr(transformers, f"{name}ForSequenceClassification")(config), TEXT


def _causal(name: str, **more: Any) -> tuple[nn.Module, dict[str, Tensor]]:
    import transformers

    config = getattr(transformers, f"{name}Config")(**{**DECODER, "pad_token_id": 1, **more})
    return getattr(transformers, f"{name}ForCausalLM")(config), TEXT


def _gpt2() -> tuple[nn.Module, dict[str, Tensor]]:
    import transformers

    sizes = {
        "vocab_size": 40,
        "initializer_range": 0.3,
        "n_embd": 16,
        "n_layer": 2,
        "n_head": 2,
        "n_positions": 24,
    }
    marks = {"bos_token_id": 0, "eos_token_id": 2, "pad_token_id": 1}
    return transformers.GPT2LMHeadModel(transformers.GPT2Config(**sizes, **marks)), TEXT


def _text_to_text(name: str, **more: Any) -> tuple[nn.Module, dict[str, Tensor]]:
    import transformers

    config = getattr(transformers, f"{name}Config")(**{**T5, **START, **more})
    model = getattr(transformers, f"{name}ForConditionalGeneration")(config)
    return model, {**TEXT, "decoder_input_ids": IDS[:, :4]}


def _picture(name: str, **more: Any) -> tuple[nn.Module, dict[str, Tensor]]:
    import transformers

    config = getattr(transformers, f"{name}Config")(**PICTURE, **more)
    pixels = torch.linspace(-1, 1, 2 * 3 * 16 * 16).reshape(2, 3, 16, 16)
    return getattr(transformers, f"{name}ForImageClassification")(config), {"pixel_values": pixels}


MODELS: dict[str, Callable[[], tuple[nn.Module, dict[str, Tensor]]]] = {
    "roberta": lambda: _encoder("Roberta"),
    "deberta": lambda: _encoder(
        "DebertaV2", relative_attention=True, pos_att_type=["c2p", "p2c"], position_buckets=4
    ),
    "roformer": lambda: _encoder("RoFormer", embedding_size=16),
    "gpt2": _gpt2,
    "llama": lambda: _causal("Llama", tie_word_embeddings=False),
    "llama-tied": lambda: _causal("Llama", tie_word_embeddings=True),
    "phi3": lambda: _causal("Phi3", eos_token_id=2),
    "mixtral": lambda: _causal("Mixtral", num_local_experts=4, num_experts_per_tok=2),
    "t5": lambda: _text_to_text("T5"),
    "switch": lambda: _text_to_text(
        "SwitchTransformers", num_experts=3, num_sparse_encoder_layers=1, expert_capacity=8
    ),
    "vit": lambda: _picture(
        "ViT", patch_size=8, **{k: v for k, v in SMALL.items() if k != "vocab_size"}
    ),
    "resnet": lambda: _picture(
        "ResNet", embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic"
    ),
}


@pytest.fixture(scope="session")
def build() -> Callable[[str], tuple[nn.Module, dict[str, Tensor]]]:
    """A function: name of an architecture -> (model in eval mode, a batch)."""

    def make(name: str) -> tuple[nn.Module, dict[str, Tensor]]:
        with torch.random.fork_rng():
            torch.manual_seed(7)
            model, batch = MODELS[name]()
        return model.eval(), batch

    return make


@pytest.fixture(scope="session")
def train() -> Callable[..., nn.Module]:
    """A function that moves every trainable parameter, as training would."""

    def move(model: nn.Module, size: float = 0.1) -> nn.Module:
        generator = torch.Generator().manual_seed(1)
        with torch.no_grad():
            for parameter in adapter_parameters(model):
                noise = torch.randn(parameter.shape, generator=generator) * size
                parameter.add_(noise.to(parameter.device, parameter.dtype))
        return model

    return move


@pytest.fixture(scope="session")
def state() -> Callable[[nn.Module], Any]:
    """A function: everything about a model that detach and a failed call must leave alone."""

    def bits(tensor: Tensor) -> tuple[Any, ...]:
        plain = tensor.detach().contiguous().flatten()
        return tensor.dtype, tuple(tensor.shape), bytes(plain.view(torch.uint8).tolist())

    def look(model: nn.Module) -> Any:
        parameters = dict(model.named_parameters(remove_duplicate=False))
        return {
            "bits": {name: bits(tensor) for name, tensor in model.state_dict().items()},
            "kinds": {path: type(module) for path, module in model.named_modules()},
            "own": {path: sorted(vars(module)) for path, module in model.named_modules()},
            "hooks": {p: len(m._load_state_dict_pre_hooks) for p, m in model.named_modules()},
            "trained": {name: p.requires_grad for name, p in parameters.items()},
            "objects": {name: id(parameter) for name, parameter in parameters.items()},
            "places": {name: parameter.data_ptr() for name, parameter in parameters.items()},
            "modes": {path: module.training for path, module in model.named_modules()},
            "config": str(getattr(model, "config", None)),
        }

    return look


@pytest.fixture(scope="session")
def answer() -> Callable[..., Tensor]:
    """A function: (model, batch) -> the logits, without gradients."""

    def run(model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
        with torch.no_grad():
            return model(**batch).logits

    return run


LLAMA = {
    "model_type": "llama",
    "hidden_size": 16,
    "intermediate_size": 24,
    "vocab_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
}


@pytest.fixture(scope="session")
def llama_settings() -> dict[str, Any]:
    """What a tiny Llama's config.json says."""
    return dict(LLAMA)


@pytest.fixture(scope="session")
def make_pair() -> Callable[..., Any]:
    """A function: random factors for a matrix [out, in], the same for the same seed."""
    from verilora.lora.formats.adapter import Pair

    def make_pair(out: int, inner: int, *, rank: int = 2, seed: int = 0, **fields: Any) -> Any:
        generator = torch.Generator().manual_seed(seed)
        dtype = fields.pop("dtype", torch.float32)
        a = torch.randn(rank, inner, generator=generator).to(dtype)
        b = torch.randn(out, rank, generator=generator).to(dtype)
        return Pair(a, b, **{"scale": 2.0, **fields})

    return make_pair


@pytest.fixture(scope="session")
def llama_adapter(make_pair: Callable[..., Any]) -> Callable[..., Any]:
    """A function: an Adapter on modules of a tiny Llama; `fields(path)` gives a pair its own."""
    from verilora.lora.formats.adapter import Adapter
    from verilora.lora.formats.architecture import architecture_of, llama_paths

    sizes = architecture_of(LLAMA)

    def llama_adapter(
        *names: str, fields: Callable[[str], dict[str, Any]] = lambda path: {}, **rest: Any
    ) -> Any:
        paths = llama_paths(names or ("q_proj", "v_proj"), sizes.depth())
        pairs = {
            path: make_pair(
                *sizes.shape_of(path.rpartition(".")[2]), **{"seed": seed, **fields(path)}
            )
            for seed, path in enumerate(paths)
        }
        return Adapter(pairs, **rest)

    return llama_adapter


@pytest.fixture(scope="session")
def dense() -> Callable[[Any], Tensor]:
    """A pair's ΔW in float64, by the definition."""
    return lambda pair: pair.scale * (pair.b.double() @ pair.a.double())
