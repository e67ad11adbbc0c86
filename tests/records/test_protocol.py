"""Protocol rows: what each says, and what it must say with it."""

from __future__ import annotations

from typing import get_args

import pytest
from pydantic import ValidationError

from verilora.records.protocol import DIMENSIONS, LEVELS, Dimension, Row


def test_twelve_dimensions_each_with_its_title() -> None:
    assert tuple(DIMENSIONS) == get_args(Dimension)
    assert len(DIMENSIONS) == 12
    assert LEVELS == ("exact", "near", "proxy", "unknown")


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"state": "equivalent"}, "say why in 'reason'"),
        ({"state": "equivalent", "reason": ""}, "say why in 'reason'"),
        ({"state": "paper_silent"}, "'before' or 'after'"),
        ({"state": "alike"}, "state"),
        ({"state": "same", "dimension": "mood"}, "dimension"),
        ({"state": "same", "note": "x"}, "note"),
    ],
)
def test_refuses(row: dict[str, str], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        Row.model_validate({"dimension": "base", **row})


def test_reads() -> None:
    row = Row(dimension="start", state="paper_silent", filled="before", ours="a fresh adapter")
    assert Row.model_validate(row.to_mapping()) == row
    assert "reason" not in row.to_mapping()
