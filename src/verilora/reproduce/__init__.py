"""The corridor: from one cell of a paper's table to a verdict that anyone can recompute.

`flow` holds the way there, `recompute` the way to check it, which needs no torch.
"""
