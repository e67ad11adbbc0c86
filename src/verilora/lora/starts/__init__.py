"""Starts: pure functions from a weight (or a layer's inputs) to the first A and B."""

from verilora.lora.starts.choose import Begin, Place, Start, beginner, blank

__all__ = ["Begin", "Place", "Start", "beginner", "blank"]
