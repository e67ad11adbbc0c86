"""What the bits of a training step depend on beside recipe, data and base, as one line."""

from __future__ import annotations

import platform
from pathlib import Path

import torch


def platform_key() -> str:
    """System, machine, torch, its matrix library and vector instructions, and the CPU's maker.

    The maker counts since MKL takes other ways on CPUs of other makers. Threads are the recipe's.
    """
    return ", ".join(
        (
            f"{platform.system()} {platform.machine()}",
            f"torch {torch.__version__}",
            _matrix_library(),
            torch.backends.cpu.get_cpu_capability(),
            _maker(),
        )
    )


def _matrix_library() -> str:
    """Its name and version as torch tells them, or its name alone."""
    for line in torch.__config__.show().splitlines():
        if "Math Kernel Library Version" in line:
            return f"MKL {line.partition('Version ')[2].partition('-')[0].split()[0]}"
    found = torch.__config__.show().partition("BLAS_INFO=")[2].partition(",")[0]
    return found.strip() or "BLAS unknown"


def _maker(path: Path = Path("/proc/cpuinfo")) -> str:
    try:
        for line in path.read_text("utf-8", "replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() in ("vendor_id", "CPU implementer"):
                return value.strip()
    except OSError:
        pass
    return platform.processor() or "CPU unknown"
