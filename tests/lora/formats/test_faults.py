"""Faults are told together and can be printed whatever a file holds."""

from __future__ import annotations

import pytest

from verilora.errors import AdapterFileError
from verilora.lora.formats.faults import few, legible, refuse


def test_control_characters_are_escaped() -> None:
    assert legible("\x1b[31mred\r\n'\udc80'") == "\\x1b[31mred\\r\n'\\udc80'"


def test_long_text_is_cut_in_the_middle() -> None:
    cut = legible("a" * 500 + "b" * 500, longest=20)
    assert cut == "a" * 10 + " ... " + "b" * 10


def test_names_are_counted() -> None:
    assert few(["a"]) == "'a'"
    assert few(["a", "b", "c", "d", "e"]) == "'a', 'b', 'c' and 2 more"


def test_every_fault_is_kept_and_the_first_are_told() -> None:
    cause = KeyError("why")
    with pytest.raises(AdapterFileError) as caught:
        refuse("the\x07file", [f"fault {i}" for i in range(30)], cause=cause, directory="d")
    told = str(caught.value)
    assert told.startswith("the\\x07file: 21 faults\n  - fault 0\n")
    assert told.endswith("fault 19\n  - ... and 10 more (all in error.faults)")
    assert len(caught.value.facts["faults"]) == 30
    assert caught.value.facts["directory"] == "d"
    assert caught.value.__cause__ is cause
