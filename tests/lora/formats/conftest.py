"""Tiny models made in code, adapters with values in them, and PEFT as the oracle."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from verilora import LoraConfig, adapter_parameters, attach, save_adapter

LLAMA = {
    "vocab_size": 32,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "initializer_range": 0.3,
}


def _seeded(make: Callable[[], nn.Module]) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return make().eval()


def roberta() -> nn.Module:
    from transformers import RobertaConfig, RobertaForSequenceClassification

    shape = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = RobertaConfig(
        vocab_size=40, intermediate_size=24, num_labels=3, initializer_range=0.3, **shape
    )
    return _seeded(lambda: RobertaForSequenceClassification(config))


def gpt2() -> nn.Module:
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(vocab_size=40, n_embd=16, n_layer=2, n_head=2, n_positions=32)
    return _seeded(lambda: GPT2LMHeadModel(config))


def llama(*, tied: bool = False) -> nn.Module:
    from transformers import LlamaConfig, LlamaForCausalLM

    return _seeded(lambda: LlamaForCausalLM(LlamaConfig(**LLAMA, tie_word_embeddings=tied)))


def mixtral() -> nn.Module:
    from transformers import MixtralConfig, MixtralForCausalLM

    config = MixtralConfig(**LLAMA, num_local_experts=3, num_experts_per_tok=2)
    return _seeded(lambda: MixtralForCausalLM(config))


def linears() -> nn.Module:
    return _seeded(lambda: nn.Sequential(nn.Linear(8, 12), nn.Tanh(), nn.Linear(12, 5)))


class Attention(nn.Module):
    """PyTorch's own attention, which reads its projections' weights."""

    def __init__(self) -> None:
        super().__init__()
        self.attn = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.attn(x, x, x)[0]


@pytest.fixture(scope="session")
def tiny() -> SimpleNamespace:
    """Makers of tiny models; each gives the same values whenever it is called."""
    return SimpleNamespace(
        roberta=roberta,
        gpt2=gpt2,
        llama=llama,
        mixtral=mixtral,
        linears=linears,
        attention=lambda: _seeded(Attention),
        seeded=_seeded,
        ids=torch.arange(5, 15)[None],
    )


@pytest.fixture(scope="session")
def randomise() -> Callable[..., nn.Module]:
    """Gives every trainable parameter values that depend on its number and shape alone."""

    def randomise(model: nn.Module, seed: int = 1) -> nn.Module:
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for parameter in adapter_parameters(model):
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.3)
        return model

    return randomise


@pytest.fixture
def saved(
    tmp_path: Path, randomise: Callable[..., nn.Module]
) -> Callable[..., tuple[nn.Module, Path]]:
    """A function: attaches a config, fills it with values, saves it."""

    def saved(model: nn.Module, **config: Any) -> tuple[nn.Module, Path]:
        randomise(attach(model, LoraConfig(**config)))
        directory = tmp_path / "adapter"
        save_adapter(model, directory, overwrite=True)
        return model, directory

    return saved


@pytest.fixture
def answer() -> Callable[..., Tensor]:
    """The model's logits (or plain output) for an input, in eval mode, without gradients."""

    @torch.no_grad()
    def answer(model: nn.Module, given: Tensor) -> Tensor:
        output = model.eval()(given)
        return getattr(output, "logits", output)

    return answer


@pytest.fixture
def quiet() -> Iterator[None]:
    """PEFT and transformers warn of what these tests do on purpose."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.fixture
def peft_loads(quiet: None) -> Callable[[nn.Module, Path], nn.Module]:
    """PEFT's model of a directory; every tensor must have been taken, none been missing."""

    def peft_loads(model: nn.Module, directory: Path) -> nn.Module:
        from peft import PeftModel
        from peft.utils import get_peft_model_state_dict
        from safetensors.torch import load_file

        loaded = PeftModel.from_pretrained(model, str(directory)).eval()
        own = get_peft_model_state_dict(loaded, save_embedding_layers=False)
        assert own.keys() == load_file(directory / "adapter_model.safetensors").keys()
        return loaded

    return peft_loads


@pytest.fixture
def peft_saves(quiet: None, tmp_path: Path) -> Callable[..., tuple[nn.Module, Path]]:
    """A function: PEFT's own adapter with random values, saved by PEFT."""

    def peft_saves(model: nn.Module, **config: Any) -> tuple[nn.Module, Path]:
        import peft

        adapted = _seeded(lambda: peft.get_peft_model(model, peft.LoraConfig(**config)))
        generator = torch.Generator().manual_seed(5)
        for name, parameter in adapted.named_parameters():
            if "lora_" in name or ".modules_to_save." in name:
                parameter.data.copy_(torch.randn(parameter.shape, generator=generator) * 0.3)
        directory = tmp_path / "peft"
        adapted.save_pretrained(str(directory))
        return adapted, directory

    return peft_saves


@pytest.fixture
def edit() -> Callable[..., None]:
    """A function: changes keys of a JSON file in place; `...` takes a key away."""

    def edit(path: Path, **changes: Any) -> None:
        found = json.loads(path.read_text("utf-8")) | changes
        kept = {key: value for key, value in found.items() if value is not ...}
        path.write_text(json.dumps(kept), "utf-8")

    return edit
