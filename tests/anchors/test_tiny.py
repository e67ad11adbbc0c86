from __future__ import annotations

import random
from pathlib import Path

import torch

from verilora.anchors.tiny import make_tiny
from verilora.data.load import load_dataset
from verilora.records.digests import digest_file
from verilora.train.build import build


def files(directory: Path) -> dict[str, str]:
    return {
        path.relative_to(directory).as_posix(): digest_file(path)
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


def test_it_is_the_same_bytes_whatever_was_drawn_before(tmp_path: Path) -> None:
    make_tiny(tmp_path / "a")
    random.seed(5)
    torch.rand(3)
    before, states = torch.random.get_rng_state(), random.getstate()
    make_tiny(tmp_path / "b")
    assert files(tmp_path / "a") == files(tmp_path / "b")
    assert torch.equal(torch.random.get_rng_state(), before)
    assert random.getstate() == states


def test_base_and_data_are_these_on_every_machine(tmp_path: Path) -> None:
    made = build(make_tiny(tmp_path))
    assert made.base_digest == (
        "sha256:26fc1eccd8b6a5a5ab355f5e413189088743d4a90145732b1acf6510bd074ee9"
    )
    assert made.dataset.digest == (
        "sha256:eb6dcde9dafef4b71023eccaa28ee9f1d1d652570c4efbdbb57b068bc6dfc867"
    )


def test_it_looks_at_what_may_change_the_bits(tmp_path: Path) -> None:
    recipe = make_tiny(tmp_path)
    training = recipe.training
    assert (training.threads, training.precision) == (1, "float32")
    assert recipe.adapter.dropout > 0
    assert training.micro_batch_size < training.batch_size
    dataset = load_dataset(recipe.task)
    assert {example.label for example in dataset.train} == {0, 1}
    assert len({len(ids) for ids in build(recipe).train.ids}) > 5
