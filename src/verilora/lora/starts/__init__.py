"""Starts: pure functions from a weight (or a layer's inputs) to the first A and B."""

from verilora.lora.starts.choose import Begin, Place, beginner, blank
from verilora.lora.starts.start import Start

__all__ = ["Begin", "Place", "Start", "beginner", "blank"]
