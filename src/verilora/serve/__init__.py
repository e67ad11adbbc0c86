"""Many adapters over one base in one batch: `AdapterBank`, and texts written by it."""

from verilora.serve.bank import AdapterBank

__all__ = ["AdapterBank"]
