from __future__ import annotations

from verilora.cli.columns import aligned, columns


def test_names_and_values_stand_in_two_columns() -> None:
    assert aligned([("a", "1"), ("long", "2")], indent=" ") == " a     1\n long  2"
    assert aligned([]) == ""


def test_numbers_stand_to_the_right() -> None:
    rows = [("metric", "now", "unit"), ("f1", "7.25", "%"), ("accuracy", "71.5", "%")]
    assert columns(rows) == "metric     now  unit\nf1        7.25  %\naccuracy  71.5  %"
    assert columns([("a", "b"), ("ccc", "d")], numbers=()) == "a    b\nccc  d"
