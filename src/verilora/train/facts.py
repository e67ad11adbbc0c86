"""What a run records about the process and the machine that it ran on."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import torch
import transformers

from verilora import __version__
from verilora.train.build import Build

_STATUS = Path("/proc/self/status")


class PeakMemory:
    """Peak bytes of the process above what it held when this was made.

    Linux: resident memory (VmHWM, set back first, minus VmRSS then). CUDA: what torch allocated
    on the device. None elsewhere, and where the kernel refuses to set the mark back.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._before: int | None = None
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
            self._before = torch.cuda.memory_allocated(device)
        elif _STATUS.exists() and _set_mark_back():
            self._before = _resident("VmRSS")

    def peak_bytes(self) -> int | None:
        """Bytes, so far."""
        if self._before is None:
            return None
        if self._device.type == "cuda":
            return torch.cuda.max_memory_allocated(self._device) - self._before
        return max(0, _resident("VmHWM") - self._before)


def environment(build: Build) -> dict[str, str]:
    """Versions, machine and settings that the numbers may depend on."""
    device = build.device
    found = {
        "verilora": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "platform": platform.platform(),
        "machine": platform.machine(),
        "cpu": _processor(),
        "cores": str(os.cpu_count() or 0),
        "threads": str(torch.get_num_threads()),
        "device": str(device),
        "precision": build.recipe.training.precision,
    }
    if device.type == "cuda":
        found["gpu"] = torch.cuda.get_device_name(device)
        found["cuda"] = str(torch.version.cuda)
    return found


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or "unknown"


def _set_mark_back() -> bool:
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def _resident(name: str) -> int:
    for line in _STATUS.read_text("utf-8").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise OSError(f"{_STATUS} has no {name}")
