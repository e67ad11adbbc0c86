"""Change any torch model, and change it back. Needs torch and the standard library alone."""

from verilora.lora.attach import adapter_parameters, attach, detach
from verilora.lora.base_only import BaseOnly, base_only
from verilora.lora.digests import base_digests
from verilora.lora.explain import Explanation, explain
from verilora.lora.merge import merge, unmerge
from verilora.lora.merged import MergeReport

__all__ = [
    "BaseOnly",
    "Explanation",
    "MergeReport",
    "adapter_parameters",
    "attach",
    "base_digests",
    "base_only",
    "detach",
    "explain",
    "merge",
    "unmerge",
]
