"""Scores of written text against all its references, in the units that papers print.

Strings in, one number out; must not know tasks, models or files. `verilora.scores.measure.score`
gives any of them by name.
"""
