"""The corridor: from one cell of a paper's table to a verdict that anyone can recompute."""
