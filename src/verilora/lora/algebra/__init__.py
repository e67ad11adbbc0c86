"""Adapters added, pruned and compressed: linear algebra on ΔW, never on A and B apart."""
