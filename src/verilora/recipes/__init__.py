"""Recipes: the shipped ones as TOML files, and the reading of any. Inert data, never code.

Must not know data, models or training: `verilora.recipes.catalog` gives a checked Recipe.
"""
