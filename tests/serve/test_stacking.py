"""What goes into a slot is the update itself: dense, it is what load_adapter puts on the model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from verilora import load_adapter
from verilora.lora.attachment import each_update_set
from verilora.serve.reading import Reader
from verilora.serve.stacking import stacked_updates
from verilora.serve.twin import twin_of

Write = Callable[..., Path]
CASES: dict[str, dict[str, Any]] = {
    "plain": {"rank": 3, "target_modules": ["c_attn", "wte"], "tied": "untie"},
    "parts": {"rank": 2, "target_modules": ["c_attn"], "fused": {"c_attn": ["q", "v"]}},
    "start": {"rank": 2, "init": "olora", "target_modules": ["c_fc"]},
    "dora": {"rank": 2, "weight_rule": "dora", "target_modules": ["c_attn", "c_fc"]},
    "dora of parts": {
        "rank": 2,
        "weight_rule": "dora",
        "target_modules": ["c_attn"],
        "fused": {"c_attn": ["k"]},
    },
}


@pytest.mark.parametrize("case", CASES)
def test_dense_it_is_the_effective_weight(case: str, tiny: SimpleNamespace, write: Write) -> None:
    directory = write("a", tiny.gpt2(), **CASES[case])
    twin = twin_of(tiny.gpt2())
    values = Reader(twin, rank=8).read(directory, check_base=True)
    found = stacked_updates(twin, values)
    model = load_adapter(tiny.gpt2(), directory)
    for path, updates in each_update_set(model):
        weight = model.get_submodule(path)._parameters["weight"]
        assert weight is not None
        wanted = updates.applied("weight", weight.detach())
        own = found.pop(path)
        gain = torch.zeros(own.b.shape[1]) if own.gain is None else own.gain
        # Both layers of these models store their weight transposed: [in, out].
        dense = weight * (1 + gain) + own.a.t() @ own.b
        torch.testing.assert_close(dense, wanted, rtol=1e-5, atol=1e-5)
    assert not found


def test_both_sides_of_a_tied_weight_get_it(tiny: SimpleNamespace, write: Write) -> None:
    directory = write("a", tiny.gpt2(), rank=2, target_modules=["wte"], tied="shared")
    twin = twin_of(tiny.gpt2())
    values = Reader(twin, rank=8).read(directory, check_base=True)
    found = stacked_updates(twin, values)
    words, head = found["transformer.wte"], found["lm_head"]
    torch.testing.assert_close(words.a.t() @ words.b, (head.a.t() @ head.b).t())
