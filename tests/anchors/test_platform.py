from __future__ import annotations

from pathlib import Path

import pytest
import torch

from verilora.anchors import platform as module
from verilora.anchors.platform import platform_key


def test_it_names_what_the_bits_depend_on() -> None:
    key = platform_key()
    assert f"torch {torch.__version__}" in key
    assert torch.backends.cpu.get_cpu_capability() in key
    assert platform_key() == key
    assert key.count(", ") == 4


def test_another_torch_is_another_platform(monkeypatch: pytest.MonkeyPatch) -> None:
    before = platform_key()
    monkeypatch.setattr(torch, "__version__", "99.0+cpu")
    assert platform_key() == before.replace(
        f"torch {before.split('torch ')[1].split(',')[0]}", "torch 99.0+cpu"
    )


@pytest.mark.parametrize(
    ("told", "library"),
    [
        ("  - Intel(R) oneAPI Math Kernel Library Version 2024.2-Product Build 1", "MKL 2024.2"),
        ("  - Build settings: BLAS_INFO=accelerate, BUILD_TYPE=Release", "accelerate"),
        ("nothing", "BLAS unknown"),
    ],
)
def test_the_matrix_library_is_torchs_own_word(
    monkeypatch: pytest.MonkeyPatch, told: str, library: str
) -> None:
    monkeypatch.setattr(torch.__config__, "show", lambda: f"PyTorch built with:\n{told}\n")
    assert library in platform_key().split(", ")


@pytest.mark.parametrize("line", ["vendor_id\t: GenuineIntel", "CPU implementer\t: 0x41"])
def test_the_maker_is_the_kernels_word(tmp_path: Path, line: str) -> None:
    (tmp_path / "cpuinfo").write_text(f"processor : 0\n{line}\n")
    assert module._maker(tmp_path / "cpuinfo") == line.partition(": ")[2]


def test_a_system_without_the_file_has_some_word_too(tmp_path: Path) -> None:
    assert module._maker(tmp_path / "nowhere")
