from __future__ import annotations

import pytest
import torch

from verilora.train.device import on_device, pick_device


def test_the_device_named_comes_before_the_one_around() -> None:
    with on_device("meta"):
        assert pick_device("cpu") == torch.device("cpu")
        assert pick_device() == torch.device("meta")
        with on_device(None):
            assert pick_device() == torch.device("meta")
        with on_device("cpu"):
            assert pick_device() == torch.device("cpu")
        assert pick_device() == torch.device("meta")


@pytest.mark.parametrize(("there", "picked"), [(True, "cuda"), (False, "cpu")])
def test_without_a_choice_it_is_a_gpu_or_the_cpu(
    monkeypatch: pytest.MonkeyPatch, there: bool, picked: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    assert pick_device() == torch.device(picked)


def test_the_choice_ends_with_an_error_too() -> None:
    with pytest.raises(KeyboardInterrupt), on_device("meta"):
        raise KeyboardInterrupt
    assert pick_device("cpu") == torch.device("cpu")
    assert pick_device().type != "meta"
