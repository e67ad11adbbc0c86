"""Tiny models made in code, and directories of adapters with values in them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from verilora import LoraConfig, adapter_parameters, attach, load_adapter, save_adapter

IDS = torch.tensor([[5, 6, 7, 8], [9, 3, 4, 5], [11, 12, 3, 8], [5, 6, 7, 8]])


def _seeded(make: Callable[[], nn.Module]) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return make().eval()


def llama(*, tied: bool = False) -> nn.Module:
    from transformers import LlamaConfig, LlamaForCausalLM

    shape = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2}
    config = LlamaConfig(
        vocab_size=32,
        num_attention_heads=4,
        num_key_value_heads=2,
        initializer_range=0.3,
        tie_word_embeddings=tied,
        **shape,
    )
    return _seeded(lambda: LlamaForCausalLM(config))


def gpt2() -> nn.Module:
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(
        vocab_size=40, n_embd=16, n_layer=2, n_head=2, n_positions=32, initializer_range=0.3
    )
    return _seeded(lambda: GPT2LMHeadModel(config))


def roberta() -> nn.Module:
    from transformers import RobertaConfig, RobertaForSequenceClassification

    shape = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = RobertaConfig(
        vocab_size=40, intermediate_size=24, num_labels=3, initializer_range=0.3, **shape
    )
    return _seeded(lambda: RobertaForSequenceClassification(config))


def mixtral() -> nn.Module:
    from transformers import MixtralConfig, MixtralForCausalLM

    shape = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2}
    config = MixtralConfig(
        vocab_size=32,
        num_attention_heads=4,
        num_key_value_heads=2,
        num_local_experts=3,
        num_experts_per_tok=2,
        **shape,
    )
    return _seeded(lambda: MixtralForCausalLM(config))


def bart() -> nn.Module:
    from transformers import BartConfig, BartForConditionalGeneration

    sides = {
        f"{side}_{name}": value
        for side in ("encoder", "decoder")
        for name, value in (("layers", 2), ("attention_heads", 2), ("ffn_dim", 24))
    }
    config = BartConfig(
        vocab_size=32,
        d_model=16,
        max_position_embeddings=32,
        init_std=0.3,
        pad_token_id=1,
        bos_token_id=0,
        eos_token_id=2,
        decoder_start_token_id=2,
        forced_eos_token_id=None,
        **sides,
    )
    return _seeded(lambda: BartForConditionalGeneration(config))


def convolutional() -> nn.Module:
    return _seeded(lambda: nn.Sequential(nn.Conv1d(3, 8, 3), nn.Flatten(), nn.Linear(16, 5)))


@pytest.fixture(scope="session")
def tiny() -> SimpleNamespace:
    """Makers of tiny models; each gives the same values whenever it is called."""
    makers = (llama, gpt2, roberta, mixtral, bart, convolutional)
    return SimpleNamespace(ids=IDS, seeded=_seeded, **{make.__name__: make for make in makers})


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """A function: attaches a config, fills it with values that follow from the name, saves it."""

    def write(
        name: str, model: nn.Module, *, base: torch.dtype | None = None, **config: Any
    ) -> Path:
        model = model.to(base) if base is not None else model
        attach(model, LoraConfig(**config))
        generator = torch.Generator().manual_seed(sum(name.encode()))
        with torch.no_grad():
            for parameter in adapter_parameters(model):
                noise = torch.randn(parameter.shape, generator=generator)
                parameter.add_(0.3 * noise.to(parameter.dtype))
        save_adapter(model, tmp_path / name)
        return tmp_path / name

    return write


@pytest.fixture
def alone() -> Callable[..., Tensor]:
    """A function: the logits of a fresh model with one adapter, or none, for these ids."""

    def alone(model: nn.Module, directory: Path | None, ids: Tensor) -> Tensor:
        if directory is not None:
            load_adapter(model, directory)
        with torch.no_grad():
            return model(input_ids=ids).logits

    return alone


WORDS = ("<pad>", "<bos>", "<eos>", "<unk>", "one", "two", "three", "four", "five", "six")
TEMPLATE = "{% for m in messages %}{{ m.role[0:1] }} {{ m.content }} {% endfor %}"


@pytest.fixture(scope="session")
def tokenizer() -> Any:
    """Of a few words, with a beginning, an end and a chat template."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    words = Tokenizer(models.WordLevel({w: i for i, w in enumerate(WORDS)}, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    words.post_processor = processors.TemplateProcessing(
        single="<bos> $A", special_tokens=[("<bos>", 1)]
    )
    marks = {f"{w}_token": f"<{w}>" for w in ("pad", "bos", "eos", "unk")}
    return PreTrainedTokenizerFast(tokenizer_object=words, chat_template=TEMPLATE, **marks)
