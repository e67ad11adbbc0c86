"""The first claims: their ids are those published elsewhere, their facts told by the rules."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from verilora.claims.family import DATA, load_family
from verilora.claims.related import index_of, related
from verilora.errors import ClaimError

EXAMPLE = Path(__file__).resolve().parents[3] / "shared/examples/claim-d7b97d1b93d8d8bc.json"
IDS = {
    "Low-Rank Adaptation (LoRA)": "d7b97d1b93d8d8bc",
    "QLoRA": "767cbe41c961be1a",
    "Rotary Position Embedding (RoPE)": "f8d64457ba9fd35b",
    "Switch Transformer": "3d9c14b9379038c9",
    "ResNet (Residual Networks)": "4f55f77c4bfb316e",
}


def test_the_ids_are_those_published_elsewhere() -> None:
    assert {claim.subject: claim.id for claim in load_family()} == IDS


def test_the_first_is_the_published_example() -> None:
    if not EXAMPLE.is_file():
        pytest.skip("no folder with the example")
    example, claim = json.loads(EXAMPLE.read_text("utf-8")), load_family()[0]
    for key in ("id", "vertical", "subject", "predicate", "object", "statement"):
        assert getattr(claim, key) == example[key], key
    assert list(claim.tags) == example["tags"]
    pairs = zip(claim.sources, example["sources"], strict=False)
    for source, told in pairs:
        named = (source.type, source.publisher, source.title, source.url, source.published)
        keys = ("type", "publisher", "title", "url", "publishedDate")
        assert named == tuple(told[key] for key in keys)
    statements = {one["id"]: one["statement"] for one in example["related"]}
    assert {one.id: one.statement for one in load_family()[1:]}.items() <= statements.items()


def test_each_has_sources_of_several_publishers_and_a_paper_first() -> None:
    for claim in load_family():
        assert len(claim.sources) >= 2
        assert claim.sources[0].type == "preprint"
        assert claim.sources[0].url.startswith("https://arxiv.org/abs/")
        assert {"github-release", "peer-reviewed"} <= {one.type for one in claim.sources}
        assert claim.confidence == 0.95
        assert "not checked" in claim.confidence_rule


def test_they_are_related_as_the_example_says() -> None:
    family = load_family()
    found = related(family[0], index_of(family))
    assert {one.id: len(one.shared) for one in found} == dict.fromkeys(list(IDS.values())[1:], 2)
    assert str(found[0]).startswith("shares 2 tags (")


def test_the_bytes_are_the_same_every_time() -> None:
    assert [one.digest for one in load_family()] == [one.digest for one in load_family()]


def test_a_duplicate_in_the_data_is_found(tmp_path: Path) -> None:
    text = DATA.read_text("utf-8")
    again = text[text.index("[[claim]]") : text.index('[[claim]]\nsubject = "QLoRA"')]
    again = again.replace("Low-Rank Adaptation (LoRA)", "LoRA (Low-Rank Adaptation)")
    (tmp_path / "family.toml").write_text(text + again, "utf-8")
    with pytest.raises(ClaimError, match="probably 'Low-Rank Adaptation"):
        load_family(tmp_path / "family.toml")
