"""Every error of verilora, one tree.

VeriloraError
├── ConfigError              a LoraConfig or its fields cannot be; all faults are told at once
│   ├── TargetError          a name, pattern or layer that matches nothing (nearest names given)
│   └── RecipeError          a recipe with unknown or impossible fields
├── LayerError               a layer cannot be adapted as it stands
│   └── TiedWeightError      a targeted weight is also another module's weight
├── StateError               the model is merged, not attached, or attached already
├── MergeError               a merge that would be wrong; the model is as it was before
├── ShapeError               tensors that do not fit each other
├── AdapterFileError         an adapter directory that is incomplete, hostile or edited
│   └── BaseMismatch         the adapter was made on another base
├── DataError                a data file with a fault (file and line)
├── ClaimError               a claim that its rules refuse (gates, confidence, a duplicate)
├── ModelError               the base cannot be found or loaded
├── OutputError              a directory that may not or cannot be written
├── CheckpointError          a checkpoint that is damaged or belongs to another run
├── TrainingError            a run that went wrong
│   └── SelfCheckError       adapters that do not move, gradients that are not finite, ...
├── RegistryError            a registry that cannot be opened, or a question that has no answer
│   └── AdmissionError       a signed record that the registry does not take in
├── VerificationError        something signed that is not valid; `state` names why
├── KeyFileError             a private key that cannot be made, read or used
└── MissingExtraError        a package or device that this machine lacks

Every message says what was found, what was wanted and what to do next; the facts stand as
attributes. Misuse by a programmer stays TypeError or ValueError. Must not know any room.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Any


class VeriloraError(Exception):
    """Base of all errors that a user may meet; `facts` holds what the message was made of."""

    def __init__(self, message: str, **facts: Any) -> None:
        super().__init__(message)
        self.facts = facts
        for name, value in facts.items():
            setattr(self, name, value)

    def __reduce__(self) -> tuple[Any, ...]:
        # Made again from message and facts, so that errors with another signature cross processes.
        return _made_again, (type(self), self.args), self.__dict__


class ConfigError(VeriloraError):
    """A configuration that cannot be. `faults` lists every fault found, one sentence each."""

    def __init__(self, what: str, faults: Sequence[str], **facts: Any) -> None:
        super().__init__(told_together(what, faults), faults=tuple(faults), **facts)


class TargetError(ConfigError):
    """Something asked for matches no module; `unmatched` holds the names."""


class LayerError(VeriloraError):
    """A layer that cannot be adapted as it stands; `path` names it."""


class TiedWeightError(LayerError):
    """A targeted weight is shared with another module; `path` and `partners` name them."""


class StateError(VeriloraError):
    """The call does not fit the model's state (merged, not attached, attached already)."""


class MergeError(VeriloraError):
    """A merge that would give a wrong model; nothing was changed."""


class ShapeError(VeriloraError):
    """Tensors whose shapes do not fit each other."""


class AdapterFileError(VeriloraError):
    """An adapter directory that cannot be trusted or understood. `faults` lists what is wrong."""


class BaseMismatch(AdapterFileError):  # noqa: N818 - the name is an interface that stays
    """The base differs from the one that the adapter was made on; `differing` names tensors."""


class RecipeError(ConfigError):
    """A recipe with unknown, missing or impossible fields."""


class DataError(VeriloraError):
    """A data file with a fault; `file` and `line` say where (line is None for a whole file)."""


class ClaimError(VeriloraError):
    """A claim that its rules refuse; `faults` lists every one found, a sentence each."""

    def __init__(self, what: str, faults: Sequence[str], **facts: Any) -> None:
        super().__init__(told_together(what, faults), faults=tuple(faults), **facts)


class ModelError(VeriloraError):
    """The base model cannot be found or loaded."""


class OutputError(VeriloraError):
    """A directory or file that may not be overwritten, or cannot be written."""


class CheckpointError(VeriloraError):
    """A checkpoint that is damaged, or belongs to another recipe."""


class TrainingError(VeriloraError):
    """A run that went wrong (a loss that is not finite, ...)."""


class SelfCheckError(TrainingError):
    """Training does not do what it should: `path` names the layer, `check` the rule broken."""


class RegistryError(VeriloraError):
    """A registry that cannot be opened or read; `url`, without password, where one is known."""


class AdmissionError(RegistryError):
    """A signed record that is refused; `digest` names it, `of` the record it would double."""


class VerificationError(VeriloraError):
    """Something signed that is not valid; `state` is one of those of docs/verify.md."""


class KeyFileError(VeriloraError):
    """A private key that cannot be made, read or used. No message holds any of its bytes."""


class MissingExtraError(VeriloraError):
    """A package or device that this machine lacks; the message says how to install it."""


def told_together(what: str, faults: Sequence[str]) -> str:
    """One message for many faults: a single line for one, a list for more."""
    if len(faults) == 1:
        return f"{what}: {faults[0]}"
    listed = [f"  - {fault}".replace("\n", "\n    ") for fault in faults]
    return "\n".join([f"{what}: {len(faults)} faults", *listed])


def nearest(name: str, candidates: Iterable[str], *, count: int = 3) -> str:
    """A clause with the closest valid names, "; did you mean 'query' or 'key'?", or "".

    Closeness by difflib's ratio (stdlib) without regard to case, cutoff 0.5, at most `count` names.
    """
    folded = {candidate.casefold(): candidate for candidate in sorted(set(candidates))}
    close = difflib.get_close_matches(name.casefold(), folded, n=count, cutoff=0.5)
    if not close:
        return ""
    quoted = [f"'{folded[match]}'" for match in close]
    listed = quoted[0] if len(quoted) == 1 else ", ".join(quoted[:-1]) + f" or {quoted[-1]}"
    return f"; did you mean {listed}?"


def _made_again(kind: type[VeriloraError], args: tuple[Any, ...]) -> VeriloraError:
    return kind.__new__(kind, *args)
