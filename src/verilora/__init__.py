"""verilora: LoRA adapters whose results anyone can check.

The face: the public names, each loaded when first used, so that `import verilora` imports
neither torch nor transformers.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "AdapterBank": "verilora.serve",
    "BaseOnly": "verilora.lora",
    "LoraConfig": "verilora.records.adapter",
    "SaveAdapter": "verilora.handover.callback",
    "VeriloraError": "verilora.errors",
    "adapter_parameters": "verilora.lora",
    "attach": "verilora.lora",
    "base_only": "verilora.lora",
    "combine": "verilora.lora.algebra.combine",
    "convert": "verilora.lora.formats.convert",
    "detach": "verilora.lora",
    "explain": "verilora.lora",
    "export_merged": "verilora.handover.export",
    "load_adapter": "verilora.lora.formats",
    "merge": "verilora.lora",
    "save_adapter": "verilora.lora.formats",
    "unmerge": "verilora.lora",
    "verify": "verilora.claims.verify",
}

__all__ = sorted([*_HOMES, "__version__"])


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'verilora' has no attribute '{name}'")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
