"""Cross-entropy over a large vocabulary without ever holding all logits.

The head is asked about a few places at a time. What it says of them is graded, and where a gradient
is wanted, taken back to the hidden states at once; then it is forgotten. So the logits of a batch
[targets, vocabulary] never exist together, neither in the forward nor in the backward pass, and
each is computed once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

Head = Callable[[Tensor], Tensor]
"""Hidden states [places, width] -> logits [places, vocabulary]."""
ELEMENTS = {"cuda": 2**26, "cpu": 2**22}
"""Logits held at a time, by device: 256 MB and 16 MB of float32."""


def chunk_of(vocabulary: int, device: torch.device) -> int:
    """Places whose logits are held at a time; a number of the shape alone, so that bits repeat."""
    return max(16, ELEMENTS.get(device.type, ELEMENTS["cpu"]) // vocabulary)


def summed_cross_entropy(
    head: Head, hidden: Tensor, *, targets: Tensor, chunk: int, label_smoothing: float = 0.0
) -> Tensor:
    """Σ over places of F.cross_entropy(head(hidden), targets, label_smoothing), in float32.

    hidden [places, width], targets [places] -> a scalar. Gradients reach `hidden` and every leaf
    that the head reads (its weight, an adapter on it, a tied embedding); they are computed with the
    value, and cannot be differentiated again. The head must have no randomness of its own between
    places that would have to be repeated: each place is asked about once.
    Source: cross-entropy in chunks as in Hsu et al. 2024, arXiv:2410.10989, section 3.2.
    """

    def graded(part: Tensor, wanted: Tensor) -> Tensor:
        return F.cross_entropy(
            head(part).float(), wanted, reduction="sum", label_smoothing=label_smoothing
        )

    pieces = zip(hidden.split(chunk), targets.split(chunk), strict=True)
    if not torch.is_grad_enabled():
        return torch.stack([graded(*piece) for piece in pieces]).sum()
    sums = _Sums()
    for part, wanted in pieces:
        sums.add(part.detach().requires_grad_(hidden.requires_grad), wanted, graded=graded)
    gradient = torch.cat(sums.hidden) if hidden.requires_grad else None
    return _Known.apply(sums.value, [gradient, *sums.leaves.values()], hidden, *sums.leaves)


@dataclass(frozen=True)
class Graded:
    """What a model says of each target, without a gradient."""

    losses: Tensor
    """-log of the target's probability [places], float32."""
    correct: Tensor
    """True where the target was the likeliest of all [places]."""


@torch.no_grad()
def graded_each(head: Head, hidden: Tensor, *, targets: Tensor, chunk: int) -> Graded:
    """Each place by itself; no more logits at a time than in `summed_cross_entropy`."""
    losses, correct = [], []
    for part, wanted in zip(hidden.split(chunk), targets.split(chunk), strict=True):
        logits = head(part).float()
        losses.append(F.cross_entropy(logits, wanted, reduction="none"))
        correct.append(logits.argmax(dim=-1) == wanted)
    return Graded(torch.cat(losses), torch.cat(correct))


class _Sums:
    """Value and gradients of the chunks so far."""

    def __init__(self) -> None:
        self.value: Any = 0.0
        self.hidden: list[Tensor] = []
        self.leaves: dict[Tensor, Tensor] = {}

    def add(self, part: Tensor, wanted: Tensor, *, graded: Callable[..., Tensor]) -> None:
        """Grades a chunk and takes it back to what it was made from."""
        loss = graded(part, wanted)
        self.value = self.value + loss.detach()
        leaves = [leaf for leaf in leaves_of(loss) if leaf is not part]
        wanting = [*leaves, *([part] if part.requires_grad else [])]
        if not wanting:
            return
        found = torch.autograd.grad(loss, wanting)
        if part.requires_grad:
            self.hidden.append(found[-1])
        for leaf, gradient in zip(leaves, found, strict=False):
            before = self.leaves.get(leaf)
            self.leaves[leaf] = gradient if before is None else before.add_(gradient)


def leaves_of(value: Tensor) -> list[Tensor]:
    """The tensors that a backward pass from `value` would leave a gradient in, each once."""
    return list(dict.fromkeys(_leaves(value)))


def _leaves(value: Tensor) -> Iterator[Tensor]:
    waiting, seen = [value.grad_fn], set()
    while waiting:
        node: Any = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if hasattr(node, "variable"):
            yield node.variable
        waiting += [following for following, _ in node.next_functions]


class _Known(torch.autograd.Function):
    """A value whose gradients are known already."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, *known: Any) -> Tensor:
        """`known`: the gradients, as one sequence, and then what they are the gradients of."""
        ctx.gradients = known[0]
        return value.clone()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *outer: Tensor) -> tuple[Tensor | None, ...]:
        scaled = [None if one is None else one * outer[0] for one in ctx.gradients]
        return None, None, *scaled
