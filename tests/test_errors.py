"""Errors: the tree as drawn, faults told together, facts kept, names nearest."""

from __future__ import annotations

import copy
import pickle
import re

import pytest

from verilora import errors
from verilora.errors import (
    ClaimError,
    ConfigError,
    TargetError,
    VeriloraError,
    nearest,
    told_together,
)

CLASSES = {
    name: value
    for name, value in vars(errors).items()
    if isinstance(value, type) and issubclass(value, VeriloraError)
}


def drawn() -> dict[str, str | None]:
    """Class -> its parent, as the picture at the top of errors.py has them."""
    parents: dict[str, str | None] = {"VeriloraError": None}
    stack = ["VeriloraError"]
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"([│├└─\s]+)(\w+)", line)
        if found and {"├", "└"} & set(found[1]):
            depth = len(found[1].rstrip()) // 4 + 1
            del stack[depth:]
            parents[found[2]] = stack[-1]
            stack.append(found[2])
    return parents


def made(kind: type[VeriloraError]) -> VeriloraError:
    if issubclass(kind, ConfigError | ClaimError):
        return kind("LoraConfig", ["rank is 0", "alpha is 0"], unmatched=("qeury",))
    return kind("found this, wanted that; do so", path="layer.0", line=3)


def test_the_picture_is_the_tree() -> None:
    assert drawn() == {
        name: None if kind is VeriloraError else kind.__base__.__name__
        for name, kind in CLASSES.items()
    }


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_every_error_says_what_it_is_for(name: str) -> None:
    assert CLASSES[name].__doc__
    assert not issubclass(CLASSES[name], ValueError | TypeError | OSError)


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_survives_pickling_and_copying(name: str) -> None:
    error = made(CLASSES[name])
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(again) is type(error)
        assert str(again) == str(error)
        assert again.facts == error.facts
        assert vars(again) == vars(error)


def test_facts_stand_as_attributes() -> None:
    error = VeriloraError("message", path="layer.0", line=3)
    assert (error.path, error.line) == ("layer.0", 3)  # type: ignore[attr-defined]
    assert error.facts == {"path": "layer.0", "line": 3}
    assert str(error) == "message"


def test_config_errors_keep_each_fault() -> None:
    error = TargetError("attach", ["'qeury' matches nothing"], unmatched=("qeury",))
    assert error.facts["faults"] == ("'qeury' matches nothing",)
    assert error.facts["unmatched"] == ("qeury",)
    assert str(error) == "attach: 'qeury' matches nothing"


def test_told_together() -> None:
    assert told_together("what", ["one"]) == "what: one"
    assert told_together("what", ["one", "two"]) == "what: 2 faults\n  - one\n  - two"
    assert told_together("what", ["one\nmore", "two"]) == (
        "what: 2 faults\n  - one\n    more\n  - two"
    )


@pytest.mark.parametrize(
    ("name", "candidates", "clause"),
    [
        ("qeury", ["query", "dense", "value"], "; did you mean 'query'?"),
        ("QUERY", ["query", "dense"], "; did you mean 'query'?"),
        ("querry", ["Query", "query1"], "; did you mean 'Query' or 'query1'?"),
        ("q_prj", ["q_proj", "k_proj", "v_proj"], "; did you mean 'q_proj', 'v_proj' or 'k_proj'?"),
        ("zzz", ["query"], ""),
        ("query", [], ""),
    ],
)
def test_nearest(name: str, candidates: list[str], clause: str) -> None:
    assert nearest(name, candidates) == clause
    assert nearest(name, reversed(candidates)) == clause


def test_nearest_names_no_more_than_asked() -> None:
    assert nearest("layer", [f"layer{n}" for n in range(9)], count=2).count("'") == 4
