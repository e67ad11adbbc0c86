"""Signed records kept for good, and read in many ways. Must not know pages, nor torch.

Truth are two tables that only grow: `blobs` and `log`. All else is made from them.
"""

from verilora.registry.incoming import Door
from verilora.registry.store import Registry, open_registry
from verilora.registry.verdicts import Filter

__all__ = ["Door", "Filter", "Registry", "open_registry"]
