from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from verilora.errors import DataError, ModelError, RecipeError
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
