"""Signed records kept for good, and read in many ways. Must not know pages, nor torch.

Truth are two tables that only grow: `blobs` and `log`. All else is made from them.
"""
