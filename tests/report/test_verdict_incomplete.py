"""Whatever a document leaves out, picture, page and words are made, or a sentence says why not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from verilora.charts.comparison import compare
from verilora.charts.comparison_svg import LEFT, RIGHT, lay_out
from verilora.errors import DataError
from verilora.records.verdict import VerdictDocument
from verilora.report.verdict import render
from verilora.report.verdict_tables import Links
from verilora.verdict.judge import judge
from verilora.verdict.tell import tell, tell_judgement


def without_each(data: dict[str, Any]) -> Iterator[VerdictDocument]:
    """The document without each of its verdict's keys, and without each of their keys."""
    text = json.dumps(data)
    parts = ("reported", "measured", "statistics")  # what pictures and words are made of
    for key, value in data["verdict"].items():
        for inner in (None, *(value if key in parts else ())):
            less = json.loads(text)
            place = less["verdict"] if inner is None else less["verdict"][key]
            del place[key if inner is None else inner]
            try:
                yield VerdictDocument.model_validate(less)
            except ValueError:
                continue  # a key that every document must have


def test_any_key_may_be_missing(reproduction: Any) -> None:
    data = reproduction(89.0, None, 90.2, majority=None, states={"base": "different"}).to_mapping()
    made = 0
    for document in without_each(data):
        assert max(map(len, tell(document).splitlines())) <= 100
        drawn = compare(document)
        for line in lay_out(drawn).lines if drawn else ():
            assert all(LEFT <= place <= RIGHT for place in (*line.places, *(line.span or ())))
        try:
            told = tell_judgement(document, judge(document))
        except DataError as error:
            assert "declare" in str(error)
            continue
        assert max(map(len, told.splitlines())) <= 100
        assert render(document, links=Links()).endswith("</html>")
        made += 1
    assert made > 30
