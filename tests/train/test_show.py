from __future__ import annotations

from collections.abc import Callable

import pytest

from verilora.records.recipe import Recipe
from verilora.train import material
from verilora.train.build import build
from verilora.train.session import open_session
from verilora.train.show import first_batch

Make = Callable[..., Recipe]


@pytest.mark.parametrize("form", ["text", "pairs", "talks"])
def test_the_batch_is_the_one_that_is_trained_first(make_causal: Make, form: str) -> None:
    recipe = make_causal(form=form)
    shown = first_batch(recipe)
    session = open_session(build(recipe))
    encoded = session.build.train
    assert encoded.targets is not None
    for text, index in zip(shown.texts, session.timetable.batch(0), strict=True):
        assert text.id == encoded.example_ids[index]
        assert [token.id for token in text.tokens] == encoded.ids[index]
        learnt = [token.id if token.target else -100 for token in text.tokens]
        assert learnt == encoded.targets[index]
        assert (text.part, text.label) == (1, None)


def test_only_the_assistant_is_learnt(make_causal: Make) -> None:
    text = first_batch(make_causal(form="talks")).texts[0]
    marks = [token.text for token in text.tokens if not token.target]
    assert marks[0] == "<user>"
    assert marks[-2:] == ["</s>", "<assistant>"]
    assert text.tokens[-1].text == "</s>"
    assert text.tokens[-1].target


def test_rows_and_passes_are_told(make_causal: Make) -> None:
    packed = first_batch(make_causal(packing=True, micro_batch_size=4)).texts
    assert {text.part for text in packed} == {1, 2}
    assert len({(text.part, text.row) for text in packed}) < len(packed) == 8
    alone = first_batch(make_causal()).texts
    assert [text.row for text in alone] == list(range(1, 9))


def test_a_classifiers_batch_has_labels(make_recipe: Make) -> None:
    shown = first_batch(make_recipe())
    assert {text.label for text in shown.texts} <= {"good", "bad"}
    assert not any(token.target for text in shown.texts for token in text.tokens)
    assert shown.to_mapping()["texts"][0]["tokens"][0]["text"] == "[CLS]"


def test_no_weight_is_read(make_causal: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    locate = material.locate
    monkeypatch.setattr(
        material, "locate", lambda section, *, weights: asked.append(weights) or locate(section)
    )
    first_batch(make_causal())
    assert asked == [False]
