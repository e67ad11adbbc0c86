from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from verilora.errors import DataError, MissingExtraError, ModelError, RecipeError
from verilora.records.recipe import Recipe
from verilora.train.material import gather


def on(recipe: Recipe, base: Path) -> Recipe:
    return recipe.replace(model={"id": str(base)})


def test_all_but_the_weights_is_read(make_recipe: Callable[..., Recipe], base: Path) -> None:
    material = gather(make_recipe(), weights=False)
    assert material.directory == base
    assert (len(material.train.ids), len(material.validation.ids)) == (60, 24)
    assert material.train.ids[0][0] == material.tokenizer.cls_token_id
    assert material.train.labels == [example.label for example in material.dataset.train]


def test_no_socket_is_opened_for_a_directory(
    make_recipe: Callable[..., Recipe], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("a network was asked"))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: pytest.fail("a name was asked"))
    gather(make_recipe())


def test_texts_are_cut_to_the_limit_and_counted(make_recipe: Callable[..., Recipe]) -> None:
    material = gather(make_recipe(max_length=6))
    assert max(material.train.lengths) == 6
    assert material.train.truncated > 0


def test_a_limit_above_the_bases_is_refused(make_recipe: Callable[..., Recipe]) -> None:
    with pytest.raises(RecipeError, match=r"reads at most 32; set training\.max_length to 32"):
        gather(make_recipe(max_length=64))


def test_a_base_without_a_tokenizer_says_what_is_missing(
    make_recipe: Callable[..., Recipe], base: Path, tmp_path: Path
) -> None:
    shutil.copy(base / "config.json", tmp_path)
    with pytest.raises(ModelError, match=r"tokenizer\.json"):
        gather(on(make_recipe(), tmp_path))


def test_a_tokenizer_without_padding_pads_with_its_end(
    make_recipe: Callable[..., Recipe], base: Path, tmp_path: Path
) -> None:
    shutil.copytree(base, tmp_path, dirs_exist_ok=True)
    settings = json.loads((tmp_path / "tokenizer_config.json").read_text())
    settings = {name: value for name, value in settings.items() if name != "pad_token"}
    settings["eos_token"] = "[SEP]"
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings))
    tokenizer = gather(on(make_recipe(), tmp_path)).tokenizer
    assert tokenizer.pad_token == "[SEP]"


def test_data_that_are_not_there_are_a_data_error(make_recipe: Callable[..., Recipe]) -> None:
    with pytest.raises(DataError):
        gather(make_recipe(task={"train": "no.csv"}))


def test_a_classifier_needs_padding_and_a_causal_model_does_not(
    make_recipe: Callable[..., Recipe],
    make_causal: Callable[..., Recipe],
    base: Path,
    causal_bases: dict[str, Path],
    tmp_path: Path,
) -> None:
    for directory, recipe in (
        (base, make_recipe()),
        (causal_bases["llama"], make_causal(form="text")),
    ):
        found = tmp_path / directory.name
        shutil.copytree(directory, found)
        settings = json.loads((found / "tokenizer_config.json").read_text())
        kept = {k: v for k, v in settings.items() if k not in ("pad_token", "eos_token")}
        (found / "tokenizer_config.json").write_text(json.dumps(kept))
        if recipe.task.kind == "classification":
            with pytest.raises(ModelError, match="neither a padding token nor an end token; set"):
                gather(on(recipe, found))
        else:
            assert gather(on(recipe, found)).tokenizer.pad_token is None


@pytest.mark.parametrize(
    ("causal", "changes", "told"),
    [
        (False, {"training": {"packing": True}}, "packing puts texts of a causal-lm into one row"),
        (False, {"generation": {}}, r"\[generation\] is for a causal-lm; leave it out"),
        (True, {"generation": {}}, "writes after prompts, and plain text has none"),
        (True, {"training": {"head_dropout": 0.1}}, "head_dropout is for a new head"),
        (True, {"training": {"method": "head"}}, 'method "head" trains a new head, and a causal'),
    ],
)
def test_what_a_task_could_only_ignore_is_refused(
    make_recipe: Callable[..., Recipe],
    make_causal: Callable[..., Recipe],
    causal: bool,
    changes: dict[str, dict[str, object]],
    told: str,
) -> None:
    recipe = make_causal(form="text") if causal else make_recipe()
    training = recipe.training.replace(**changes.get("training", {}))
    with pytest.raises(RecipeError, match=told):
        gather(recipe.replace(training=training, generation=changes.get("generation")))


def test_scores_want_completions_and_a_way_to_write(make_causal: Callable[..., Recipe]) -> None:
    scored = {"metrics": ["perplexity", "bleu"]}
    with pytest.raises(RecipeError, match="names bleu, measured on what the model writes: say how"):
        gather(make_causal(task=scored))
    assert gather(make_causal(task=scored, generation={"max_new_tokens": 4})).dataset.task.written
    with pytest.raises(RecipeError, match="names bleu, measured against completions: name their"):
        gather(make_causal(form="text", task=scored))


def test_a_score_without_its_program_is_told_before_anything_is_read(
    make_causal: Callable[..., Recipe], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    asked = make_causal(task={"metrics": ["perplexity", "meteor"]}, generation={})
    with pytest.raises(MissingExtraError, match="no `java` on the PATH"):
        gather(asked)


def test_a_named_task_is_of_its_kind(tmp_path: Path, make_causal: Callable[..., Recipe]) -> None:
    rows = "mr,ref\nname[A],A dog\nname[A],A man\n"
    for name in ("trainset", "devset"):
        (tmp_path / f"{name}.csv").write_text(rows, "utf-8")
    recipe = make_causal(generation={"max_new_tokens": 4})
    named = recipe.replace(task={"name": "e2e", "data": str(tmp_path)})
    assert gather(named).train.stops == gather(named).validation.stops != ()
    with pytest.raises(RecipeError, match="head_dropout is for a new head"):
        gather(named.replace(training=named.training.replace(head_dropout=0.1)))


def test_a_regression_has_nothing_to_smooth(regression: Callable[..., Recipe]) -> None:
    with pytest.raises(RecipeError, match="spreads a target over classes or tokens"):
        gather(regression(label_smoothing=0.1))


def test_texts_are_encoded_with_their_targets(make_causal: Callable[..., Recipe]) -> None:
    for form in ("text", "pairs", "talks"):
        material = gather(make_causal(form=form))
        assert material.train.targets is not None
        assert len(material.train.examples) == 40
        assert material.train.labels == []


def test_missing_labels_are_told_with_those_of_the_file(make_recipe: Callable[..., Recipe]) -> None:
    with pytest.raises(RecipeError, match=r'has labels = \["bad", "good"\]'):
        gather(make_recipe(task={"labels": None}))
