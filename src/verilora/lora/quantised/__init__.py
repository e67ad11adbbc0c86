"""Frozen weights in 4 or 8 bits: packed, read, multiplied with, and given back whole."""
