"""verdict.png: the same bytes each time; every shape of a verdict is drawn."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import matplotlib
import pytest
from PIL import Image

from verilora.charts.comparison_png import draw, title_of, write_verdict
from verilora.errors import DataError
from verilora.records.verdict import Reference, Verdict, VerdictDocument

BLUE, ORANGE, BAND = (0, 114, 178), (213, 94, 0), (220, 235, 229)


def colours(content: bytes) -> set[Any]:
    picture = Image.open(io.BytesIO(content)).convert("RGB")
    assert picture.width == 1440
    return {colour for _, colour in picture.getcolors(1 << 24)}


def test_same_verdict_same_bytes_whatever_is_set(reproduction: Any, tmp_path: Path) -> None:
    (tmp_path / "verdict.json").write_bytes(reproduction(89.0, 89.5, 90.0).canonical())
    path = write_verdict(tmp_path)
    first = path.read_bytes()
    with matplotlib.rc_context({"axes.facecolor": "red", "font.size": 30.0, "savefig.dpi": 7}):
        assert write_verdict(tmp_path).read_bytes() == first
    assert path.name == "verdict.png"
    assert colours(first) >= {BLUE, BAND}


@pytest.mark.parametrize(
    "values",
    [(89.5,), (89.5, 89.5, 89.5), (40.0, 41.0, 42.5), tuple(88 + i / 4 for i in range(10))],
    ids=["one", "equal", "far", "ten"],
)
def test_few_and_many_seeds_are_drawn(reproduction: Any, values: tuple[float, ...]) -> None:
    assert BLUE in colours(draw(reproduction(*values)))


def test_a_failed_seed_has_its_own_colour_and_form(reproduction: Any) -> None:
    assert ORANGE not in colours(draw(reproduction(89.0, 89.5, 90.0)))
    assert ORANGE in colours(draw(reproduction(89.0, None, 90.0, failed={1: "why"})))


def test_no_text_is_taken_for_anything_but_text(reproduction: Any) -> None:
    hostile = "$\\frac{1}{$ 漢字 \U0001f600 <b>"
    document = reproduction(89.0, 90.0, citation={"row": hostile, "reported_metric": hostile})
    assert BLUE in colours(draw(document))
    assert title_of(document).endswith(": inconclusive")


def test_a_comparison_of_two_measured_sides_is_named_by_its_plan(reproduction: Any) -> None:
    document = reproduction(89.0, 90.0)
    plan = document.verdicts.pre.plan.replace(
        target="LoRA against the rest", reference=Reference(name="the rest", seeds=(0,))
    )
    pre = Verdict(kind="PRE", status="pending", plan=plan)
    compared = document.replace(verdicts=document.verdicts.replace(pre=pre))
    assert title_of(compared) == "LoRA against the rest: inconclusive"


def test_what_cannot_be_drawn_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no verdict\.json; give the directory"):
        write_verdict(tmp_path)
    with pytest.raises(DataError, match="no reported number with a unit"):
        draw(VerdictDocument())
