"""How a module answers for many adapters: its class changed in place, as `lora.layers` does it."""

from __future__ import annotations

from functools import cache
from typing import Any

from torch import Tensor, nn

from verilora.errors import LayerError
from verilora.serve.route import Routing
from verilora.serve.slots import Heads, Slots


class Banked:
    """A module that looks at the open route. Mixed in before its own class."""

    lora_below: type[nn.Module]
    """The class before."""
    lora_name: str
    """Of the child that holds what the bank put here."""
    lora_routing: Routing


class BankedLinear(Banked):
    """Linear, or GPT-2's Conv1D: y + gain (y - bias) + (x Aᵀ) (s Bᵀ), row by row."""

    lora_name = "lora"
    lora: Slots

    def forward(self, *args: Any, **kwargs: Any) -> Tensor:
        """The base's output with each row's update."""
        y = super().forward(*args, **kwargs)  # type: ignore[misc]
        route = self.lora_routing.now()
        if route is None:
            return y
        x = args[0] if args else next(iter(kwargs.values()))
        grouping = route.grouping(x, flat=x.dim() == 2)
        return self.lora.add(y, x, grouping=grouping, bias=getattr(self, "bias", None))


class BankedEmbedding(Banked):
    """Embedding: the rows of each row's own table are added."""

    lora_name = "lora"
    lora: Slots

    def forward(self, *args: Any, **kwargs: Any) -> Tensor:
        """The base's output with each row's update."""
        y = super().forward(*args, **kwargs)  # type: ignore[misc]
        route = self.lora_routing.now()
        if route is None:
            return y
        ids = args[0] if args else next(iter(kwargs.values()))
        return self.lora.add_rows(y, ids, grouping=route.grouping(ids, flat=False))


class BankedWhole(Banked):
    """A module of modules_to_save: rows whose adapter has its own are answered by that."""

    lora_name = "lora_heads"
    lora_heads: Heads

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The base's output, with the rows of each head in their places."""
        y = super().forward(*args, **kwargs)  # type: ignore[misc]
        route = self.lora_routing.now()
        if route is None:
            return y
        x = next((v for v in (*args, *kwargs.values()) if isinstance(v, Tensor)), None)
        if x is None or not isinstance(y, Tensor):
            kind = self.lora_below.__name__
            raise LayerError(
                f"{kind} was trained whole and does not give a tensor for a tensor, so that a "
                "batch cannot be divided among its versions; use load_adapter, one at a time"
            )
        grouping = route.grouping(x, flat=x.dim() == 2)
        for slot, start, stop in grouping.runs:
            head = self.lora_heads.of(slot)
            if head is not None:
                rows = slice(start, stop)
                own = [_cut(value, rows, size=len(x)) for value in args]
                named = {name: _cut(v, rows, size=len(x)) for name, v in kwargs.items()}
                y[rows] = head(*own, **named)
        return y


def bank_module(module: nn.Module, way: type[Banked], *, held: nn.Module, routing: Routing) -> None:
    """Gives the module its new class, and `held` as a child."""
    module.__class__ = _banked_class(type(module), way)
    module._modules[way.lora_name] = held
    vars(module)["lora_routing"] = routing


def restore_module(module: nn.Module) -> None:
    """Gives the module back the class that it had before the bank."""
    while isinstance(module, Banked):
        module._modules.pop(module.lora_name, None)
        vars(module).pop("lora_routing", None)
        module.__class__ = module.lora_below  # type: ignore[assignment]


@cache
def _banked_class(below: type[nn.Module], way: type[Banked]) -> type[nn.Module]:
    body = {"lora_below": below, "lora_name": way.lora_name, "__module__": __name__}
    return type(f"Banked{below.__name__}", (way, below), body)


def _cut(value: Any, rows: slice, *, size: int) -> Any:
    """The rows of what has a row for each of the batch."""
    if isinstance(value, Tensor) and value.dim() and len(value) == size:
        return value[rows]
    return value
