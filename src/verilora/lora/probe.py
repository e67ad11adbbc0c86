"""A model's answer to a probe batch, and how far two answers are apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from verilora.errors import MergeError


def answer(model: nn.Module, probe: Any) -> list[Tensor]:
    """Every floating tensor of the model's output in float64; scalars only if there is no other.

    `probe` is a dict of keyword arguments, a tuple or list of arguments, or one tensor. The model
    runs in eval mode and without gradients; its mode and the random state are as before.
    Raises MergeError if the model cannot take the probe or answers nothing comparable.
    """
    with evaluating(model), torch.no_grad(), torch.random.fork_rng(devices=_devices(model)):
        try:
            output = call(model, probe)
        except Exception as error:
            raise MergeError(
                f"the model cannot answer the probe ({type(error).__name__}: {error}); give a "
                "batch as its forward takes it: a dict, a tuple, or one tensor"
            ) from error
    found = list(_floating(output))
    found = [tensor for tensor in found if tensor.dim()] or found
    if not found:
        raise MergeError("the model's answer to the probe holds no floating-point tensor")
    if not any(bool(torch.isfinite(tensor).any()) for tensor in found):
        raise MergeError("the model's answer to the probe holds no finite number")
    return [_wide(tensor) for tensor in found]


def difference(before: list[Tensor], after: list[Tensor]) -> float:
    """Greatest absolute difference as a share of the greatest answer, over the tensors' worst.

    Values that are equal differ by nothing, infinite ones too; NaN if any other is not finite,
    infinity if the answers have other shapes.
    """
    shapes = [[tensor.shape for tensor in tensors] for tensors in (before, after)]
    if shapes[0] != shapes[1]:
        return float("inf")
    worst = torch.stack([_share(b, a).cpu() for b, a in zip(before, after, strict=True)])
    return worst.max().item()


def _share(before: Tensor, after: Tensor) -> Tensor:
    same = (before == after) | (before.isnan() & after.isnan())
    apart = torch.where(same, 0.0, (after - before).abs())
    greatest = torch.where(before.isfinite(), before.abs(), 0.0)
    if not before.numel():
        return torch.zeros((), dtype=torch.float64)
    return apart.max() / (greatest.max() if greatest.any() else 1.0)


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Every module in eval mode inside, in its own mode afterwards."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


def _devices(model: nn.Module) -> list[torch.device]:
    devices = {p.device for p in model.parameters() if p.device.type == "cuda"}
    return sorted(devices, key=str)


def call(model: nn.Module, probe: Any) -> Any:
    """The model's answer to a dict of keyword arguments, a sequence of arguments or one tensor."""
    if isinstance(probe, Tensor):
        return model(probe)
    if isinstance(probe, Mapping):
        return model(**probe)
    return model(*probe)


def _floating(output: Any) -> Iterator[Tensor]:
    if isinstance(output, Tensor):
        if output.is_floating_point():
            yield output
    elif isinstance(output, Mapping):
        for value in output.values():
            yield from _floating(value)
    elif isinstance(output, list | tuple):
        for value in output:
            yield from _floating(value)


def _wide(tensor: Tensor) -> Tensor:
    return (tensor.cpu() if tensor.device.type == "mps" else tensor).double()
