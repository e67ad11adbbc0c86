"""Adapters on disk. The only room that knows names of files and tensors."""

from verilora.lora.formats.peft.read import load_adapter
from verilora.lora.formats.peft.start import Start, open_start
from verilora.lora.formats.peft.write import save_adapter

__all__ = ["Start", "load_adapter", "open_start", "save_adapter"]
