"""report.html: the facts of the run, every text escaped, nothing loaded from anywhere."""

from __future__ import annotations

import json
import re

import pytest

from verilora.charts.panels import read_run
from verilora.errors import DataError
from verilora.report import write_report
from verilora.report.run import render

PAYLOAD = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&"


def test_the_page_tells_the_run(write_run, read_page):
    directory = write_run()
    run = read_run(directory)
    path = write_report(directory)
    text = path.read_text("utf-8")
    page = read_page(text)
    words = re.sub(r"\s+", " ", " ".join(page.words).replace("\u00a0", " "))
    value = run.metrics["accuracy"].value
    assert f"reaches {value:.1f} % accuracy on 710 validation examples" in words
    assert "LoRA of rank 8 on query and value, with the task head, was trained on 4,400" in words
    assert f"{value - 51.97:.1f} points above that" in words
    assert "majority class difference" in words
    assert "74,498" in words
    assert "which tell an accuracy to about ±3.1 points" in words
    assert "312: no description" in words
    assert "x86_64, 2 CPU cores" in words
    assert run.digests.base in words
    assert "verilora evaluate ." in words
    assert len(text) < 60_000


def test_what_has_no_majority_class_has_no_column_for_it(write_run):
    data = {"train_rows": 9, "validation_rows": 4, "majority": {}}
    page = render(write_run(data=data))
    assert "this run</th>" in page
    assert "majority class</th>" not in page


def test_the_page_is_sound_html_for_everybody(write_run, read_page):
    page = read_page(render(write_run()))
    ids = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    pictures = [attrs for tag, attrs in page.elements if tag == "svg"]
    assert len(pictures) == 3
    assert all(attrs["role"] == "img" and attrs["aria-labelledby"] in ids for attrs in pictures)
    tags = [tag for tag, _ in page.elements]
    assert tags.count("h1") == 1
    assert tags.count("main") == 1
    assert ("html", {"lang": "en"}) in page.elements
    assert "script" not in tags


def test_nothing_is_loaded_from_anywhere(write_run, read_page):
    text = render(write_run())
    page = read_page(text)
    loading = {"src", "href", "srcset", "action", "data", "poster", "xlink:href"}
    assert not [attrs for _, attrs in page.elements if loading & set(attrs)]
    assert "url(" not in text
    assert "@import" not in text
    assert "http://" not in text
    assert "https://" not in text


def test_every_text_of_the_records_is_escaped(write_run, read_page):
    directory = write_run(
        recipe={
            "title": PAYLOAD,
            "model": {"id": PAYLOAD},
            "adapter": {"target_modules": [PAYLOAD]},
        },
        environment={PAYLOAD: PAYLOAD},
    )
    run = json.loads((directory / "run.json").read_bytes())
    run["recipe"] = run["digests"]["data"] = PAYLOAD
    run["data"]["dropped"] = {PAYLOAD: 3}
    run["metrics"][PAYLOAD] = {"value": 1.0, "unit": "percent"}
    (directory / "run.json").write_text(json.dumps(run))
    layers = [{"path": PAYLOAD, "rule": PAYLOAD}]
    (directory / "explain.json").write_text(json.dumps({"layers": layers}))
    text = render(directory)
    page = read_page(text)
    tags = {tag for tag, _ in page.elements}
    assert not tags & {"script", "img"}
    assert not [attrs for _, attrs in page.elements if any(name[:2] == "on" for name in attrs)]
    assert text.count("&lt;script&gt;") >= 9


def test_the_layers_of_explain_are_shown_when_they_are_there(write_run):
    directory = write_run()
    layers = [{"path": "encoder.0.query", "rank": 8, "trained": True, "relative_norm": 0.03125}]
    (directory / "explain.json").write_text(json.dumps({"layers": layers}))
    text = render(directory)
    assert "encoder.0.query" in text
    assert "0.03125" in text
    assert "Adapted layers (1)" in text


def test_missing_and_damaged_files_are_named(write_run):
    directory = write_run()
    (directory / "recipe.toml").write_text("name = [")
    with pytest.raises(DataError, match=r"recipe\.toml is not a recipe"):
        render(directory)
    (directory / "recipe.toml").unlink()
    with pytest.raises(DataError, match=r"holds no recipe\.toml"):
        render(directory)


def test_a_recipe_with_values_taken_away_is_read(write_run):
    directory = write_run()
    path = directory / "recipe.toml"
    text = path.read_text("utf-8")
    assert 'checkpoint_every = "epoch"' in text
    path.write_text(text.replace('checkpoint_every = "epoch"', 'checkpoint_every = "none"'))
    assert "checkpoint_every" in render(directory)
