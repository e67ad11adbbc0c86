"""The verdict in the model cards of the runs that it rests on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from huggingface_hub import ModelCard

from verilora.records.canonical import digest_file
from verilora.records.target import Target
from verilora.reproduce.cards import write_cards
from verilora.reproduce.directory import Place
from verilora.reproduce.flow import prepare, reproduce
from verilora.reproduce.wish import Wish


@pytest.fixture(scope="module")
def place(make_target: Callable[..., Target], tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A finished reproduction of two seeds."""
    out = tmp_path_factory.mktemp("finished") / "out"
    wish = Wish(make_target(), seeds=(1, 0))
    reproduce(wish, out, ready=prepare(wish, workers=1))
    return Place(out)


def card_in(place: Place, seed: int) -> Path:
    return place.seed(seed) / "adapter" / "README.md"


def test_each_adapter_tells_the_verdict_and_how_to_check_it(place: Place) -> None:
    document, pre = place.verdict(), place.preregistration()
    assert document is not None and document.verdict is not None and pre is not None
    for seed in (0, 1):
        text = card_in(place, seed).read_text("utf-8")
        section = text.partition("## Verdict\n")[2].partition("## Check")[0]
        assert f"Protocol match: {document.verdict.protocol_match}" in section
        assert f"| verdict.json | {digest_file(place.verdict_file)} |" in section
        assert f"| preregistration | {pre.digest} |" in section
        assert "No verdict" not in text
        data = ModelCard(text).data
        assert data.eval_results and data.eval_results[0].dataset_config == "mrpc"
        assert data.datasets == ["nyu-mll/glue"]


def test_it_is_written_once_and_again_where_it_was_lost(place: Place) -> None:
    document, pre = place.verdict(), place.preregistration()
    assert document is not None and pre is not None
    assert write_cards(place, pre, document=document) == 0
    whole = card_in(place, 0).read_bytes()
    before, _, after = whole.partition(b"## Verdict\n")
    card_in(place, 0).write_bytes(before + b"## Check\n" + after.partition(b"## Check\n")[2])
    assert write_cards(place, pre, document=document) == 1
    assert card_in(place, 0).read_bytes() == whole
