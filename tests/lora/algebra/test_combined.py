"""The report adds up and prints."""

from __future__ import annotations

import math

import pytest

from verilora.lora.algebra.combined import Combination, CombinedLayer


def test_errors_over_all_modules(llama_adapter):
    layers = (CombinedLayer("a", 2, 4, 3.0, 0.3), CombinedLayer("b", 1, 4, 4.0, 0.0))
    found = Combination(llama_adapter(), layers, {"name": "sum"}, (1.0, 2.0), ("a note",))
    assert found.relative_error == pytest.approx(0.3 / math.hypot(3, 4))
    assert layers[0].relative_error == pytest.approx(0.1)
    assert CombinedLayer("z", 1, 1, 0.0, 0.0).relative_error == 0.0
    assert "2 modules, error in all 6.0e-02 of ‖ΔW‖" in str(found)
    assert str(found).endswith("note: a note")
    told = found.to_mapping()
    assert told["layers"][0]["relative_error"] == pytest.approx(0.1)
    assert told["weights"] == [1.0, 2.0]


def test_nothing_asked_for_is_no_error(llama_adapter):
    assert Combination(llama_adapter(), (), {}, ()).relative_error == 0.0
