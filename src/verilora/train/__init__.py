"""Training: from a recipe to a run directory. Must not know who asked, nor draw or print."""
