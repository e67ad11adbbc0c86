"""What formats cannot hold is told in sentences, all at once."""

from __future__ import annotations

import pytest
import torch

from verilora.errors import AdapterFileError
from verilora.lora.formats.adapter import Adapter
from verilora.lora.formats.dialect import extras_faults, refuse_to_hold


def test_extras_are_told_but_for_those_allowed(make_pair):
    adapter = Adapter(
        {
            "conv": make_pair(4, 18, kernel=(2, 3, 3)),
            "words": make_pair(4, 9, embedding=True),
            "dora": make_pair(4, 4, magnitude=torch.ones(4)),
        },
        whole={"classifier.weight": torch.ones(1), "classifier.bias": torch.ones(1)},
        biases={"dora.bias": torch.ones(4)},
    )
    faults = extras_faults(adapter)
    assert len(faults) == 5
    assert "modules_to_save: classifier.weight and 1 more" in faults[0]
    assert extras_faults(adapter, allow=("whole", "biases", "magnitudes", "convolutions")) == [
        "it has no place for embeddings (words)"
    ]
    assert extras_faults(Adapter({"x": make_pair(2, 2)})) == []


def test_refusing_lists_every_fault():
    with pytest.raises(AdapterFileError, match="mlx-lm cannot hold this adapter: 2 faults") as told:
        refuse_to_hold("mlx-lm", ["a", "b"])
    assert told.value.faults == ("a", "b")
