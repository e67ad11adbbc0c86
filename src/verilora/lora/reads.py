"""Which layers' weights a model's own code reads without calling the layers.

Many models do: PyTorch's attention hands `self.out_proj.weight` to a kernel, Mamba and WavLM their
projections, DeBERTa takes `self.rel_embeddings.weight` whole. An update that is added to such a
layer's output would be lost without a word, so the code is looked at.
"""

from __future__ import annotations

import dis
import inspect
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from types import CodeType, FunctionType
from typing import Any

from torch import nn

from verilora.lora.layers import Adapted

# What is asked of a weight without using its values.
ABOUT = {
    *("dtype", "device", "shape", "size", "dim", "ndim", "numel", "data", "grad", "requires_grad"),
    *("requires_grad_", "is_meta", "is_cuda", "layout", "element_size", "stride", "is_contiguous"),
}
_FETCH = ("LOAD_ATTR", "LOAD_METHOD")


def modules_read(model: nn.Module) -> set[int]:
    """ids of the modules whose weight another module's forward reads, as `self.name.weight`.

    Found in the bytecode of each class's forward and of the methods that it calls. A weight that
    reaches a reader under another name is not found.
    """
    return _modules_met(model, weights_read)


def modules_asked(model: nn.Module) -> set[int]:
    """ids of the modules whose weight another module asks for its dtype, shape or the like.

    The answer is another one where the weight is quantised (T5 casts to `self.wo.weight.dtype`).
    """
    return _modules_met(model, weights_asked)


def _modules_met(model: nn.Module, paths: Callable[[type], Iterable[tuple[str, ...]]]) -> set[int]:
    found = set()
    for module in model.modules():
        kind = module.lora_base if isinstance(module, Adapted) else type(module)
        for path in paths(kind):
            reached = _reached(module, path)
            if reached is not None:
                found.add(id(reached))
    return found


@cache
def weights_read(cls: type[nn.Module]) -> frozenset[tuple[str, ...]]:
    """The ("self_attn", "out_proj") of every `self.self_attn.out_proj.weight` that is used."""
    return frozenset(path for code in _code_of_forward(cls) for path in _paths_read(code))


@cache
def weights_asked(cls: type[nn.Module]) -> frozenset[tuple[str, ...]]:
    """The ("wo",) of every `self.wo.weight.dtype`, and of the like that uses no values."""
    codes = _code_of_forward(cls)
    return frozenset(path for code in codes for path in _paths_read(code, values=False))


def forward_names(model: nn.Module, name: str) -> bool:
    """True if the forward of any module of the model, or a method it calls, names `name`."""
    kinds = {m.lora_base if isinstance(m, Adapted) else type(m) for m in model.modules()}
    return any(name in code.co_names for kind in kinds for code in _code_of_forward(kind))


def _reached(module: nn.Module, path: tuple[str, ...]) -> nn.Module | None:
    for name in path:
        inner = module._modules.get(name)
        if inner is None:
            return None
        module = inner
    return module


def _code_of_forward(cls: type[nn.Module]) -> Iterator[CodeType]:
    """The code of forward and of every method named in it, and so on."""
    ahead, met = ["forward"], {"forward"}
    while ahead:
        function = _function(inspect.getattr_static(cls, ahead.pop(), None))
        for code in _with_inner(function.__code__) if function else ():
            yield code
            new = {
                name for name in code.co_names if name not in met and not hasattr(nn.Module, name)
            }
            met |= new
            ahead += new


def _function(found: Any) -> FunctionType | None:
    if isinstance(found, property):
        found = found.fget
    found = inspect.unwrap(getattr(found, "__func__", found)) if found is not None else None
    return found if isinstance(found, FunctionType) else None


def _with_inner(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _with_inner(constant)


def _paths_read(code: CodeType, *, values: bool = True) -> Iterator[tuple[str, ...]]:
    steps = [s for s in dis.get_instructions(code) if s.opname not in ("EXTENDED_ARG", "CACHE")]
    for end, step in enumerate(steps[:-1]):
        if step.opname not in _FETCH or step.argval != "weight":
            continue
        after = steps[end + 1]
        if (after.opname in _FETCH and after.argval in ABOUT) is values:
            continue
        start = end
        while start and steps[start].opname in _FETCH:
            start -= 1
        asked = start and steps[start - 1].argval in ("isinstance", "hasattr", "id")
        if end - start > 1 and _is_self(steps[start].argval) and not asked:
            yield tuple(str(s.argval) for s in steps[start + 1 : end])


def _is_self(fetched: Any) -> bool:
    # Newer Pythons fetch two variables at once; the attribute belongs to the second.
    return (fetched[-1] if isinstance(fetched, tuple) and fetched else fetched) == "self"
