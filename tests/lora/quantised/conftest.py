"""A small Llama and the same with bitsandbytes' own layers, for every test of quantised bases."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from verilora.lora import adapter_parameters

bitsandbytes = pytest.importorskip("bitsandbytes", reason="a quantised base needs bitsandbytes")
IDS = torch.tensor([[5, 6, 7, 8, 9, 2], [5, 9, 11, 2, 1, 1]])


@pytest.fixture
def llama() -> Callable[..., nn.Module]:
    """A function that makes a Llama of two layers; in training mode it has no dropout."""
    import transformers

    def make(hidden: int = 64) -> nn.Module:
        config = transformers.LlamaConfig(
            vocab_size=40,
            hidden_size=hidden,
            intermediate_size=2 * hidden,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            initializer_range=0.3,
            pad_token_id=1,
        )
        with torch.random.fork_rng():
            torch.manual_seed(0)
            return transformers.LlamaForCausalLM(config)

    return make


@pytest.fixture
def foreign_llama(llama: Callable[..., nn.Module]) -> Callable[..., nn.Module]:
    """A function that makes the same Llama with Linear4bit or Linear8bitLt in its body."""

    def make(kind: str = "nf4", hidden: int = 64, double: bool = True) -> nn.Module:
        model = llama(hidden)
        for parent in list(model.model.modules()):
            for name, child in list(parent.named_children()):
                if isinstance(child, nn.Linear):
                    setattr(parent, name, packed(child, kind, double=double))
        return model

    return make


def packed(layer: nn.Linear, kind: str, *, double: bool = True) -> nn.Module:
    """bitsandbytes' layer with the weight of a plain one."""
    sizes = (layer.in_features, layer.out_features, layer.bias is not None)
    if kind == "int8":
        made = bitsandbytes.nn.Linear8bitLt(*sizes, has_fp16_weights=False)
    else:
        made = bitsandbytes.nn.Linear4bit(
            *sizes, compute_dtype=torch.float32, quant_type=kind, compress_statistics=double
        )
    made.load_state_dict(layer.state_dict())
    return made.to("cpu")


@pytest.fixture
def moved() -> Callable[[nn.Module], nn.Module]:
    """A function that gives every factor values, as training would."""

    def move(model: nn.Module) -> nn.Module:
        generator = torch.Generator().manual_seed(1)
        with torch.no_grad():
            for parameter in adapter_parameters(model):
                parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.05)
        return model

    return move


@pytest.fixture
def ids() -> torch.Tensor:
    """Two texts."""
    return IDS


@pytest.fixture
def pack_layer() -> Callable[..., nn.Module]:
    """`packed`, for single layers."""
    return packed
