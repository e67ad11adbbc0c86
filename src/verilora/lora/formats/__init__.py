"""Adapters on disk. The only room that knows names of files and tensors."""

from verilora.lora.formats.peft.read import load_adapter
from verilora.lora.formats.peft.write import save_adapter

__all__ = ["load_adapter", "save_adapter"]
