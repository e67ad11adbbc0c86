from __future__ import annotations

from typing import Any

import pytest

from verilora.errors import MissingExtraError, RecipeError
from verilora.scores.measure import SCORES, refuse_unready, score

NAMES = ("bleu", "nist", "meteor_exact_stem", "rouge_l", "cider")


def test_every_score_by_name(vectors: dict[str, Any]) -> None:
    found = score(NAMES, vectors["texts"], references=vectors["references"])
    assert tuple(found) == NAMES
    assert found["bleu"] == pytest.approx(100 * vectors["official"]["BLEU"])
    assert found["nist"] == pytest.approx(vectors["official"]["NIST"])
    assert set(NAMES) | {"meteor"} == set(SCORES)


@pytest.mark.parametrize("name", NAMES)
def test_a_text_that_is_a_reference_scores_best(name: str, vectors: dict[str, Any]) -> None:
    refs = vectors["references"]
    best = score([name], [group[0] for group in refs], references=refs)[name]
    assert best > score([name], vectors["texts"], references=refs)[name]


@pytest.mark.parametrize("name", NAMES)
def test_nothing_written_scores_nothing(name: str, vectors: dict[str, Any]) -> None:
    refs = vectors["references"]
    assert score([name], [""] * len(refs), references=refs) == {name: 0.0}


def test_what_is_not_ready_is_told_before_anything_is_trained(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refuse_unready(NAMES)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(MissingExtraError, match="no `java` on the PATH"):
        refuse_unready([*NAMES, "meteor"])


def test_what_cannot_be_scored_is_told() -> None:
    with pytest.raises(RecipeError, match=r"no score 'blue'; did you mean 'bleu'\?"):
        score(["blue"], ["a"], references=[["a"]])
    with pytest.raises(ValueError, match="2 texts for 1 groups"):
        score(["bleu"], ["a", "b"], references=[["a"]])
    with pytest.raises(ValueError, match=r"1 texts have no reference \(the first is 1\)"):
        score(["bleu"], ["a", "b"], references=[["a"], []])
