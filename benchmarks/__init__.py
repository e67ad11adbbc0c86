"""Measurements side by side with what peers reach; not part of the package."""
