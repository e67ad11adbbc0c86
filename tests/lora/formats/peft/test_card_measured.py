"""How the adapter was made and what was measured, told; a verdict put in and replaced."""

from __future__ import annotations

from typing import Any

from verilora.lora.formats.peft.card_measured import (
    card_with_verdict,
    escaped,
    recipe_section,
    results_section,
)

RESULTS: dict[str, Any] = {
    "recipe": "mrpc-minilm",
    "recipe_digest": "sha256:" + "0" * 64,
    "metrics": {"accuracy": 88.25},
    "units": {"accuracy": "percent"},
    "training": {"learning_rate": 4e-4, "epochs": 3.0, "max_steps": None},
    "seed": 1,
}
CARD = b"""---
library_name: peft
---

## Results

No verdict compares them with a published number.

## Check

| a | b |
"""


def told(results: dict[str, Any]) -> str:
    return "\n".join(results_section(results))


def test_the_recipe_by_name_digest_and_every_setting() -> None:
    given = {"results": RESULTS, "config": {"rank": 8, "target_modules": ["query"], "layers": []}}
    (text,) = recipe_section(given)
    for row in (
        "| recipe | mrpc-minilm |",
        f"| recipe\\_digest | sha256:{'0' * 64} |",
        "| adapter.rank | 8 |",
        r"| adapter.target\_modules | \[\"query\"\] |".replace('\\"', '"'),
        r"| training.learning\_rate | 0.0004 |",
    ):
        assert row in text
    assert "max" not in text
    assert "layers" not in text


def test_what_was_measured_and_what_not() -> None:
    text = told(RESULTS)
    assert "| metrics.accuracy | 88.25 |" in text
    assert "Measured: accuracy (percent), in one run (seed 1)." in text
    assert (
        "other seeds, other data, bias or safety: as far as this card knows they were not" in text
    )
    assert "in one run" not in told({"metrics": {"accuracy": 1.0}})
    assert "training" not in text
    assert "No verdict compares them" in text
    assert "No metric was measured." in told({})
    assert "| name | value |" not in told({})


def test_names_of_metrics_are_text() -> None:
    assert r"Measured: \<b\>x\|y (\[p\](q))".replace("(q)", r"\(q\)") in told(
        {"metrics": {"<b>x|y": 1.0}, "units": {"<b>x|y": "[p](q)"}}
    )


def test_a_verdict_goes_before_the_check_and_replaces_another() -> None:
    first = card_with_verdict(CARD, told=["It was *so*."], rows={"verdict": "sha256:1"})
    text = first.decode()
    assert text.index("## Results") < text.index("## Verdict") < text.index("## Check")
    assert "No verdict" not in text
    assert r"It was \*so\*." in text
    assert card_with_verdict(first, told=["It was *so*."], rows={"verdict": "sha256:1"}) == first
    second = card_with_verdict(first, told=["Otherwise."], rows={}).decode()
    assert second.count("## Verdict") == 1
    assert "so" not in second.partition("## Verdict")[2].partition("## Check")[0]
    assert second.startswith("---\nlibrary_name: peft\n---\n")


def test_a_card_of_another_make_gets_it_at_the_end() -> None:
    text = card_with_verdict(b"# mine\n", told=["Reproduced."], rows={"a": "b"}).decode()
    assert text.startswith("# mine\n")
    assert "| a | b |" in text


def test_escaping_leaves_one_line() -> None:
    assert escaped("a\n\n# b\t_c_") == r"a \# b \_c\_"
    assert escaped("query.0-x") == "query.0-x"
