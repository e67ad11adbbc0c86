"""What every house test looks at: the files of the tree, read and parsed once."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Source:
    """A Python file: its path from the root of the project, and its text."""

    path: str
    text: str

    def __repr__(self) -> str:
        return self.path

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.path)

    @cached_property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    @property
    def module(self) -> str:
        """The dotted name: src/verilora/lora/merge.py is verilora.lora.merge."""
        parts = Path(self.path).with_suffix("").parts
        inner = parts[1:] if parts[0] == "src" else parts
        return ".".join(inner[:-1] if inner[-1] == "__init__" else inner)

    @property
    def room(self) -> str:
        """The first name below verilora; "" for the face."""
        return [*self.module.split("."), ""][1]


def read(folders: Iterable[str]) -> list[Source]:
    """Every Python file in the folders, in the order of their names."""
    paths = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    return [Source(path.relative_to(ROOT).as_posix(), path.read_text("utf-8")) for path in paths]


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def make_source() -> Callable[[str, str], Source]:
    """For tests of the rules themselves: a file that is not on disk."""
    return lambda path, text: Source(path, text)


@pytest.fixture(scope="session")
def refuse() -> Callable[[list[str], str], None]:
    """Fails with the rule and all that breaks it, one line each, and nothing else."""

    def refuse(found: list[str], rule: str) -> None:
        if found:
            pytest.fail("\n".join([rule, *found]), pytrace=False)

    return refuse


@pytest.fixture(scope="session")
def src() -> list[Source]:
    return read(["src/verilora"])


@pytest.fixture(scope="session")
def tests() -> list[Source]:
    return read(["tests"])


@pytest.fixture(scope="session")
def every(src: list[Source], tests: list[Source]) -> list[Source]:
    return [*src, *tests, *read(["examples", "benchmarks"])]


@pytest.fixture
def tiny_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names of the hub give tiny random models and a tokenizer of words; directories as ever."""
    import transformers

    for name in ("AutoModel", "AutoModelForSequenceClassification", "AutoModelForCausalLM"):
        _stand_in(monkeypatch, getattr(transformers, name), _tiny_model)
    _stand_in(monkeypatch, transformers.AutoTokenizer, _tiny_tokenizer)


def _stand_in(monkeypatch: pytest.MonkeyPatch, auto: Any, make: Callable[..., Any]) -> None:
    real = auto.from_pretrained

    def from_pretrained(name: Any, *arguments: Any, **options: Any) -> Any:
        if Path(name).is_dir():
            return real(name, *arguments, **options)
        return make(auto, **options)

    monkeypatch.setattr(auto, "from_pretrained", from_pretrained)


def _tiny_model(auto: Any, *, num_labels: int = 2, **_: Any) -> Any:
    import torch
    import transformers

    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
    causal = "CausalLM" in auto.__name__
    kind = transformers.LlamaConfig if causal else transformers.RobertaConfig
    config = kind(vocab_size=64, intermediate_size=64, num_labels=num_labels, **sizes)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return auto.from_config(config).eval()


def _tiny_tokenizer(_: Any, **__: Any) -> Any:
    import tokenizers
    import transformers

    words = {
        word: number for number, word in enumerate(["<pad>", "<unk>", "<s>", "</s>", "a", "b"])
    }
    model = tokenizers.models.WordLevel(words, unk_token="<unk>")
    backend = tokenizers.Tokenizer(model)
    backend.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=backend, pad_token="<pad>", unk_token="<unk>", eos_token="</s>"
    )
