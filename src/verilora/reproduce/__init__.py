"""The corridor: from one cell of a paper's table to a verdict that anyone can recompute."""

from verilora.reproduce.conclusion import Recomputed, recompute
from verilora.reproduce.flow import Evidence, Ready, foresee, prepare, reproduce
from verilora.reproduce.outlook import Outlook, outlook
from verilora.reproduce.wish import Wish

__all__ = [
    "Evidence",
    "Outlook",
    "Ready",
    "Recomputed",
    "Wish",
    "foresee",
    "outlook",
    "prepare",
    "recompute",
    "reproduce",
]
