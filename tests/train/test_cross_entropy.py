from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from verilora.data.encoded import IGNORED
from verilora.train.cross_entropy import (
    chunk_of,
    graded_each,
    leaves_of,
    summed_cross_entropy,
)
from verilora.train.footprint import Footprint

SHAPES = [(1, 4, 7), (13, 8, 32), (64, 16, 5)]
CPU = torch.device("cpu")


def made(shape: tuple[int, int, int], dtype: torch.dtype) -> tuple[Tensor, nn.Linear, Tensor]:
    """Hidden states, a head with a bias, and targets."""
    places, width, vocabulary = shape
    draw = torch.Generator().manual_seed(sum(shape))
    hidden = torch.randn(places, width, generator=draw).to(dtype).requires_grad_()
    head = nn.Linear(width, vocabulary).to(dtype)
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=draw))
    return hidden, head, torch.randint(vocabulary, (places,), generator=draw)


def gradients(loss: Tensor, hidden: Tensor, head: nn.Linear) -> list[Tensor]:
    return list(torch.autograd.grad(loss, [hidden, *head.parameters()]))


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("chunk", [1, 5, 13, 1000])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_value_and_gradients_are_those_of_all_logits_at_once(
    dtype: torch.dtype, shape: tuple[int, int, int], chunk: int, smoothing: float
) -> None:
    hidden, head, targets = made(shape, dtype)
    found = summed_cross_entropy(
        head, hidden, targets=targets, chunk=chunk, label_smoothing=smoothing
    )
    wanted = F.cross_entropy(
        head(hidden).float(), targets, reduction="sum", label_smoothing=smoothing
    )
    # A bfloat16 gradient of the head is rounded once for each chunk, and once for the whole.
    near = {"rtol": 0.03, "atol": 0.1} if dtype is torch.bfloat16 else {"rtol": 1e-5, "atol": 1e-5}
    torch.testing.assert_close(found, wanted, **near)
    pairs = zip(
        gradients(found / 3, hidden, head), gradients(wanted / 3, hidden, head), strict=True
    )
    for ours, theirs in pairs:
        assert ours.dtype == dtype
        torch.testing.assert_close(ours, theirs, **near)


def test_an_ignored_target_counts_as_torch_counts_it() -> None:
    hidden, head, targets = made((13, 8, 32), torch.float32)
    targets[[0, 5, 6, 12]] = IGNORED
    found = summed_cross_entropy(head, hidden, targets=targets, chunk=4, label_smoothing=0.2)
    wanted = F.cross_entropy(head(hidden), targets, reduction="sum", label_smoothing=0.2)
    torch.testing.assert_close(found, wanted)
    ours, theirs = (gradients(loss, hidden, head)[0] for loss in (found, wanted))
    torch.testing.assert_close(ours, theirs)
    assert not ours[[0, 5, 6, 12]].any()


def test_only_what_is_trained_gets_a_gradient() -> None:
    hidden, head, targets = made((13, 8, 32), torch.float32)
    head.requires_grad_(False)
    summed_cross_entropy(head, hidden, targets=targets, chunk=4).backward()
    assert hidden.grad is not None
    assert head.weight.grad is None
    frozen = hidden.detach()
    head.bias.requires_grad_(True)
    summed_cross_entropy(head, frozen, targets=targets, chunk=4).backward()
    assert head.bias.grad is not None


def test_an_adapter_on_the_head_and_a_shared_weight_are_reached() -> None:
    hidden, head, targets = made((13, 8, 32), torch.float32)
    a, b = torch.randn(2, 8, requires_grad=True), torch.randn(32, 2, requires_grad=True)

    def adapted(part: Tensor) -> Tensor:
        return head(part) + part @ a.T @ b.T

    found = summed_cross_entropy(adapted, hidden, targets=targets, chunk=4)
    wanted = F.cross_entropy(adapted(hidden), targets, reduction="sum")
    leaves = [a, b, head.weight]
    pairs = zip(
        torch.autograd.grad(found, leaves), torch.autograd.grad(wanted, leaves), strict=True
    )
    for ours, theirs in pairs:
        torch.testing.assert_close(ours, theirs)
    # Tied: the weight also made the hidden states, and both its uses add up.
    tied = head.weight[targets].detach() @ head.weight.T @ head.weight
    ours, theirs = (
        torch.autograd.grad(loss, head.weight, retain_graph=True)[0]
        for loss in (
            summed_cross_entropy(head, tied, targets=targets, chunk=4),
            F.cross_entropy(head(tied), targets, reduction="sum"),
        )
    )
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


def test_leaves_are_what_a_backward_pass_would_reach() -> None:
    one, two = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    assert {id(leaf) for leaf in leaves_of((one * two * one).sum())} == {id(one), id(two)}
    assert leaves_of(torch.ones(1)) == []


def peak(step: Callable[[Tensor, nn.Linear, Tensor], Tensor], *, places: int) -> int:
    """Bytes beside hidden states and head, at the highest of forward and backward."""
    hidden, head, targets = made((places, 8, 4096), torch.float32)
    head.requires_grad_(False)
    with Footprint() as footprint:
        step(hidden, head, targets).backward()
    return footprint.peak_bytes


def test_all_logits_never_exist_together() -> None:
    chunk, logits = 16, 4 * 4096

    def ours(hidden: Tensor, head: nn.Linear, targets: Tensor) -> Tensor:
        return summed_cross_entropy(head, hidden, targets=targets, chunk=chunk)

    def theirs(hidden: Tensor, head: nn.Linear, targets: Tensor) -> Tensor:
        return F.cross_entropy(head(hidden), targets, reduction="sum")

    few, many = (peak(ours, places=places) for places in (2 * chunk, 32 * chunk))
    assert many < 5 * chunk * logits
    # More places add their gradients [8] alone: no tensor as long as the vocabulary.
    assert many - few < 30 * chunk * 8 * 4 * 4
    assert peak(theirs, places=32 * chunk) > 2 * 32 * chunk * logits


def test_no_tensor_larger_than_a_chunk_is_saved() -> None:
    hidden, head, targets = made((64, 8, 1000), torch.float32)
    saved: list[int] = []
    with torch.autograd.graph.saved_tensors_hooks(
        lambda tensor: saved.append(tensor.numel()) or tensor, lambda tensor: tensor
    ):
        loss = summed_cross_entropy(head.requires_grad_(False), hidden, targets=targets, chunk=8)
    assert max(saved) <= 8 * 1000
    loss.backward()
    assert hidden.grad is not None


def test_without_gradients_the_value_is_the_same_to_the_bit() -> None:
    hidden, head, targets = made((13, 8, 32), torch.float32)
    found = summed_cross_entropy(head, hidden, targets=targets, chunk=4)
    with torch.no_grad():
        again = summed_cross_entropy(head, hidden, targets=targets, chunk=4)
    assert math.isclose(found.item(), again.item(), rel_tol=1e-6)


def test_each_place_is_graded_by_itself() -> None:
    hidden, head, targets = made((13, 8, 32), torch.float32)
    found = graded_each(head, hidden, targets=targets, chunk=5)
    logits = head(hidden)
    torch.testing.assert_close(found.losses, F.cross_entropy(logits, targets, reduction="none"))
    assert found.correct.tolist() == (logits.argmax(-1) == targets).tolist()
    assert not found.losses.requires_grad


def test_a_chunk_depends_on_the_shape_alone() -> None:
    assert chunk_of(32_000, CPU) == 131
    assert chunk_of(128_256, torch.device("cuda")) == 523
    assert chunk_of(10**7, CPU) == 16
