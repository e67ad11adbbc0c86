"""PiSSA and OLoRA: their equations, and the peer's values on the same weight."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import peft
import pytest
import torch
from torch import Tensor, nn

from verilora.lora.starts.decompose import olora, pissa


def drawn(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))


def theirs(weight: Tensor, init: str, *, alpha: int) -> tuple[Tensor, Tensor, Tensor]:
    """The peer's (A, B, base) for a Linear with this weight."""
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias=False)
    layer.weight.data = weight.clone()
    chosen: Any = {"init_lora_weights": init}
    config = peft.LoraConfig(r=3, lora_alpha=alpha, target_modules=["0"], **chosen)
    made = peft.get_peft_model(nn.Sequential(layer), config).base_model.model[0]
    a, b = made.lora_A["default"].weight, made.lora_B["default"].weight
    return a.detach(), b.detach(), made.base_layer.weight.detach()


@pytest.mark.parametrize("shape", [(8, 6), (6, 8), (7, 7)])
@pytest.mark.parametrize("init", ["pissa", "olora"])
@pytest.mark.parametrize("alpha", [3, 6])
def test_is_the_peers_up_to_signs(shape: tuple[int, int], init: str, alpha: int) -> None:
    weight, scale = drawn(*shape), alpha / 3
    a, b = pissa(weight, 3, scale=scale) if init == "pissa" else olora(weight, 3)
    their_a, their_b, their_base = theirs(weight, init, alpha=alpha)
    signs = (a * their_a).sum(1).sign()
    torch.testing.assert_close(a, signs[:, None] * their_a, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(b, signs * their_b, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(weight - scale * b @ a, their_base, rtol=1e-4, atol=1e-5)


def test_pissa_is_the_best_approximation_of_its_rank() -> None:
    weight = drawn(9, 7)
    a, b = pissa(weight, 2, scale=4.0)
    rest = torch.linalg.svdvals(weight)[2:].norm()
    torch.testing.assert_close((weight - 4 * b @ a).norm(), rest)
    # Balanced: both factors carry the root of each singular value.
    torch.testing.assert_close(a @ a.T, b.T @ b, rtol=1e-5, atol=1e-5)


def test_olora_has_an_orthonormal_b_and_no_negative_diagonal() -> None:
    a, b = olora(drawn(9, 7), 4)
    torch.testing.assert_close(b.T @ b, torch.eye(4), rtol=1e-5, atol=1e-6)
    assert bool((a[:, :4].diagonal() >= 0).all())
    # The first columns of the weight are spanned by them: Q R in full for 4 columns.
    torch.testing.assert_close((b @ a)[:, :4], drawn(9, 7)[:, :4], rtol=1e-4, atol=1e-5)


def test_stacks_are_taken_matrix_by_matrix() -> None:
    stack = drawn(3, 6, 5)
    for found, single in (
        (pissa(stack, 2, scale=1.5), [pissa(one, 2, scale=1.5) for one in stack]),
        (olora(stack, 2), [olora(one, 2) for one in stack]),
    ):
        for index, (a, b) in enumerate(single):
            torch.testing.assert_close(found[0][index], a)
            torch.testing.assert_close(found[1][index], b)


def test_signs_are_fixed_by_the_largest_entry() -> None:
    weight = drawn(8, 6)
    _, b = pissa(weight, 3, scale=1.0)
    largest = b.gather(0, b.abs().argmax(0, keepdim=True))
    assert bool((largest > 0).all())
    # Another sign of the whole weight is taken up by A alone.
    turned, same = pissa(-weight, 3, scale=1.0)
    torch.testing.assert_close(same, b)
    torch.testing.assert_close(turned, -pissa(weight, 3, scale=1.0)[0])


THREADS = """
import sys, torch
torch.set_num_threads(int(sys.argv[1]))
from verilora.lora.digests import tensor_digest
from verilora.lora.starts.decompose import olora, pissa
weight = torch.randn(96, 160, generator=torch.Generator().manual_seed(0))
found = [*pissa(weight, 8, scale=2.0), *olora(weight, 8)]
print([tensor_digest(tensor) for tensor in found])
"""


def test_the_bits_are_the_same_with_one_thread_and_with_two() -> None:
    runs = [
        subprocess.run(
            [sys.executable, "-c", THREADS, count], capture_output=True, text=True, check=True
        ).stdout
        for count in ("1", "2", "1")
    ]
    assert runs[0] == runs[2]
    assert runs[0] == runs[1]
