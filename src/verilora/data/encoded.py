"""Encoded: what tokenizing gives and batches are made of. Knows no tokenizer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

IGNORED = -100
"""In the place of a target: nothing is to be learnt there. torch's cross-entropy has it so."""


@dataclass(frozen=True)
class Encoded:
    """Token ids of each example, special tokens included, of any length up to the limit."""

    ids: list[list[int]]
    type_ids: list[list[int]] | None
    """Which of the two texts a token is of; None where the tokenizer makes no difference."""
    labels: list[int] | list[float]
    """Classes or values; empty for a causal language model."""
    example_ids: list[str]
    """Of which example each row is; pieces of one text share it."""
    truncated: int
    """How many examples were longer than the limit, and cut."""
    targets: list[list[int]] | None = None
    """For a causal language model, beside each row's ids: the same id where it is to be foretold
    from those before it, else IGNORED. The first of a row always is."""
    dropped: Counter[str] = field(default_factory=Counter)
    """Examples left out, by the reason."""
    stops: tuple[int, ...] = ()
    """Ids that end what a causal language model writes."""
    notes: tuple[str, ...] = ()

    @property
    def lengths(self) -> list[int]:
        """Tokens of each row."""
        return [len(ids) for ids in self.ids]

    @cached_property
    def examples(self) -> list[str]:
        """Ids of the examples that are here, in order, each once."""
        return list(dict.fromkeys(self.example_ids))

    @cached_property
    def target_counts(self) -> list[int]:
        """How many tokens of each row are to be foretold."""
        return [sum(one != IGNORED for one in row) for row in self.targets or ()]

    def units(self, indices: Sequence[int]) -> int:
        """What the loss of these rows is a mean over: target tokens, or examples."""
        if self.targets is None:
            return len(indices)
        return sum(self.target_counts[index] for index in indices)

    def prompt(self, index: int) -> list[int]:
        """The ids before the last stretch of targets: what the answer is written after."""
        assert self.targets is not None
        row = self.targets[index]
        place = len(row)
        while row[place - 1] == IGNORED:
            place -= 1
        while place and row[place - 1] != IGNORED:
            place -= 1
        return self.ids[index][:place]
