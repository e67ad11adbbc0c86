"""Change any torch model, and change it back. Needs torch and the standard library alone."""

from verilora.lora.attach import adapter_parameters, attach, detach
from verilora.lora.digests import base_digests
from verilora.lora.explain import Explanation, explain
from verilora.lora.merge import MergeReport, merge, unmerge

__all__ = [
    "Explanation",
    "MergeReport",
    "adapter_parameters",
    "attach",
    "base_digests",
    "detach",
    "explain",
    "merge",
    "unmerge",
]
