"""A config made from tensors alone attaches exactly what they hold."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
from torch import nn

from verilora.lora.formats.peft.deduce import Deduction
from verilora.lora.formats.peft.inventory import planned_inventory
from verilora.lora.formats.peft.stated import read_stated
from verilora.lora.formats.tensorfile import Entry

PREFIX = "base_model.model."


class Pair(nn.Module):
    """Two modules of which one path is the other's end, and one with a strange name."""

    def __init__(self) -> None:
        super().__init__()
        self.q = nn.Linear(8, 8)
        self.inner = nn.ModuleDict({"q": nn.Linear(8, 8), "a+b": nn.Linear(8, 8)})
        self.head = nn.Linear(8, 2)
        self.overhead = nn.ModuleDict({"head": nn.Linear(8, 2)})
        self.norm = nn.LayerNorm(8)


def _entries(**shapes: tuple[int, ...]) -> dict[str, Entry]:
    return {
        PREFIX + name: Entry(torch.float32, tuple(shape), 0, 0) for name, shape in shapes.items()
    }


def _factors(*paths: str, rank: int = 2, size: int = 8) -> dict[str, Entry]:
    shapes = {f"{path}.lora_A.weight": (rank, size) for path in paths}
    return _entries(**shapes, **{f"{path}.lora_B.weight": (size, rank) for path in paths})


def _deduce(model: nn.Module, entries: dict[str, Entry], **stated: Any) -> Deduction:
    config = {"peft_type": "LORA", "r": 2, "lora_alpha": 4, "target_modules": ["q"], **stated}
    return Deduction(model, entries, stated=read_stated(json.dumps(config).encode()))


@pytest.mark.parametrize(
    "paths", [["q"], ["inner.q"], ["q", "inner.q"], ["inner.a+b"], ["inner.a+b", "q"]]
)
def test_only_the_modules_with_tensors_are_targeted(paths: list[str]) -> None:
    deduced = _deduce(Pair(), _factors(*paths))
    assert deduced.faults == []
    inventory = planned_inventory(Pair(), deduced.config())
    assert {block.target for block in inventory.blocks} == set(paths)


def test_names_are_as_short_as_they_can_be() -> None:
    both = _factors("q", "inner.q")
    assert _deduce(Pair(), both, target_modules=["q", "nothing"]).config().target_modules == ("q",)
    assert _deduce(Pair(), both, target_modules="q|inner.q").config().target_modules == ("q",)
    one = _deduce(Pair(), _factors("inner.q"), target_modules=["q"]).config()
    assert one.target_modules == ("inner.q",)
    assert _deduce(Pair(), _factors("q"), target_modules=["q"]).config().target_modules == "q"


def test_each_path_gets_its_own_rank_and_alpha() -> None:
    entries = {**_factors("q", rank=2), **_factors("inner.q", "inner.a+b", rank=3)}
    deduced = _deduce(
        Pair(),
        entries,
        r=3,
        rank_pattern={"^q": 2},
        alpha_pattern={"inner.q": 5},
        use_rslora=True,
    )
    config = deduced.config()
    assert [config.rank_of(path) for path in ("q", "inner.q", "inner.a+b")] == [2, 3, 3]
    assert [config.alpha_of(path) for path in ("q", "inner.q", "inner.a+b")] == [4, 5, 4]
    assert config.scale("q") == 4 / 2**0.5


def test_a_whole_module_and_not_the_one_that_ends_alike() -> None:
    entries = {**_factors("q"), **_entries(**{"head.weight": (2, 8), "head.bias": (2,)})}
    # By their ends, as PEFT matches, "overhead" and "overhead.head" are named too.
    deduced = _deduce(Pair(), entries, modules_to_save=["head", "classifier"])
    assert deduced.whole == ["head"]
    assert planned_inventory(Pair(), deduced.config()).whole == ("head",)


def test_a_whole_module_without_tensors_is_expected_all_the_same() -> None:
    assert _deduce(Pair(), _factors("q"), modules_to_save=["norm"]).whole == ["norm"]


def test_dtypes_widen_to_what_holds_all() -> None:
    entries = _factors("q", "inner.q")
    name = f"{PREFIX}q.lora_A.weight"
    entries[name] = Entry(torch.float64, entries[name].shape, 0, 0)
    assert _deduce(Pair(), entries).config().dtype == "float32"
    halves = {n: Entry(torch.bfloat16, e.shape, 0, 0) for n, e in _factors("q").items()}
    assert _deduce(Pair(), halves).config().dtype == "bfloat16"
    halves[name] = Entry(torch.float16, (2, 8), 0, 0)
    assert _deduce(Pair(), halves).config().dtype == "float32"


def test_dropout_is_left_out_where_a_weight_is_adapted() -> None:
    class Scaled(nn.Embedding):
        def forward(self, ids: torch.Tensor) -> torch.Tensor:
            return super().forward(ids) * 2

    entries = _entries(**{"0.lora_embedding_A": (2, 9), "0.lora_embedding_B": (4, 2)})
    scaled = _deduce(nn.Sequential(Scaled(9, 4)), entries, lora_dropout=0.1)
    assert scaled.config().dropout == 0
    plain = _deduce(Pair(), _factors("q"), lora_dropout=0.1)
    assert plain.config().dropout == 0.1


@pytest.mark.parametrize(
    ("entries", "stated", "told"),
    [
        (_factors("z.q"), {}, "the model 'q'"),
        (_factors("norm"), {}, "'norm' is LayerNorm, which has no weight to adapt"),
        (
            _factors("q", "q.base_layer"),
            {},
            "'q' is wrapped 2 times in the file, but target_parameters",
        ),
        (
            _factors("inner.q"),
            {"target_parameters": ["inner.q.weight", "inner.q.bias"]},
            "need 2 updates of 'inner.q' in the file, one inside the other; found 1",
        ),
    ],
)
def test_what_the_tensors_cannot_mean(
    entries: dict[str, Entry], stated: dict[str, Any], told: str
) -> None:
    (fault,) = _deduce(Pair(), entries, **stated).faults
    assert told in fault
