"""Judging a reproduction: pure functions from plain records to plain records.

Source of a verdict, in the order of the work: `protocol` (how far was this what the paper did),
`statistics` (how far apart are the numbers, and is that within the margin), `citation` and `gates`
(does the paper say so, did the machinery work), `decide` (what follows), `judge` (all of it again,
from the numbers in a document). No input, no output, no clock, no chance that is not seeded.
"""
