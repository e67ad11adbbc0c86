"""A route follows generate's beams, and is refused where rows cannot be told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from verilora import AdapterBank, load_adapter
from verilora.errors import ShapeError
from verilora.kernels.grouped import NONE
from verilora.serve.route import Route, Routing

Write = Callable[..., Path]
PROMPTS = torch.tensor([[0, 0, 7, 8], [9, 3, 4, 5], [0, 12, 3, 8]])
SEEN = torch.tensor([[0, 0, 1, 1], [1, 1, 1, 1], [0, 1, 1, 1]])
ROUTE = ["b", None, "a"]


def written(model: nn.Module, **settings: Any) -> torch.Tensor:
    with torch.no_grad():
        return model.generate(  # type: ignore[operator]
            input_ids=PROMPTS,
            attention_mask=SEEN,
            max_new_tokens=6,
            min_new_tokens=6,
            do_sample=False,
            pad_token_id=0,
            **settings,
        )


@pytest.mark.parametrize(
    "settings", [{}, {"num_beams": 3}, {"num_beams": 4, "num_return_sequences": 2}]
)
@pytest.mark.parametrize(
    ("kind", "targets"), [("llama", ["q_proj", "up_proj"]), ("bart", ["q_proj", "fc1"])]
)
def test_generate_writes_what_each_adapter_writes_alone(
    kind: str, targets: list[str], settings: dict[str, int], tiny: SimpleNamespace, write: Write
) -> None:
    make = getattr(tiny, kind)
    found = {name: write(name, make(), rank=2, alpha=64, target_modules=targets) for name in "ab"}
    model = make()
    base = written(model, **settings)
    bank = AdapterBank(model)
    for name, directory in found.items():
        bank.load(name, directory)
    with bank.route(ROUTE):
        together, again = written(model, **settings), written(model, **settings)
    assert torch.equal(together, again)
    each = settings.get("num_return_sequences", 1)
    for row, name in enumerate(ROUTE):
        rows = slice(row * each, (row + 1) * each)
        if name is None:
            assert torch.equal(together[rows], base[rows])
        else:
            wanted = written(load_adapter(make(), found[name]), **settings)
            assert torch.equal(together[rows], wanted[rows])
            assert not torch.equal(wanted[rows], base[rows])


def test_generate_with_other_prompts_than_the_route_is_refused(
    tiny: SimpleNamespace, write: Write
) -> None:
    model = tiny.llama()
    bank = AdapterBank(model)
    bank.load("a", write("a", tiny.llama(), rank=2, target_modules=["q_proj"]))
    with bank.route(["a"]), pytest.raises(ShapeError, match="names 1 rows, the batch has 3"):
        written(model)


def test_the_innermost_route_of_a_bank_counts(tiny: SimpleNamespace, write: Write) -> None:
    first, second = tiny.llama(), tiny.llama()
    directory = write("a", tiny.llama(), rank=2, target_modules=["q_proj"])
    banks = [AdapterBank(first), AdapterBank(second)]
    for bank in banks:
        bank.load("a", directory)
    with torch.no_grad():
        base = first(input_ids=tiny.ids).logits
        with banks[0].route(["a"] * 4), banks[1].route([None] * 4):
            adapted = first(input_ids=tiny.ids).logits
            assert torch.equal(second(input_ids=tiny.ids).logits, base)
            with banks[0].route([None] * 4):
                assert torch.equal(first(input_ids=tiny.ids).logits, base)
            assert torch.equal(first(input_ids=tiny.ids).logits, adapted)
        assert torch.equal(first(input_ids=tiny.ids).logits, base)
    assert not torch.equal(adapted, base)


def test_rows_and_tokens_in_one_dimension_follow_each_other() -> None:
    route = Route(Routing(), (3, NONE))
    found = route.grouping(torch.zeros(6, 4), flat=True)
    assert [tuple(run) for run in found.runs] == [(3, 0, 3)]
    assert route.grouping(torch.zeros(6, 4), flat=True) is found


@pytest.mark.parametrize(
    ("shape", "flat"), [((1, 6, 4), False), ((5, 4), True), ((4, 2, 4), False)]
)
def test_rows_that_cannot_be_told_are_refused(shape: tuple[int, ...], flat: bool) -> None:
    with pytest.raises(ShapeError, match="whose row is whose"):
        Route(Routing(), (3, NONE)).grouping(torch.zeros(shape), flat=flat)


def test_a_copy_of_the_model_has_no_route_open(tiny: SimpleNamespace, write: Write) -> None:
    from copy import deepcopy

    model = tiny.llama()
    bank = AdapterBank(model)
    bank.load("a", write("a", tiny.llama(), rank=2, target_modules=["q_proj"]))
    copy = deepcopy(model)
    with torch.no_grad():
        base = model(input_ids=tiny.ids).logits
        with bank.route(["a"] * 4):
            assert torch.equal(copy(input_ids=tiny.ids).logits, base)
            assert not torch.equal(model(input_ids=tiny.ids).logits, base)
